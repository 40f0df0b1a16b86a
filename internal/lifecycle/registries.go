package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

const (
	// reloadTime is how long a daemon may take to read changed registries: the kubelet
	// updates its file within two minutes, and guard.sh looks once a minute.
	reloadTime  = 4 * time.Minute
	reloadPause = 5 * time.Second
)

// waitRegistries waits until a daemon that was not restarted has read the registries that
// this run has changed. If it has not after reloadTime, it only warns.
func (i Instance) waitRegistries(ctx context.Context, pod *corev1.Pod, applied []apply.Applied, options dind.Options, outcome *Installation) error {
	wanted := dind.RegistriesOf(options)
	changed := slices.ContainsFunc(applied, func(a apply.Applied) bool { return a.Ref.Kind == "ConfigMap" && len(a.Fields) > 0 })
	if !changed || outcome.Daemon == nil || wanted.In(registriesOf(*outcome.Daemon)) {
		return nil
	}
	late := fmt.Errorf("the daemon has not read the changed registries within %s", human.Duration(reloadTime))
	ctx, cancel := context.WithTimeoutCause(ctx, reloadTime, late)
	defer cancel()
	return progress.Step(i.Observer, "Registries", func(update func(string)) error {
		update("waiting until the daemon has read them, without a restart: the kubelet takes up to two minutes")
		for {
			info, err := i.daemonInfo(ctx, pod)
			if err == nil && wanted.In(registriesOf(info)) {
				update("the daemon has read them")
				return nil
			}
			if err := kube.Sleep(ctx, reloadPause); err != nil {
				if context.Cause(ctx) != late {
					return err
				}
				update(late.Error())
				progress.Warn(i.Observer, fmt.Sprintf("%v: `kubectl rollout restart deployment/%s -n %s` restarts it", late, i.Name, pod.Namespace))
				return nil
			}
		}
	})
}

func registriesOf(info daemon.Info) dind.Registries {
	return dind.Registries{Mirrors: info.Mirrors, Insecure: info.Insecure}
}

// unusedMirrors says which mirrors of registries other than Docker Hub the daemon does not
// use, and what helps; "" if it uses all.
func unusedMirrors(options dind.Options, info daemon.Info) (message, hint string) {
	registries := options.MirroredRegistries()
	if len(registries) == 0 {
		return "", ""
	}
	mirrors := "the mirrors of " + strings.Join(registries, ", ")
	first, _, _ := strings.Cut(info.Version, ".")
	if major, err := strconv.Atoi(first); err == nil && major < dind.MirrorsFrom {
		return fmt.Sprintf("Docker Engine %s does not use %s.", info.Version, mirrors),
			fmt.Sprintf("Use an --image with Docker Engine %d or later.", dind.MirrorsFrom)
	}
	if info.ContainerdStore {
		return "", ""
	}
	return fmt.Sprintf("Only builds use %s: with the storage driver %s, `docker pull` and `docker run` do not.", mirrors, info.StorageDriver),
		"They do with containerd's image store, which Docker Engine 29 chooses for an empty data root."
}
