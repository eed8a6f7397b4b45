package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// sources are the rows of "source list". Nothing is asked of AWS.
func (d *daemon) sources(ctx context.Context) ([]control.SourceRow, error) {
	config := d.book.Config()
	rows := []control.SourceRow{}
	for _, name := range slices.Sorted(maps.Keys(config.Sources)) {
		s := config.Sources[name]
		row := control.SourceRow{Name: name, Type: s.Type, Where: whereInWords(s), Profiles: []string{}}
		for _, profile := range slices.Sorted(maps.Keys(config.Profiles)) {
			if config.Profiles[profile].Source == name {
				row.Profiles = append(row.Profiles, profile)
			}
		}
		if err := d.usable(ctx, s); err != nil {
			e := session.AsError(err)
			row.Problem, row.Hint = e.Public, e.Hint
		}
		row.SignIn, row.Until, row.Renews = d.signInOf(name)
		rows = append(rows, row)
	}
	return rows, nil
}

// usable tells what is wrong with a source without asking AWS.
func (d *daemon) usable(ctx context.Context, s session.Source) error {
	if err := mint.CheckSource(s, d.options.config.Home); err != nil {
		return err
	}
	ctx, done := context.WithTimeout(ctx, lookPatience)
	defer done()
	_, err := d.minter.Generation(ctx, s)
	return err
}

// signInOf says how a person signs in for a source, and until when one is.
func (d *daemon) signInOf(name string) (how string, until time.Time, renews bool) {
	w, err := d.wants(name)
	switch {
	case err != nil:
		return "", time.Time{}, false
	case w.portal != nil:
		k := d.known(*w.portal)
		return "Identity Center", k.Expires, k.Renewable
	case len(w.codes) > 0:
		for _, st := range d.cache.Status() {
			if slices.Contains(w.codes, st.Request) && st.Expires.After(until) {
				until = st.Expires
			}
		}
		return "MFA", until, false
	}
	return "", time.Time{}, false
}

// whereInWords says where a source's identity comes from.
func whereInWords(s session.Source) string {
	file := func(path string) string { return cmp.Or(path, "~/.aws") }
	switch s.Type {
	case session.SharedConfig:
		return fmt.Sprintf("SDK profile %s of %s", s.Profile, file(cmp.Or(s.ConfigFile, s.CredentialsFile)))
	case session.Environment:
		return "the daemon's environment"
	case session.Keyring:
		return "the keyring, entry source/" + s.Name
	case session.ParentProfile:
		return "profile " + s.Profile
	case session.IMDS:
		return "this machine's role"
	case session.Container:
		return "this container's role"
	}
	if s.File != "" {
		return s.File
	}
	if command := session.Items(s.Command); len(command) > 0 {
		return "what " + filepath.Base(command[0]) + " prints"
	}
	return "-"
}

// checkSource asks AWS who a source is.
func (d *daemon) checkSource(ctx context.Context, name string) (control.SourceIdentity, error) {
	config := d.book.Config()
	s, ok := config.Sources[name]
	if !ok {
		return control.SourceIdentity{}, d.notLoaded(unknownName("source", name, config.Sources))
	}
	if d.gate.locked() {
		return control.SourceIdentity{}, errLocked()
	}
	ctx, done := d.gate.while(ctx)
	defer done()
	who, err := d.whoIs(ctx, config, s)
	return control.SourceIdentity{Account: who.Account, ARN: who.ARN, UserID: who.UserID}, err
}

func (d *daemon) whoIs(ctx context.Context, config *profiles.Config, s session.Source) (mint.Caller, error) {
	if s.Type == session.ParentProfile {
		key, err := d.book.Render(profiles.CLI, d.options.user, s.Profile)
		if err != nil {
			return mint.Caller{}, err
		}
		creds, err := d.gate.Get(ctx, key, commandPatience)
		if err != nil {
			return mint.Caller{}, err
		}
		return mint.WhoAmI(ctx, creds, key.Value().Region, key.Value().Endpoint)
	}
	region := cmp.Or(s.Region, config.Daemon.Region)
	for _, profile := range slices.Sorted(maps.Keys(config.Profiles)) {
		if config.Profiles[profile].Source == s.Name {
			region = cmp.Or(region, config.Profiles[profile].Region)
		}
	}
	return d.minter.WhoIs(ctx, session.Request{Source: s, Operation: session.SourceItself, Region: region, Endpoint: config.Daemon.STSEndpoint})
}

// refresh looks at a source again and forgets its failures, with drop its
// sessions too.
func (d *daemon) refresh(ctx context.Context, name string, drop bool) (int, error) {
	which := descends(func(r session.Request) bool { return r.Source.Name == name })
	if drop {
		d.gate.signedOut()
		return d.forgetSessions(which), d.carry.settle()
	}
	d.look(ctx)
	return d.wake(func(r session.Request) bool { return r.Source.Name == name && r.Parent == "" }), nil
}
