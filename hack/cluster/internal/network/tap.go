package network

import "os"

// The second node is a virtual machine, which a tap device connects to the first
// node. Packets to its pods go through it.
const (
	Tap           = "tap0"
	SecondGateway = "198.18.78.1" // the address of the tap device
	SecondAddress = "198.18.78.2"
	SecondPods    = "10.244.1.0/24"
)

// TapUp creates the tap device and the routes to the second node, unless they
// exist.
func TapUp() error {
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return err
	}
	if run("ip -n "+Namespace+" link show "+Tap) == nil {
		return nil
	}
	return run(
		"ip -n "+Namespace+" tuntap add dev "+Tap+" mode tap",
		"ip -n "+Namespace+" address add "+SecondGateway+"/30 dev "+Tap,
		"ip -n "+Namespace+" link set "+Tap+" up",
		"ip -n "+Namespace+" route add "+SecondPods+" via "+SecondAddress,
	)
}

// TapDown removes the tap device and with it the routes, if they exist.
func TapDown() error {
	if run("ip -n "+Namespace+" link show "+Tap) != nil {
		return nil
	}
	return run("ip -n " + Namespace + " link delete " + Tap)
}
