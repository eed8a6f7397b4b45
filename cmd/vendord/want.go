package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// sourceOrProfile is what login and logout are given the name of.
const sourceOrProfile = "source or profile"

// want is what a source, or a profile, wants a person for: a sign-in, codes of
// MFA devices, both or neither.
type want struct {
	source session.Source // where the lineage begins
	portal *session.SignIn
	codes  []session.Request // those that wait for one first
}

// wants finds out what a name stands for and what it wants.
func (d *daemon) wants(name string) (want, error) {
	requests, err := d.requestsOf(name)
	if err != nil {
		return want{}, err
	}
	var w want
	for _, r := range requests {
		w.source = origin(r).Source
		for ancestor := range lineage(r) {
			if typed(ancestor) && !slices.Contains(w.codes, ancestor) {
				w.codes = append(w.codes, ancestor)
			}
		}
	}
	if w.source.Name == "" { // no profile uses it
		w.source = d.book.Config().Sources[name]
	}
	if in, ok, err := mint.SignInOf(w.source, d.options.config.Home); err != nil {
		return want{}, err
	} else if ok {
		w.portal = &in
	}
	d.waitingFirst(w.codes)
	return w, nil
}

// requestsOf returns what the sessions of a profile, or those that begin with a
// source, are asked for with; those of who runs vendord first.
func (d *daemon) requestsOf(name string) ([]session.Request, error) {
	config := d.book.Config()
	_, isSource := config.Sources[name]
	_, isProfile := config.Profiles[name]
	if !isSource && !isProfile {
		known := map[string]bool{}
		for _, n := range slices.Concat(slices.Collect(maps.Keys(config.Sources)), slices.Collect(maps.Keys(config.Profiles))) {
			known[n] = true
		}
		return nil, d.notLoaded(unknownName(sourceOrProfile, name, known))
	}
	if isSource { // of two with one name: one command, one identity
		isProfile = false
	}
	var own, others []session.Request
	for _, g := range d.reachable() {
		r := g.Session.Value()
		begins := func(r session.Request) bool { return r.Source.Name == name }
		if !(isProfile && g.Profile == name) && !(isSource && descends(begins)(r)) {
			continue
		}
		if g.App == profiles.CLI && g.User == d.options.user {
			own = append(own, r)
		} else {
			others = append(others, r)
		}
	}
	if isProfile && len(own)+len(others) == 0 { // it cannot be asked for: say why, and not that there is nothing
		if _, err := d.book.Render(profiles.CLI, d.options.user, name); err != nil {
			return nil, err
		}
	}
	return append(own, others...), nil
}

// waitingFirst puts first those that failed because nobody typed a code, and
// then those that have nothing.
func (d *daemon) waitingFirst(codes []session.Request) {
	rank := map[session.Key]int{}
	for _, st := range d.cache.Status() {
		switch {
		case st.Last != nil && st.Last.Class == session.Person:
			rank[st.Request.Key()] = -1
		case st.KeyID != "":
			rank[st.Request.Key()] = 1
		}
	}
	slices.SortStableFunc(codes, func(a, b session.Request) int { return cmp.Compare(rank[a.Key()], rank[b.Key()]) })
}

// nothing says why there is nothing to sign in to.
func (d *daemon) nothing(s session.Source) (string, error) {
	command, found, err := mint.LoginCommand(s, d.options.config.Home)
	switch {
	case err != nil:
		return "", err
	case found:
		return "", fail("run: "+command, "source %q: its sign-in is the AWS CLI's", s.Name)
	}
	return fmt.Sprintf("nothing to sign in to: source %s %s", s.Name, ownKeys(s)), nil
}

func ownKeys(s session.Source) string {
	switch s.Type {
	case session.WebIdentity, session.SAML:
		return "brings its own proof"
	case session.IMDS:
		return "is this machine's role"
	case session.Container:
		return "is this container's role"
	}
	return "has keys of its own"
}

// asking returns what says which command a failed session wants a person to
// run, or "" if it is none of vendord's.
func (d *daemon) asking() func(r session.Request, profile string) string {
	portals := d.portals()
	return func(r session.Request, profile string) string {
		for ancestor := range lineage(r) {
			switch {
			case typed(ancestor) && ancestor.Operation == session.GetSessionToken && ancestor.RoleARN == "":
				return "vendord login " + ancestor.Source.Name
			case typed(ancestor):
				return "vendord login " + profile
			case portals.of(ancestor) != nil:
				return "vendord login " + ancestor.Source.Name
			}
		}
		return ""
	}
}
