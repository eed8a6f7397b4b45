package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/session"
)

// use gives an app's programs another profile. All of its sessions are minted
// first, so that a profile that AWS refuses changes nothing, and no program waits
// for AWS because of it.
func (d *daemon) use(ctx context.Context, q control.UseSpec) (control.Used, error) {
	defer d.nudge()
	select {
	case d.using <- struct{}{}: // one at a time: what it was before is what the last one made it
		defer func() { <-d.using }()
	case <-ctx.Done():
		return control.Used{}, ctx.Err()
	}
	change, err := d.change(q)
	if err != nil {
		return control.Used{}, err
	}
	used := control.Used{App: change.App, From: change.From, To: change.To, First: change.First}
	// The configuration may be another by now: then Use fails.
	wider, why := d.book.Config().Wider(change.First, change.To)
	if wider {
		used.Wider = why
	}
	if wider && q.For == 0 && !q.Stay {
		return control.Used{}, tooWide(change, why)
	}
	if used.Now, err = d.mintAll(ctx, change); err != nil {
		return control.Used{}, err
	}
	used.Held = d.held(change.Before)
	if q.For > 0 {
		used.Until = d.options.now().Add(q.For)
	}
	if err := d.book.Use(change, used.Until); err != nil {
		return control.Used{}, err
	}
	state := d.book.State(q.App)
	used.Until, used.Back = state.Until, state.Back
	d.drop()
	return used, nil
}

// change prepares what was asked for.
func (d *daemon) change(q control.UseSpec) (apps.Change, error) {
	config := d.book.Config()
	app, ok := config.Apps[q.App]
	if !ok {
		return apps.Change{}, d.notLoaded(unknownName("app", q.App, config.Apps))
	}
	if q.Back && len(app.Profiles) > 0 {
		q.Profile = app.Profiles[0]
	}
	if _, ok := config.Profiles[q.Profile]; !ok {
		return apps.Change{}, d.notLoaded(unknownName("profile", q.Profile, config.Profiles))
	}
	return d.book.Change(q.App, q.Profile)
}

// tooWide refuses what widens an app for good without somebody saying so.
func tooWide(c apps.Change, why []string) error {
	public := fmt.Sprintf("app %q: profile %q is wider than %q", c.App, c.To, c.First)
	if len(why) > 0 {
		public += ": it " + strings.Join(why[:min(len(why), mostWider)], "; it ")
	}
	return &session.Error{Class: session.Refused, Public: public, Hint: "say for how long, --for 1h, or --stay"}
}

// mostWider is how much a person reads in one line.
const mostWider = 3

// mintAll mints the sessions of all of an app's identities, or says of each that
// fails whose it is and why.
func (d *daemon) mintAll(ctx context.Context, c apps.Change) ([]control.UsedSession, error) {
	users := map[session.Key][]string{} // identities can share a session
	for _, g := range c.After {
		users[g.Session] = append(users[g.Session], g.User)
	}
	minted, failed := map[session.Key]*session.Credentials{}, map[session.Key]error{}
	var mu sync.Mutex // guards both
	var minting sync.WaitGroup
	for key := range users {
		minting.Go(func() {
			credentials, err := d.gate.Get(ctx, key, commandPatience)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[key] = err
			} else {
				minted[key] = credentials
			}
		})
	}
	minting.Wait()
	if len(failed) > 0 {
		return nil, notMinted(c, users, failed)
	}
	var sessions []control.UsedSession
	for _, g := range c.After {
		credentials := minted[g.Session]
		sessions = append(sessions, control.UsedSession{User: g.User, Profile: g.Profile, KeyID: credentials.KeyID, Expires: credentials.Expires})
	}
	return sessions, nil
}

// notMinted says for whom there is no session, and why.
func notMinted(c apps.Change, users map[session.Key][]string, failed map[session.Key]error) error {
	var errs []error
	for key, err := range failed {
		e := *session.AsError(err)
		whose := users[key]
		e.Public = fmt.Sprintf("app %q: not changed: profile %q for user %s: %s", c.App, c.To, strings.Join(whose[:min(len(whose), mostWider)], ", "), e.Public)
		e.Err = err
		errs = append(errs, &e)
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs[:min(len(errs), maxRefusals)]...)
}

