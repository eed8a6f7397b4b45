package main

import (
	"context"
	"errors"
	"slices"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// logout signs out of what a name is signed in to, or of everything. Sessions are
// dropped first, since telling AWS takes its time, and again after that: one may
// have been on its way.
func (d *daemon) logout(ctx context.Context, name string) (out control.WipedOut, err error) {
	portals := d.portals()
	which := descends(func(r session.Request) bool { return typed(r) || portals.of(r) != nil })
	wipe, found := d.wipe, d.foundLogin(portals)
	if name != "" {
		w, err := d.wants(name)
		if err != nil {
			return out, err
		}
		if w.portal == nil && len(w.codes) == 0 {
			message, err := d.nothing(w.source)
			out.Notes = append(out.Notes, message)
			return out, err
		}
		found = w.portal != nil
		which, wipe = d.descendants(w), func(ctx context.Context) (int, error) { return d.logoutOf(ctx, w.portal) }
	}
	d.gate.signedOut()
	out.Sessions = d.forgetSessions(which)
	out.Logins, err = wipe(ctx)
	d.gate.signedOut()
	out.Sessions += d.forgetSessions(which)
	err = errors.Join(err, d.carry.settle())
	if found && out.Logins == 0 {
		out.Notes = append(out.Notes, "nobody was signed in through vendord; where the AWS CLI is, its login is used again: aws sso logout ends that")
	}
	return out, err
}

// foundLogin reports whether a session lives by a login of the AWS CLI that vendord
// only found: it is not vendord's to end.
func (d *daemon) foundLogin(portals portals) bool {
	for _, st := range d.cache.Status() {
		in := portals.of(origin(st.Request))
		if st.KeyID != "" && in != nil && d.known(*in).SignIn == (session.SignIn{}) {
			return true
		}
	}
	return false
}

// descendants returns whether a request descends from what a name wants.
func (d *daemon) descendants(w want) func(session.Request) bool {
	portal := func(session.Request) bool { return false }
	if w.portal != nil {
		portal = d.signedInTo(*w.portal)
	}
	return descends(func(r session.Request) bool { return portal(r) || slices.Contains(w.codes, r) })
}

func (d *daemon) logoutOf(ctx context.Context, portal *session.SignIn) (int, error) {
	if portal == nil {
		return 0, nil
	}
	was, err := d.logins.Logout(ctx, *portal)
	if was {
		return 1, err
	}
	return 0, err
}

// wipe signs out of everything, also of what the AWS CLI signed in to for a
// source that shares its login, though no program has asked for that source yet:
// the first that did would take that login over.
func (d *daemon) wipe(ctx context.Context) (int, error) {
	n, err := d.logins.Wipe(ctx)
	for _, s := range d.book.Config().Sources {
		in, ok, unknown := mint.SignInOf(s, d.options.config.Home)
		if unknown != nil || !ok || !in.Share {
			continue
		}
		was, failed := d.logoutOf(ctx, &in)
		n, err = n+was, errors.Join(err, failed)
	}
	return n, err
}

// lock forgets every login and session and stops vending, or lets it go on.
func (d *daemon) lock(ctx context.Context, locked bool) (out control.WipedOut, err error) {
	defer d.nudge()
	if !locked {
		if err := d.gate.unlock(); err != nil {
			return out, err
		}
		go d.warm(context.WithoutCancel(ctx))
		return out, nil
	}
	err = d.gate.lock()
	out.Sessions = d.forgetSessions(func(session.Request) bool { return true })
	err = errors.Join(err, d.carry.settle()) // before AWS is told, which takes its time
	var wiping error
	out.Logins, wiping = d.wipe(ctx)
	return out, errors.Join(err, wiping)
}

// forgetSessions drops sessions from memory and returns how many lived.
func (d *daemon) forgetSessions(which func(session.Request) bool) (n int) {
	for _, st := range d.cache.Status() {
		if st.KeyID != "" && which(st.Request) {
			n++
		}
	}
	d.cache.Retain(func(r session.Request) bool { return !which(r) })
	return n
}
