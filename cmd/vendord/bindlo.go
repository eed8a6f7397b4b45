package main

import (
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/vendord/vendord/link"
	"github.com/vendord/vendord/profiles"
)

// localOnly reports whether an endpoint is for programs of this machine alone, so that
// its listener is bound to the loopback link. A neighbour can send what it likes to an
// address that is this machine's, on whatever link: it needs a route, or no more than
// an answer to its question who has the address. EC2's metadata service is for nobody
// whom the kernel does not know; containers are let in by apps that say so.
func localOnly(c *profiles.Config, e profiles.Endpoint) bool {
	lets := func(a profiles.App) bool { return len(a.From) > 0 || a.Unidentified }
	return e.Kind == profiles.IMDS || !slices.ContainsFunc(slices.Collect(maps.Values(c.Apps)), lets)
}

// astray says why nobody reaches the endpoint, or nothing where programs do. systemd
// listens at an address that is none of the machine's, so that it may come later. What
// a program sends to an address of this machine counts as arrived by the link that has
// it: bound to the loopback link, vendord is reached at an address of that alone.
func (e endpoint) astray() string {
	at := e.Listen.Addr()
	if at.IsLoopback() {
		return ""
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	if !has(all, at) {
		return "is not an address of this machine"
	}
	if lo, err := net.InterfaceByName(link.Name); err == nil && e.local {
		if own, err := lo.Addrs(); err == nil && !has(own, at) {
			return "is on another link than " + link.Name + ", and programs of this machine reach vendord there alone"
		}
	}
	return ""
}

func has(all []net.Addr, at netip.Addr) bool {
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr() == at
	})
}

// anewSocket makes a socket anew that the service manager holds. Only who has CAP_NET_RAW
// may bind one to another link, or to none, once it is bound.
func anewSocket(system bool) string {
	if system {
		return "systemctl restart vendord.socket"
	}
	return "systemctl --user restart vendord.socket"
}
