// Command kubectl is the upstream client, built from its module. hack/bench compares
// with it on machines that have no kubectl of a version that fits.
package main

import (
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // the logins that a user's cluster may need
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

func main() { os.Exit(cli.Run(cmd.NewDefaultKubectlCommand())) }
