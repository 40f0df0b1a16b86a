package dind

import (
	_ "embed"
	"regexp"
	"strings"

	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// The scripts run in the image's own shell, so that the official image needs no
// change and no other image is pulled. All but verify.sh, which may run in
// another namespace, are files of the ConfigMap.
var (
	//go:embed scripts/start.sh
	startScript string
	//go:embed scripts/await.sh
	awaitScript string
	//go:embed scripts/images.sh
	imagesScript string
	//go:embed scripts/guard.sh
	guardScript string
	//go:embed scripts/prune.sh
	pruneScript string
	//go:embed scripts/verify.sh
	verifyScript string
)

// scriptsPath is where the pods have the scripts. The whole directory is mounted
// and no file by subPath, so that it follows the ConfigMap. The kubelet replaces
// all files at once and changes none: a script that runs goes on reading its own.
const scriptsPath = "/etc/dindctl"

// The scripts' names in the ConfigMap.
const (
	startScriptName  = "start.sh"
	awaitScriptName  = "await.sh"
	guardScriptName  = "guard.sh"
	imagesScriptName = "images.sh"
	pruneScriptName  = "prune.sh"
)

// commented are the scripts of the ConfigMap, by name, with their comments.
func commented() map[string]string {
	return map[string]string{
		startScriptName:  startScript,
		awaitScriptName:  awaitScript,
		guardScriptName:  guardScript,
		imagesScriptName: imagesScript,
		pruneScriptName:  pruneScript,
	}
}

// scripts are those of the ConfigMap, as they are there.
func scripts() map[string]string {
	all := commented()
	for name, script := range all {
		all[name] = withoutComments(script)
	}
	return all
}

// runScript is the command that runs one of the ConfigMap's scripts.
func runScript(name string, args ...string) []string {
	return append([]string{"/bin/sh", scriptsPath + "/" + name}, args...)
}

// mountScripts gives the pod's only container the scripts.
func (p plan) mountScripts(pod *applycore.PodSpecApplyConfiguration) {
	pod.Containers[0].WithVolumeMounts(
		applycore.VolumeMount().WithName(ConfigVolumeName).WithMountPath(scriptsPath).WithReadOnly(true))
	pod.WithVolumes(applycore.Volume().WithName(ConfigVolumeName).
		WithConfigMap(applycore.ConfigMapVolumeSource().WithName(ConfigName(p.Name))))
}

var commentLine = regexp.MustCompile(`(?m)^[ \t]*(#.*)?\n`)

// withoutComments drops a script's blank lines and those that hold a comment and
// nothing else. Awk's comments look the same. In a here-document or any other text
// of several lines such a line would count: the scripts have none.
func withoutComments(script string) string {
	return commentLine.ReplaceAllString(script, "")
}

// literal protects a user's text from Kubernetes, which in commands, arguments
// and environment variables turns $(NAME) into a variable's value and $$ into
// one dollar. A password with a dollar sign must arrive as it was typed.
func literal(s string) string {
	if strings.Contains(s, "$(") || strings.Contains(s, "$$") {
		return strings.ReplaceAll(s, "$", "$$")
	}
	return s
}
