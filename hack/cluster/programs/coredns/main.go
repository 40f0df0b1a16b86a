// Command coredns is CoreDNS with the plugins that the embedded cluster uses.
// The full set pulls in the clouds' client libraries, which take minutes to
// build and answer nothing here.
package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() { coremain.Run() }
