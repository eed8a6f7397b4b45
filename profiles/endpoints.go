package profiles

import "net/netip"

// taskAddresses are those that SDKs take for the containers' endpoint besides
// loopback: that of Amazon ECS, and those of EKS Pod Identity, which some SDKs
// allow where ECS's is asked for.
var taskAddresses = []string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}

// endpoints checks [endpoints].
func (l *loader) endpoints() {
	const hint = `write "169.254.170.2:80"; the addresses are 169.254.170.2, 169.254.170.23 and fd00:ec2::23`
	t, at := &l.file.Endpoints.ECS, path{"endpoints", "ecs", "listen"}
	if !l.file.Endpoints.has("ecs") && !t.named("listen") {
		return
	}
	listen, err := netip.ParseAddrPort(t.Listen)
	switch {
	case !t.named("listen"):
		l.wrong(at, hint, "missing")
	case !t.has("listen"): // and reported
	case err != nil:
		l.wrong(at, hint, "%q is not an address and a port", shortened(t.Listen))
	case listen.Port() == 0:
		l.wrong(at, hint, "port 0 is any free port, which no program would ask")
	case !isTask(listen.Addr()):
		l.wrong(at, hint, "%s is no address that the SDKs' containers ask", listen.Addr())
	default:
		l.config.ECS = listen
	}
}

// isTask reports whether an address is one of taskAddresses.
func isTask(a netip.Addr) bool {
	for _, text := range taskAddresses {
		if a == netip.MustParseAddr(text) {
			return true
		}
	}
	return false
}