// held returns the live sessions of grants: what their programs may hold.
func (d *daemon) held(grants []apps.Grant) (sessions []control.UsedSession) {
	live := map[session.Key]session.Status{}
	for _, st := range d.cache.Status() {
		if st.KeyID != "" && !st.Used.IsZero() { // nobody was given what nobody asked for
			live[st.Request.Key()] = st
		}
	}
	for _, g := range grants {
		if st, ok := live[g.Session]; ok {
			sessions = append(sessions, control.UsedSession{User: g.User, Profile: g.Profile, KeyID: st.KeyID, Expires: st.Expires})
		}
	}
	return sessions
}

// warmBack mints what apps go back to soon, so that nobody waits for it then.
func (d *daemon) warmBack(ctx context.Context) {
	now := d.options.now()
	for name := range d.book.Config().Apps {
		if end := d.book.State(name).Until; !end.IsZero() && end.Sub(now) < 2*lookEvery {
			d.warm(ctx) // what is next is among what may be asked for
			return
		}
	}
}

func (p *program) useCommand() *cobra.Command {
	var q control.UseSpec
	period := span{flag: "for"}
	cmd := &cobra.Command{
		Use: "use PROFILE --app APP", GroupID: "daemon", Args: between(0, 1, "a PROFILE, or --back"),
		Short: "Give an app's programs another of its profiles, while they run",
		Long: `Give an app's programs another of the profiles in its list, while they run: all of
its sessions are minted first, or nothing changes. Programs get it when they next
ask; what they hold until then is theirs until it expires, since AWS has no way to
take it back.

A profile that lets through more than the first of the list needs --for, after which
the app goes back by itself, or --stay. It outlives restarts and reloads.`,
		Example: `  vendord use reports --app claude --for 1h
  vendord use --app claude --back`,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Profile, q.For = strings.Join(args, ""), period.Duration
			return p.use(cmd.Context(), q)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.App, "app", "", "the `app` whose programs are meant")
	f.Var(&period, "for", "go back after this time: 30m, 1h, 2d")
	f.BoolVar(&q.Stay, "stay", false, "it lets through more than the first, and is to stay")
	f.BoolVar(&q.Back, "back", false, "use the first of the app's profiles again")
	cmd.SetFlagErrorFunc(inItsOwnWords)
	p.completingFlag(cmd, "app", appNames)
	return p.completing(cmd, profilesOf(&q.App))
}

func (p *program) use(ctx context.Context, q control.UseSpec) error {
	ctx, release := interruptible(ctx)
	defer release()
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	used, err := c.Use(ctx, q)
	switch {
	case err != nil:
		return orSignal(ctx, err)
	case p.json:
		return p.printJSON(used)
	}
	p.sayUsed(used, time.Now())
	return nil
}

// sayUsed says what changed, and what has not: AWS takes nothing back.
func (p *program) sayUsed(u control.Used, now time.Time) {
	before := ", before " + u.From
	if u.From == u.To {
		before = ", as before"
	}
	if !u.Until.IsZero() {
		before += fmt.Sprintf("; goes back to %s %s", u.Back, until(u.Until, now))
	}
	say(p.stderr, "app %s: uses %s%s", u.App, u.To, before)
	if len(u.Wider) > 0 {
		say(p.stderr, "%s is wider than %s: it", u.To, u.First)
	}
	for _, why := range u.Wider {
		say(p.stderr, "  %s", why)
	}
	switch {
	case len(u.Now) == 0:
		fmt.Fprintln(p.stderr, "no program of it is known yet: it holds from the next request on")
	case u.From == u.To:
	case len(u.Held) == 0:
		fmt.Fprintln(p.stderr, "programs get it when they next ask; none holds credentials of "+u.From)
	default:
		fmt.Fprintln(p.stderr, "programs get it at their next refresh; what they hold now lives until")
		for _, h := range u.Held {
			say(p.stderr, "  %s  %s, user %s", until(h.Expires, now), h.KeyID, dash(h.User))
		}
	}
	if !u.Until.IsZero() {
		fmt.Fprintln(p.stderr, "what they are given until it goes back lives to its own end, and not only until then")
	}
}
