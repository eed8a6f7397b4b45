package link

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// mark is the route priority by which an address is known to be vendord's ("vend").
// It comes with the address in one message of the kernel's: there is no moment at
// which an address is there and not marked. Linux keeps it since 4.18, and an older
// one's addresses count as somebody else's, which are used and never removed.
const mark = 0x76656e64

// broad is the length of the widest prefix that says nothing about an address in
// particular: zeroconf's 169.254.0.0/16, and default routes.
const broad = 16

// machine is what there is on this machine at one moment.
type machine struct {
	loopback  int // its index
	up        bool
	names     map[int]string // of links, by index
	addresses []assigned
	routes    []netlink.Route // those to one of AWS's networks in particular
}

// assigned is an address of a link.
type assigned struct {
	addr netip.Addr
	link int
	own  bool
}

// networks are where AWS's addresses are.
var networks = []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fd00:ec2::/32")}

// look asks the kernel. An answer during which something changed is asked for again.
func look() (m machine, err error) {
	for range 5 {
		if m, err = lookOnce(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	if err != nil {
		return m, problem("", err, "the kernel does not tell which addresses this machine has: %s", err)
	}
	return m, nil
}

func lookOnce() (m machine, err error) {
	m.names = map[int]string{}
	links, err := netlink.LinkList()
	if err != nil {
		return m, err
	}
	for _, l := range links {
		at := l.Attrs()
		m.names[at.Index] = at.Name
		if at.Flags&net.FlagLoopback != 0 {
			m.loopback, m.up = at.Index, at.Flags&net.FlagUp != 0
		}
	}
	request := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	request.AddData(nl.NewIfAddrmsg(unix.AF_UNSPEC))
	messages, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
	if err != nil {
		return m, err
	}
	for _, message := range messages {
		if a, ok := parseAddress(message); ok {
			m.addresses = append(m.addresses, a)
		}
	}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		every := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
		err := netlink.RouteListFilteredIter(family, every, netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
			if particular(r) {
				m.routes = append(m.routes, r)
			}
			return true
		})
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// parseAddress reads what the kernel says of an address. Of one with a peer, the
// address itself is IFA_LOCAL.
func parseAddress(message []byte) (a assigned, ok bool) {
	if len(message) < unix.SizeofIfAddrmsg {
		return a, false
	}
	head := nl.DeserializeIfAddrmsg(message)
	a.link = int(head.Index)
	// The kernel fills up the last attribute to four bytes; the library relies on it.
	filled := append(slices.Clip(message), make([]byte, -len(message)&3)...)
	attributes, err := nl.ParseRouteAttr(filled[unix.SizeofIfAddrmsg:])
	if err != nil {
		return a, false
	}
	for _, attribute := range attributes {
		switch addr, isAddr := netip.AddrFromSlice(attribute.Value); attribute.Attr.Type {
		case unix.IFA_LOCAL:
			if isAddr {
				a.addr = addr
			}
		case unix.IFA_ADDRESS:
			if isAddr && !a.addr.IsValid() {
				a.addr = addr
			}
		case unix.IFA_RT_PRIORITY:
			a.own = len(attribute.Value) == 4 && nl.NativeEndian().Uint32(attribute.Value) == mark
		}
	}
	return a, a.addr.IsValid()
}

// particular reports whether a route is about a network of AWS's addresses: not as
// wide as all the world, and not what comes with an address, which is looked at itself.
func particular(r netlink.Route) bool {
	to, ok := destination(r)
	if !ok || to.Bits() <= broad || r.Table == unix.RT_TABLE_LOCAL && r.Protocol == unix.RTPROT_KERNEL {
		return false
	}
	return networks[0].Overlaps(to) || networks[1].Overlaps(to)
}

func destination(r netlink.Route) (netip.Prefix, bool) {
	if r.Dst == nil {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(r.Dst.IP)
	bits, _ := r.Dst.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), bits), ok
}

// address finds out how an address stands. Another link's comes first: where two have
// it, the kernel takes either. A route is in nobody's way while the address is here.
func (m machine) address(addr netip.Addr) Address {
	here := Address{Addr: addr, State: Missing}
	for _, a := range m.addresses {
		switch {
		case a.addr != addr:
		case a.link != m.loopback:
			return Address{Addr: addr, State: Taken, By: cmp.Or(m.names[a.link], fmt.Sprintf("number %d", a.link))}
		case a.own:
			here.State = Own
		default:
			here.State = Given
		}
	}
	for _, r := range m.routes {
		if to, _ := destination(r); here.State == Missing && to.Contains(addr) {
			return Address{Addr: addr, State: Routed, By: m.words(r)}
		}
	}
	return here
}

// words is a route as ip-route(8) shows it, as far as a person needs to find it.
func (m machine) words(r netlink.Route) string {
	to, _ := destination(r)
	kinds := map[int]string{unix.RTN_BLACKHOLE: "blackhole ", unix.RTN_UNREACHABLE: "unreachable ", unix.RTN_PROHIBIT: "prohibit ",
		unix.RTN_LOCAL: "local ", unix.RTN_THROW: "throw "}
	said := kinds[r.Type] + to.String()
	if r.Gw != nil {
		said += " via " + r.Gw.String()
	}
	if name := m.names[r.LinkIndex]; name != "" {
		said += " dev " + name
	}
	if r.Table != unix.RT_TABLE_MAIN {
		said += fmt.Sprintf(" table %d", r.Table)
	}
	return said
}

// own lists vendord's addresses.
func (m machine) own() (all []netip.Addr) {
	for _, a := range m.addresses {
		if a.own && a.link == m.loopback {
			all = append(all, a.addr)
		}
	}
	return all
}

// add puts an address on a link, marked.
func add(link int, a netip.Addr) error {
	return change(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK, link, a)
}

// remove takes one off a link.
func remove(link int, a netip.Addr) error {
	return change(unix.RTM_DELADDR, unix.NLM_F_ACK, link, a)
}

func change(what, how, link int, a netip.Addr) error {
	family, flags := unix.AF_INET, uint32(0)
	if a.Is6() {
		// No question whether anybody else has it, and no route but the address's own.
		family, flags = unix.AF_INET6, unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE
	}
	head := nl.NewIfAddrmsg(family)
	head.Index, head.Prefixlen, head.Scope = uint32(link), uint8(a.BitLen()), unix.RT_SCOPE_HOST
	request := nl.NewNetlinkRequest(what, how)
	request.AddData(head)
	request.AddData(nl.NewRtAttr(unix.IFA_LOCAL, a.AsSlice()))
	request.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, a.AsSlice()))
	if what == unix.RTM_NEWADDR {
		request.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(flags)))
		request.AddData(nl.NewRtAttr(unix.IFA_RT_PRIORITY, nl.Uint32Attr(mark)))
	}
	_, err := request.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
