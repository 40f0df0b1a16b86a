package dind

import (
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// handmade returns a Deployment that mounts the volume.
func handmade(volume corev1.VolumeSource, mount corev1.VolumeMount, args ...string) *appsv1.Deployment {
	mount.Name = "storage"
	d := &appsv1.Deployment{}
	d.Spec.Template.Spec = corev1.PodSpec{
		Containers: []corev1.Container{{Name: "dind", Image: DefaultImage, Args: args, VolumeMounts: []corev1.VolumeMount{mount}}},
		Volumes:    []corev1.Volume{{Name: "storage", VolumeSource: volume}},
	}
	return d
}

func onClaim(name string) corev1.VolumeSource {
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
}

// A change that starts the daemon without its data is refused, and the error says what
// to type. No claim has to exist for that.
func TestMoved(t *testing.T) {
	atRoot := corev1.VolumeMount{MountPath: DataRoot}
	hostPath := corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/srv/docker"}}
	existing := func(name string) func(*Options) {
		return func(o *Options) { o.ExistingClaim, o.CacheLimit = name, "1Gi" }
	}
	atPath := func(path string) func(*Options) { return func(o *Options) { o.LocalPath, o.LocalNode = path, "n" } }
	own := onClaim(ClaimName(DefaultName))
	const missing = "--existing-claim: is missing: the daemon has its data on "
	for _, test := range []struct {
		name       string
		live       *appsv1.Deployment
		options    func(*Options)
		want, hint string // want is "" if the change is accepted
	}{
		{"the same claim", handmade(own, atRoot), nil, "", ""},
		{"the same given claim", handmade(onClaim("fast"), atRoot), existing("fast"), "", ""},
		{"a given claim is left out", handmade(onClaim("fast"), atRoot), nil, missing + "claim fast, and would start without it on claim docker-dind-data", "Use --existing-claim fast"},
		{"another given claim", handmade(onClaim("fast"), atRoot), existing("slow"), `--existing-claim "slow": would start the daemon without its data, which is on claim fast`, "Use --existing-claim fast"},
		{"another claim instead of NAME-data", handmade(own, atRoot), existing("slow"), `which is on claim docker-dind-data`, "Omit --existing-claim"},
		{"a directory of the node", handmade(hostPath, atRoot), nil, missing + "its node, in directory /srv/docker", "Use --local-path /srv/docker"},
		{"the same directory of the node", handmade(hostPath, atRoot), atPath("/srv/docker"), "", ""},
		{"another directory of the node", handmade(hostPath, atRoot), atPath("/mnt"), `--local-path "/mnt": would start`, "Use --local-path /srv/docker"},
		{"part of a claim", handmade(own, corev1.VolumeMount{MountPath: DataRoot, SubPath: "docker"}), nil, "claim docker-dind-data, in directory docker", "at the top of a claim"},
		{"a directory of the mount", handmade(own, corev1.VolumeMount{MountPath: "/var/lib"}), nil, "claim docker-dind-data, in directory docker", "at the top of a claim"},
		{"another data root", handmade(own, corev1.VolumeMount{MountPath: "/data"}, "--data-root", "/data/docker"), nil, "in directory docker", "at the top of a claim"},
		{"another data root, all of the claim", handmade(own, corev1.VolumeMount{MountPath: "/data/"}, "dockerd --data-root=/data"), nil, "", ""},
		{"another data root, in the container", handmade(own, atRoot, "--data-root=/tmp"), nil, "", ""},
		{"another kind of volume", handmade(corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{}}, atRoot), nil, missing + "volume storage", "at the top of a claim"},
		{"a volume that ends with the pod", handmade(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, atRoot), nil, "", ""},
		{"no data root", handmade(own, corev1.VolumeMount{MountPath: "/var/lib/dockerd"}), nil, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := Defaults()
			if test.options != nil {
				test.options(&o)
			}
			_, err := Build(o, Live{Deployment: test.live})
			var incompatible *IncompatibleError
			if !errors.As(err, &incompatible) {
				if err != nil || test.want != "" {
					t.Errorf("got %v, want %q", err, test.want)
				}
				return
			}
			if complaint := incompatible.OptionErrors[0]; test.want == "" || !strings.Contains(complaint.Error(), test.want) || !strings.HasPrefix(complaint.Hint, test.hint) && !strings.Contains(complaint.Hint, test.hint) {
				t.Errorf("got %q, %q\nwant %q, %q", complaint.Error(), complaint.Hint, test.want, test.hint)
			}
			o.AllowDataRootChange = true
			if _, err := Build(o, Live{Deployment: test.live}); err != nil {
				t.Errorf("with AllowDataRootChange: %v", err)
			}
		})
	}
}

// Every object has a label that no other tool writes, except the daemon's pod, which it
// would restart, and what installations share.
func TestOwnInstanceLabel(t *testing.T) {
	for _, in := range installations() {
		manifests, err := mustBuild(t, in).YAML()
		if err != nil {
			t.Fatal(err)
		}
		d := decode(t, manifests)
		for _, labels := range []map[string]string{d.config.Labels, d.service.Labels, d.deployment.Labels} {
			if labels[kube.OwnInstanceLabel] != in.options.Name {
				t.Errorf("%s: labels %v", in.name, labels)
			}
		}
		if labels := d.deployment.Spec.Template.Labels; labels[kube.OwnInstanceLabel] != "" {
			t.Errorf("%s: the pod has labels %v", in.name, labels)
		}
		if d.cronJob != nil && d.cronJob.Spec.JobTemplate.Spec.Template.Labels[kube.OwnInstanceLabel] != in.options.Name {
			t.Errorf("%s: the prune pod has labels %v", in.name, d.cronJob.Spec.JobTemplate.Spec.Template.Labels)
		}
	}
}
