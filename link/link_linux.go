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

// Up does what Add does, and then takes those of vendord's away that are not among them,
// also where it could not add all.
func Up(want []netip.Addr) (Change, error) {
	done, failed := Add(want)
	now, err := look()
	if err != nil {
		return done, errors.Join(failed, err)
	}
	old := slices.DeleteFunc(now.own(), func(a netip.Addr) bool { return slices.Contains(want, a) })
	done.Removed, err = removeAll(now.loopback, old)
	return done, errors.Join(failed, err)
}

// Add puts the addresses on the loopback link where they are missing. Each that cannot be
// had is an error, a *session.Error, and keeps no other away.
func Add(want []netip.Addr) (done Change, err error) {
	before, err := look()
	if err != nil {
		return done, err
	}
	if len(want) > 0 && !before.up {
		return done, problem("ip link set "+Name+" up", nil, "link %s: is down", Name)
	}
	var wrong []error
	var put []netip.Addr
	for _, a := range want {
		is := before.address(a)
		if err := is.Refusal(); err != nil {
			wrong = append(wrong, err)
			continue
		}
		if is.State == Missing {
			err := add(before.loopback, a)
			if err != nil && !errors.Is(err, unix.EEXIST) { // somebody was quicker: it is looked who
				wrong = append(wrong, refused(a, err))
				continue
			}
			if err == nil {
				done.Added = append(done.Added, a)
			}
		}
		put = append(put, a)
	}
	wrong = append(wrong, done.confirm(put))
	return done, errors.Join(wrong...)
}

// Ours lists the addresses that Up and Add have put there, whatever they are for by now.
// It needs no right.
func Ours() ([]netip.Addr, error) {
	now, err := look()
	if err != nil {
		return nil, err
	}
	return now.own(), nil
}

// Down takes those of the addresses away that Up and Add have put there.
func Down(all []netip.Addr) (done Change, err error) {
	now, err := look()
	if err != nil {
		return done, err
	}
	own := slices.DeleteFunc(now.own(), func(a netip.Addr) bool { return !slices.Contains(all, a) })
	done.Removed, err = removeAll(now.loopback, own)
	return done, err
}

// confirm makes sure of what a call is about to say. One that another link has got
// meanwhile is not left on both: the kernel takes either.
func (done *Change) confirm(put []netip.Addr) error {
	now, err := look()
	if err != nil {
		return err
	}
	var wrong []error
	for _, a := range put {
		is := now.address(a)
		if is.Here() {
			continue
		}
		wrong = append(wrong, cmp.Or(is.Refusal(), problem("run it again", nil, "%s: was taken away again by another program", a)))
		if i := slices.Index(done.Added, a); i >= 0 {
			done.Added = slices.Delete(done.Added, i, i+1)
			_, err := removeAll(now.loopback, []netip.Addr{a})
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// removeAll takes addresses off a link, and returns those that are gone. What was gone
// already is gone.
func removeAll(link int, all []netip.Addr) (gone []netip.Addr, err error) {
	var errs []error
	for _, a := range all {
		if err := remove(link, a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			errs = append(errs, refused(a, err))
			continue
		}
		gone = append(gone, a)
	}
	return gone, errors.Join(errs...)
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
