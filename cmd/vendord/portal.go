package main

import (
	"maps"
	"slices"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// portals tells which portal of IAM Identity Center sources begin at. It asks the disk
// once for each source, so it is made anew for each use.
type portals struct {
	home  string
	known map[session.Source]*session.SignIn
}

func (d *daemon) portals() portals {
	return portals{d.options.config.Home, map[session.Source]*session.SignIn{}}
}

// ofSource returns what a person signs in to for a source, or nil.
func (p portals) ofSource(s session.Source) *session.SignIn {
	in, looked := p.known[s]
	if !looked {
		if found, ok, err := mint.SignInOf(s, p.home); err == nil && ok {
			in = &found
		}
		p.known[s] = in
	}
	return in
}

// of returns the portal that a request begins at, or nil.
func (p portals) of(r session.Request) *session.SignIn {
	if r.Parent != "" {
		return nil
	}
	return p.ofSource(r.Source)
}

// signedInTo returns whether a request begins with an identity of a portal.
func (d *daemon) signedInTo(in session.SignIn) func(session.Request) bool {
	portals := d.portals()
	return func(r session.Request) bool {
		at := portals.of(r)
		return at != nil && sameLogin(*at, in)
	}
}

// portalInWords names what is signed in to.
func portalInWords(in session.SignIn) string { return in.StartURL }

// known returns what is known of a login; where it is shared makes no other.
func (d *daemon) known(in session.SignIn) (found login.Known) {
	for _, k := range d.logins.Known() {
		if sameLogin(k.SignIn, in) {
			found = k
		}
	}
	return found
}

func sameLogin(a, b session.SignIn) bool {
	a.Share, b.Share = false, false
	return a == b
}

// keptInWords says where a login is kept, and whether it could be better.
func keptInWords(k login.Known) (words string) {
	switch k.Kept {
	case login.InKeyring:
		words = "the keyring"
	case login.InFile:
		words = "the state directory"
	case login.InMemory:
		words = "memory, until vendord ends"
	case login.InShared:
		return "~/.aws/sso/cache"
	}
	if k.Shared {
		words += " and ~/.aws/sso/cache"
	}
	return words
}

// loginRows are for status.
func (d *daemon) loginRows() (rows []control.LoginRow) {
	config, portals := d.book.Config(), d.portals()
	for _, k := range d.logins.Known() {
		row := control.LoginRow{Name: control.NoSource, Subject: portalInWords(k.SignIn), Until: k.Expires, Renews: k.Renewable,
			Kept: keptInWords(k), Pending: k.Pending, Problem: k.Problem}
		for _, name := range slices.Backward(slices.Sorted(maps.Keys(config.Sources))) {
			if in := portals.ofSource(config.Sources[name]); in != nil && sameLogin(*in, k.SignIn) {
				row.Name = name
			}
		}
		rows = append(rows, row)
	}
	return rows
}
