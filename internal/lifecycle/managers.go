package lifecycle

import (
	"fmt"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

// reportManagers warns of other tools that go on managing the objects of the plan.
func (i Instance) reportManagers(managers []apply.Manager) {
	for _, manager := range managers {
		progress.Warn(i.Observer, describeManager(manager))
	}
}

// describeManager returns what the tool will do to the objects, and what prevents it.
func describeManager(m apply.Manager) string {
	refs := kube.JoinRefs(m.Refs)
	namespace := ""
	if m.Namespace != "" {
		namespace = " -n " + m.Namespace
	}
	switch m.Tool {
	case apply.Helm:
		return fmt.Sprintf("do not run `helm uninstall %s%s`: it would still delete %s; `kubectl delete secret%[2]s -l owner=helm,name=%[1]s` deletes only Helm's record of the release",
			m.Name, namespace, refs)
	case apply.Terraform:
		return fmt.Sprintf("do not run `terraform destroy`, nor take these objects out of its configuration: it would still delete %s; `terraform state rm ADDRESS` makes Terraform forget each of them", refs)
	}
	tool := string(m.Tool)
	if m.Name != "" {
		tool += " (" + m.Name + ")"
	}
	return fmt.Sprintf("%s manages %s: it reverts what dindctl changes, and deletes the objects when they are no longer in its repository; change them there, or take them out of it without pruning", tool, refs)
}
