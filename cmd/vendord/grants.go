package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"slices"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// rights says what a caller of the control socket may do. In user mode the
// socket is its owner's alone; in system mode everybody may have tokens of
// their own apps, and root and the operators' groups steer.
func (d *daemon) rights(p peer.Peer) (control.Rights, error) {
	all := control.Vend | control.See | control.Steer
	if p.UID == 0 || !d.options.config.System && int(p.UID) == d.options.config.UID {
		return all, nil
	}
	if !d.options.config.System {
		return 0, &session.Error{Class: session.Refused,
			Public: "control socket: this vendord belongs to another user",
			Hint:   "start your own: vendord serve"}
	}
	for _, group := range d.book.Config().Daemon.Operators {
		if slices.Contains(p.Groups, group) {
			return all, nil
		}
	}
	return control.Vend | control.See, nil
}

// allowed returns what a user without Steer may have tokens for.
func (d *daemon) allowed(user string, groups []string) (apps, profiles []string) {
	return d.book.Allowed(user, groups...)
}

// anyone reports whether an app's tokens are for callers who are no users here.
func (d *daemon) anyone(app string) bool {
	a := d.book.Config().Apps[app]
	return a.Unidentified || len(a.From) > 0
}

// issue stores a token for an app. With spec.Warm its session is minted first,
// so that a profile that cannot work is told at once and leaves no token.
func (d *daemon) issue(ctx context.Context, spec control.TokenSpec) (control.Issued, error) {
	token, _, issued, err := d.prepare(ctx, spec)
	if err != nil {
		return control.Issued{}, err
	}
	if spec.Adopted {
		return issued, d.book.Adopt(token)
	}
	return issued, d.book.Issue(token)
}

// rotate stores a token in the place of another.
func (d *daemon) rotate(_ context.Context, q control.RotateSpec) (control.Rotated, error) {
	now := d.options.now()
	token := apps.Token{ID: apps.NewID(), Steer: true, Path: q.Path, Expires: now.Add(q.TTL)}
	if _, err := hex.Decode(token.Hash[:], []byte(q.Hash)); err != nil {
		return control.Rotated{}, fail("", "token: its hash is not 64 hexadecimal digits")
	}
	if err := d.answersIDs(token); err != nil {
		return control.Rotated{}, err
	}
	if err := d.book.Rotate(q.App, q.ID, token, q.Overlap); err != nil {
		return control.Rotated{}, err
	}
	rotated := control.Rotated{OldID: q.ID, OldEnds: now}
	for _, t := range d.book.Tokens(q.App) {
		switch t.ID {
		case token.ID:
			rotated.Issued = control.Issued{ID: t.ID, App: t.App, User: t.User, Profile: d.book.Current(t.App), URL: d.urlOf(t), Expires: t.Expires}
		case q.ID:
			rotated.OldEnds = t.Expires
		}
	}
	if key, err := d.book.Render(rotated.App, rotated.User, rotated.Profile); err == nil {
		rotated.Region, rotated.STSEndpoint = key.Value().Region, key.Value().Endpoint
	}
	return rotated, nil
}

// hold registers a token for as long as its holder stays connected.
func (d *daemon) hold(ctx context.Context, spec control.TokenSpec) (control.Issued, func(), error) {
	if spec.Narrowed {
		return d.holdNarrowed(ctx, spec)
	}
	token, _, issued, err := d.prepare(ctx, spec)
	if err != nil {
		return control.Issued{}, nil, err
	}
	release, err := d.book.Hold(token)
	if err != nil {
		return control.Issued{}, nil, err
	}
	d.carry.changed()
	return issued, d.letting(func() { release(); d.carry.changed() }), nil
}

// letting is how a held token is released. Where the daemon ends, it was not its
// holder who let go: it is left to the next daemon.
func (d *daemon) letting(release func()) func() {
	return func() {
		if !d.carry.on() || !d.ending() {
			release()
		}
	}
}

