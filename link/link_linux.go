package link

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Status says how each address stands. It needs no right.
func Status(of []netip.Addr) ([]Address, error) {
	now, err := look()
	if err != nil {
		return nil, err
	}
	all := make([]Address, len(of))
	for i, a := range of {
		all[i] = now.address(a)
	}
	return all, nil
}

// Up does what Add does, and then takes those of vendord's away that are not among them.
func Up(want []netip.Addr) (Change, error) {
	done, err := Add(want)
	if err != nil {
		return done, err
	}
	now, err := look()
	if err != nil {
		return done, err
	}
	done.Removed = slices.DeleteFunc(now.own(), func(a netip.Addr) bool { return slices.Contains(want, a) })
	return done, removeAll(now.loopback, done.Removed)
}

// Add puts the addresses on the loopback link where they are missing. If one of them
// cannot be had, none is taken: every error is a *session.Error, and what the call had
// added is gone again. To another call at the same time, which found it there, that is
// an error too.
func Add(want []netip.Addr) (done Change, err error) {
	before, err := look()
	if err != nil {
		return done, err
	}
	if err := before.refusal(want); err != nil {
		return done, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeAll(before.loopback, done.Added))
			done = Change{}
		}
	}()
	for _, a := range want {
		if before.address(a).State != Missing {
			continue
		}
		switch err := add(before.loopback, a); {
		case errors.Is(err, unix.EEXIST): // somebody was quicker: it is looked who
		case err != nil:
			return done, refused(a, err)
		default:
			done.Added = append(done.Added, a)
		}
	}
	after, err := look()
	if err != nil {
		return done, err
	}
	return done, after.confirm(want)
}

// Down takes away every address that Up has put there, whatever it is for by now.
func Down() (Change, error) {
	now, err := look()
	if err != nil {
		return Change{}, err
	}
	own := now.own()
	return Change{Removed: own}, removeAll(now.loopback, own)
}

// refusal joins why addresses cannot be had.
func (m machine) refusal(want []netip.Addr) error {
	var all []error
	if len(want) > 0 && !m.up {
		all = append(all, problem("ip link set "+Name+" up", nil, "link %s: is down", Name))
	}
	for _, a := range want {
		all = append(all, m.address(a).Refusal())
	}
	return errors.Join(all...)
}

// confirm makes sure of what a call is about to say.
func (m machine) confirm(want []netip.Addr) error {
	for _, a := range want {
		if at := m.address(a); !at.Here() {
			return cmp.Or(at.Refusal(), problem("run it again", nil, "%s: was taken away again by another program", a))
		}
	}
	return nil
}

// removeAll takes addresses off a link. What is gone already is gone.
func removeAll(link int, all []netip.Addr) error {
	var errs []error
	for _, a := range all {
		if err := remove(link, a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			errs = append(errs, refused(a, err))
		}
	}
	return errors.Join(errs...)
}

// refused says why the kernel does not do what it was asked.
func refused(a netip.Addr, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return problem("run it as root", err, "%s: needs root, or CAP_NET_ADMIN", a)
	case a.Is6() && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT)):
		return problem("sysctl net.ipv6.conf.lo.disable_ipv6=0, or leave this address out of vendord.toml: programs ask the IPv4 one too",
			err, "%s: IPv6 is switched off on this machine", a)
	}
	return problem("", err, "%s: %s", a, err)
}
