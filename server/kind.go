package server

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vendord/vendord/session"
)

// Kind is which of AWS's endpoints a listener speaks like.
type Kind int

// The zero Kind is vendord's own, on a loopback address. ECS is that of Amazon ECS's
// tasks, EKS that of EKS Pod Identity, and Metadata the instance metadata service of
// Amazon EC2.
const (
	OnLoopback Kind = iota
	ECS
	EKS
	Metadata
)

// String is the kind's name in vendord.toml and on record; loopback is listen of [daemon].
func (k Kind) String() string {
	return [...]string{OnLoopback: "loopback", ECS: "ecs", EKS: "eks", Metadata: "imds"}[k]
}

// Endpoint is what a listener is for.
type Endpoint struct {
	Kind Kind
	// App is the one whose programs alone are answered, or "".
	App string
}

// ownAt is the address of a listener that is an app's own, by which people tell it from
// the others of its kind; else "".
func (e Endpoint) ownAt(addr net.Addr) string {
	if e.App == "" {
		return ""
	}
	return addressOf(addr).String()
}

// addresses are those of each kind besides loopback: what SDKs ask without being told
// to by their owner. They are link-local, so no router passes them on.
var addresses = map[Kind][]string{
	ECS:      {"169.254.170.2"},
	EKS:      {"169.254.170.23", "fd00:ec2::23"},
	Metadata: {"169.254.169.254", "fd00:ec2::254"},
}

// at reports whether an address is one of a kind's.
func (k Kind) at(addr netip.Addr) bool { return slices.Contains(addresses[k], addr.String()) }

// place returns where a listener of a kind listens, and an error at any other address
// than its own: whoever is on the network could ask there, and read the answer of whoever
// asks.
func (k Kind) place(addr net.Addr) (netip.AddrPort, error) {
	if tcp, ok := addr.(*net.TCPAddr); ok && (tcp.IP.IsLoopback() || k.at(tcp.AddrPort().Addr().Unmap())) {
		return netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap().WithZone(""), tcp.AddrPort().Port()), nil
	}
	e := &session.Error{Class: session.Configuration, Public: "listen " + addr.String() + ": not a loopback address", Hint: "listen on 127.0.0.1"}
	if own := addresses[k]; own != nil {
		e.Public += ", and none of this endpoint's"
		e.Hint = "listen on " + strings.Join(own, " or ")
	}
	return netip.AddrPort{}, e
}

// urlOf is where programs ask, without a path. Port 80 is left out, as AWS's own
// variables do.
func urlOf(at netip.AddrPort) string { return "http://" + strings.TrimSuffix(at.String(), ":80") }
