// Command coredns answers for the services of the test cluster, and for nothing else: CoreDNS with
// the few plugins that its Corefile names, so that no cloud provider's library is built. It has no
// plugin that forwards, so no question leaves the machine.
package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	coremain.Run()
}
