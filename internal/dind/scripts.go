package dind

import (
	"embed"
	"regexp"
	"strings"

	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// The scripts run in the image's shell, so that the installation needs no other image.
// All but verify.sh, which may run in another namespace, and those that jobs run are files
// of the ConfigMap.
var (
	//go:embed scripts
	scriptFiles embed.FS
	//go:embed scripts/verify.sh
	verifyScript string
	//go:embed scripts/job.sh
	jobScript string
	//go:embed scripts/job_replicas.sh
	jobReplicasScript string
	//go:embed scripts/clients.sh
	clientsScript string
)

// scriptsPath is where the pods mount the scripts. They mount the directory, because
// Kubernetes does not update subPath mounts. An update replaces the files, so a running
// script is not affected.
const scriptsPath = "/etc/dindctl"

// The names of the scripts that pods run.
const (
	startScriptName = "start.sh"
	awaitScriptName = "await.sh"
	pruneScriptName = "prune.sh"

	// certificatesScriptName is what only prune.sh reads.
	certificatesScriptName = "certificates.sh"
)

// commented returns the scripts of the ConfigMap, by name, with their comments.
func commented() map[string]string {
	all := map[string]string{}
	for _, name := range []string{startScriptName, awaitScriptName, pruneScriptName, "registries.sh", "lock.sh", "limits.sh", "pools.sh", "nest.sh", "ports.sh", drainScriptName, "clients.sh", "guard.sh", "reload.sh", "metrics.sh", pageScriptName, "images.sh", "leftovers.sh", "uses.sh", certificatesScriptName} {
		text, err := scriptFiles.ReadFile("scripts/" + name)
		if err != nil {
			panic(err) // they are embedded
		}
		all[name] = string(text)
	}
	return all
}

// scripts returns the scripts of the ConfigMap without their comments.
func scripts() map[string]string {
	all := commented()
	for name, script := range all {
		all[name] = commentLine.ReplaceAllString(script, "")
	}
	return all
}

// commentLine matches blank lines and lines with only a comment, in shell and awk. It
// would also match such lines in a string or here-document: the scripts have none.
var commentLine = regexp.MustCompile(`(?m)^[ \t]*(#.*)?\n`)

// runScript returns the command that runs a script of the ConfigMap.
func runScript(name string, args ...string) []string {
	return append([]string{"/bin/sh", scriptsPath + "/" + name}, args...)
}

// mountScripts mounts the scripts in the pod's only container.
func (p plan) mountScripts(pod *applycore.PodSpecApplyConfiguration) {
	pod.Containers[0].WithVolumeMounts(
		applycore.VolumeMount().WithName(ConfigVolumeName).WithMountPath(scriptsPath).WithReadOnly(true))
	pod.WithVolumes(applycore.Volume().WithName(ConfigVolumeName).
		WithConfigMap(applycore.ConfigMapVolumeSource().WithName(ConfigName(p.Name))))
}

// literal escapes a user's text for commands, arguments and environment variables, in
// which Kubernetes replaces $(NAME) by a variable and $$ by one dollar sign.
func literal(s string) string {
	if strings.Contains(s, "$(") || strings.Contains(s, "$$") {
		return strings.ReplaceAll(s, "$", "$$")
	}
	return s
}
