package apps

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// use is what is remembered of the profile that an app uses. Which one that is
// at a time is for course to say: a function of the time alone, so that nothing
// has to happen when a time is over.
type use struct {
	profile string
	// until is when the profile gives way to back, and zero for never. Where
	// back is empty, that is the first of the app's list at the time.
	until time.Time
	back  string
	// stay says that somebody chose it for good, or what it goes back to.
	// Without it that is only what the holders of tokens have, and ends with
	// the last of these.
	stay bool
}

// base is the profile beyond any limit of time.
func (u use) base() string {
	if u.until.IsZero() {
		return u.profile
	}
	return u.back
}

// settled returns what a use is once its time is over.
func (u use) settled(now time.Time) use {
	if u.until.IsZero() || now.Before(u.until) {
		return u
	}
	return use{profile: u.back, stay: u.stay && u.back != ""}
}

// course is which profile an app uses now, and which from a time on: never, if
// that is zero.
type course struct {
	now, then string
	until     time.Time
}

func (c course) equal(o course) bool {
	return c.now == o.now && c.then == o.then && c.until.Equal(o.until)
}

func (c course) at(now time.Time) string {
	if c.until.IsZero() || now.Before(c.until) {
		return c.now
	}
	return c.then
}

// course works out the profiles of an app. As long as anybody has a live token of
// it, its profile is not changed behind their back, neither to another one
// that a new configuration lists first, nor when it is gone from the list: then
// they are refused. Nor is one that somebody chose. An app that the kernel
// recognises has no tokens that could say whether anybody relies on it: it follows
// its list, and so does one that nobody uses.
func (s *snapshot) course(app string, now time.Time) course {
	u, base := s.uses[app].settled(now), ""
	if u.stay || now.Before(s.used[app]) && !byKernel(s.config.Apps[app]) {
		base = u.base()
	}
	if listed := s.config.Apps[app].Profiles; base == "" && len(listed) > 0 {
		base = listed[0]
	}
	if u.until.IsZero() {
		return course{now: base}
	}
	return course{u.profile, base, u.until}
}

// profile returns the profile that an app uses.
func (s *snapshot) profile(app string, now time.Time) string { return s.course(app, now).at(now) }

// Current returns the profile that an app's programs get now, which the
// configuration may lack by now, or "" for an app that neither it nor a live
// token has.
func (a *Apps) Current(app string) string { return a.state.Load().profile(app, a.now()) }

// State is which profile an app uses. Until is when that is over, and zero for
// never; Back is what follows.
type State struct {
	Profile, Back string
	Until         time.Time
}

// State returns the profile that an app uses, and for how long.
func (a *Apps) State(app string) State {
	now := a.now()
	c := a.state.Load().course(app, now)
	if c.until.IsZero() {
		return State{Profile: c.now}
	}
	return State{c.now, c.then, c.until}
}

// Change is the change of an app to another of its profiles, before it is made.
type Change struct {
	App string
	// From is the profile that it uses now, To the one that it would, and First
	// the first of its list.
	From, To, First string
	// Before are the grants of all its identities that are known now, and After
	// what they would be. Where From is nobody's any more, Before lacks it.
	Before, After []Grant

	config *profiles.Config
}

// Change prepares an app's change to another of its profiles, and changes
// nothing: After has what to mint first. It fails with an *session.Error if there
// is no such app, if the profile is none of its list, or as Decide would fail for
// one of the app's identities.
func (a *Apps) Change(app, profile string) (Change, error) {
	s, now := a.state.Load(), a.now()
	c, ok := s.config.Apps[app]
	if !ok {
		return Change{}, unknown("app", app, s.config.Apps)
	}
	if err := s.listed(c, profile); err != nil {
		return Change{}, err
	}
	change := Change{App: app, From: s.profile(app, now), To: profile, First: c.Profiles[0], config: s.config}
	for _, id := range a.known(s, app, now) {
		if from := s.choice(id.app, id.user, change.From); from.err == nil {
			change.Before = append(change.Before, from.grant)
		}
		to := s.choice(id.app, id.user, profile)
		if to.err != nil {
			return Change{}, to.err
		}
		change.After = append(change.After, to.grant)
	}
	slices.SortFunc(change.Before, byIdentity)
	slices.SortFunc(change.After, byIdentity)
	return change, nil
}

// listed refuses a profile that is none of an app's.
func (s *snapshot) listed(app profiles.App, profile string) error {
	p, ok := s.config.Profiles[profile]
	switch {
	case !ok:
		return unknown("profile", profile, s.config.Profiles)
	case p.Protected:
		return protected(profile)
	case !slices.Contains(app.Profiles, profile):
		return refused(fmt.Sprintf("app %q: profile %q is not in its list", app.Name, profile),
			fmt.Sprintf("name one of %s; or add it to [apps.%s] and run vendord reload", strings.Join(app.Profiles, ", "), app.Name))
	}
	return nil
}

// Use makes a change: for good if until is zero, else until then. It is on the
// disk before it holds; after an error, which is a *session.Error, nothing has
// changed. One of class Retry says that the configuration is another than it was
// at Change, or that the disk failed. To use the first profile for good is to
// follow the file again.
func (a *Apps) Use(c Change, until time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, now := a.state.Load(), a.now()
	until = until.Round(0).UTC() // as in admit
	subject := fmt.Sprintf("app %q: ", c.App)
	switch {
	case c.config != s.config:
		return &session.Error{Class: session.Retry, Public: subject + "configuration changed meanwhile", Hint: "try again"}
	case !until.IsZero() && !now.Before(until):
		return refused(subject+"the time would be over already", "give a longer one")
	case until.Sub(now) > maxLife:
		return refused(subject+"would use a profile for more than 366 days", "say --stay instead of a time")
	}
	next := newSnapshot(s.using(c.App, s.next(c, until, now)), s.config, s.live(now), now)
	if err := a.recordLocked(next); err != nil {
		return &session.Error{Class: session.Retry, Err: err, Hint: "mend that and try again",
			Public: fmt.Sprintf("%sgoes on with profile %q: %v", subject, s.profile(c.App, now), err)}
	}
	a.state.Store(next)
	return nil
}

// next is the use of an app after a change.
func (s *snapshot) next(c Change, until, now time.Time) use {
	if !until.IsZero() {
		was := s.uses[c.App].settled(now)
		if !was.stay && !now.Before(s.used[c.App]) {
			was = use{} // what nobody relies on any more
		}
		return use{profile: c.To, until: until, back: was.base(), stay: was.stay}
	}
	return use{profile: c.To, stay: c.To != c.First}
}

// using returns a copy of a snapshot in which an app has another use.
func (s *snapshot) using(app string, u use) *snapshot {
	next := *s
	next.uses = make(map[string]use, len(s.uses)+1)
	for name, was := range s.uses {
		next.uses[name] = was
	}
	next.uses[app] = u
	return &next
}

// byIdentity sorts grants by whose and for what they are.
func byIdentity(a, b Grant) int {
	return cmp.Or(strings.Compare(a.App, b.App), strings.Compare(a.User, b.User), strings.Compare(a.Profile, b.Profile))
}