// holdNarrowed holds a token with policies of its own. Nothing else leads to
// its session, so the token is held before the session is minted, or a change
// meanwhile would drop it; and with the token the session goes.
func (d *daemon) holdNarrowed(ctx context.Context, spec control.TokenSpec) (control.Issued, func(), error) {
	warm := spec.Warm
	spec.Warm = false
	token, key, issued, err := d.prepare(ctx, spec)
	if err != nil {
		return control.Issued{}, nil, err
	}
	held, err := d.book.Hold(token)
	if err != nil {
		return control.Issued{}, nil, err
	}
	d.carry.changed()
	release := func() { held(); d.drop() }
	if warm {
		_, err = d.gate.Get(ctx, key, commandPatience)
	}
	if err != nil {
		release()
		return control.Issued{}, nil, err
	}
	return issued, d.letting(release), nil
}

// prepare turns what the control socket was asked into a token, and mints its
// session if that was asked too.
func (d *daemon) prepare(ctx context.Context, spec control.TokenSpec) (apps.Token, session.Key, control.Issued, error) {
	token := apps.Token{ID: apps.NewID(), App: spec.App, User: spec.User, UID: spec.UID, Profile: spec.Profile,
		Steer: spec.Steer, Path: spec.Path, Issued: d.options.now(), Expires: spec.Expires,
		Policy: spec.Policy, PolicyARNs: spec.PolicyARNs, Exec: spec.Exec}
	if _, err := hex.Decode(token.Hash[:], []byte(spec.Hash)); err != nil {
		return token, session.Key{}, control.Issued{}, fail("", "token: its hash is not 64 hexadecimal digits")
	}
	token.ID = cmp.Or(d.book.Awaited(token.Hash), token.ID)
	config := d.book.Config()
	if token.App != profiles.CLI {
		if _, ok := config.Apps[token.App]; !ok {
			return token, session.Key{}, control.Issued{}, d.notLoaded(unknownName("app", token.App, config.Apps))
		}
	} else if _, ok := config.Profiles[spec.Profile]; !ok {
		if _, ok := config.Apps[spec.Profile]; ok {
			return token, session.Key{}, control.Issued{}, fail("vendord env "+spec.Profile, "profile %q: it is an app", spec.Profile)
		}
		return token, session.Key{}, control.Issued{}, d.notLoaded(unknownName("profile", spec.Profile, config.Profiles))
	}
	grant, err := d.book.Prepare(token)
	if err == nil {
		err = d.answersIDs(token)
	}
	if err != nil {
		return token, session.Key{}, control.Issued{}, err
	}
	if spec.Warm {
		if _, err := d.gate.Get(ctx, grant.Session, commandPatience); err != nil {
			return token, session.Key{}, control.Issued{}, err
		}
	}
	request := grant.Session.Value()
	return token, grant.Session, control.Issued{ID: token.ID, App: token.App, User: token.User, Profile: grant.Profile,
		URL: d.urlOf(token), Region: request.Region, STSEndpoint: request.Endpoint, Expires: token.Expires}, nil
}

// notLoaded adds to what is unknown that it may be in the file by now.
func (d *daemon) notLoaded(err error) error {
	if e, ok := errors.AsType[*session.Error](err); ok && d.book.Config().Changed() {
		e.Hint = reloadIt
	}
	return err
}

// reachable returns what leads to a session: the live tokens, and for who may
// ask for any profile, the profiles themselves.
func (d *daemon) reachable() []apps.Grant {
	grants := d.book.Grants()
	users := map[string]bool{d.options.user: true}
	for _, g := range grants {
		users[g.User] = true
	}
	all := slices.Collect(maps.Keys(d.book.Config().Profiles))
	for user := range users {
		names := all
		if user != d.options.user {
			_, names = d.book.Allowed(user)
		}
		for _, name := range names {
			if key, err := d.book.Render(profiles.CLI, user, name); err == nil {
				grants = append(grants, apps.Grant{App: profiles.CLI, User: user, Profile: name, Session: key})
			}
		}
	}
	return grants
}

// tokens lists live tokens, without their hashes.
func (d *daemon) tokens(app string) []control.TokenSpec {
	specs := []control.TokenSpec{}
	for _, t := range d.book.Tokens(app) {
		specs = append(specs, control.TokenSpec{ID: t.ID, App: t.App, User: t.User, Profile: t.Profile,
			Issued: t.Issued, Expires: t.Expires, Held: t.Held, Narrowed: t.Narrowed(), Adopted: t.Adopted, Rotated: t.Rotated != "", Path: t.Path})
	}
	return specs
}
