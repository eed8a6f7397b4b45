// Package link puts the link-local addresses that AWS's SDKs ask on this machine's
// loopback link, and takes them away again.
//
// An address is put there as /32 or /128, of use to nobody as the source of anything
// (scope host) and without a question to any network (no duplicate address detection).
// It carries a mark, a route priority that no person writes: what bears it is
// vendord's own, and nothing else is ever removed. All of it needs CAP_NET_ADMIN and
// nothing else. It lasts until the machine ends, and may be done any number of times,
// also by several at once.
//
// The loopback link, and no link of its own: Linux counts what a program of this
// machine sends to one of its addresses as arrived by the link which has that address.
// A listener that is bound to "lo", so that no neighbour reaches it, is reached by
// programs of this machine only where the address is on "lo". One that is bound to
// another link is lost when that is made anew, and by programs with another source
// address at any time; and a kernel may have no such kind of link.
//
// It does not look at packet filters: a rule that redirects an address stays in force.
package link

import (
	"fmt"
	"net/netip"

	"github.com/vendord/vendord/session"
)

// Name is the link that the addresses are on.
const Name = "lo"

// State is how an address stands on this machine.
type State string

// The states. With Own and Given programs of this machine reach who listens there.
const (
	Missing State = "missing" // on no link, and free to be taken
	Own     State = "own"     // on the loopback link, put there by Up
	Given   State = "given"   // on the loopback link, put there by somebody else
	Taken   State = "taken"   // on another link
	Routed  State = "routed"  // a route to it leads elsewhere
)

// Address is an address that was asked about.
type Address struct {
	Addr  netip.Addr `json:"address"`
	State State      `json:"state"`
	// By is the link that has it, or the route that leads elsewhere.
	By string `json:"by,omitempty"`
}

// Here reports whether programs of this machine reach who listens at the address.
func (a Address) Here() bool { return a.State == Own || a.State == Given }

// Change is what Up and Down have done.
type Change struct {
	Added   []netip.Addr `json:"added,omitempty"`
	Removed []netip.Addr `json:"removed,omitempty"`
}

// Refusal is why an address may not be put on the loopback link, of class
// Configuration; nil where it may, or is there. To take an address away from who has
// it, or a network from who routes it, is for the machine's administrator.
func (a Address) Refusal() error {
	prefix := netip.PrefixFrom(a.Addr, a.Addr.BitLen())
	switch a.State {
	case Taken:
		return problem(fmt.Sprintf("find out what it is there for; ip addr del %s dev %s, or leave this endpoint out of vendord.toml", prefix, a.By),
			nil, "%s: link %s has this address", a.Addr, a.By)
	case Routed:
		return problem("find out what answers there; remove the route with ip route del, or leave this endpoint out of vendord.toml",
			nil, "%s: a route of this machine leads elsewhere: %s", a.Addr, a.By)
	}
	return nil
}

func problem(hint string, cause error, format string, args ...any) error {
	return &session.Error{Class: session.Configuration, Public: fmt.Sprintf(format, args...), Hint: hint, Err: cause}
}
