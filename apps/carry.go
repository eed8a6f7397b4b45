package apps

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/vendord/vendord/profiles"
)

// Carried is what one process knows and no file has, for the next one.
type Carried struct {
	// Tokens are those that commands under exec hold. Other held tokens are not
	// carried: those of apps have the profile that their app uses now, which is
	// remembered only for tokens in the file.
	Tokens []Token
	// Seen are the users whom rules have recognised that name none.
	Seen []Seen
}

// Seen is a user whom an app's rule has recognised. It gives no right: whoever asks
// is recognised again. But it says that there are sessions of theirs.
type Seen struct {
	App, User string
	UID       uint32
	// Rule is the rule's text: what was seen by another one is forgotten.
	Rule string
}

// Carried returns what Restore brings to the next process.
func (a *Apps) Carried() Carried {
	s, now := a.state.Load(), a.now()
	var c Carried
	for _, app := range s.kernel {
		for uid, id := range app.seen.all() {
			c.Seen = append(c.Seen, Seen{App: app.Name, User: id.user, UID: uid, Rule: ruleText(app)})
		}
	}
	for _, t := range s.live(now) {
		if !t.Held || !t.Exec || t.App != profiles.CLI {
			continue
		}
		if !t.waits.IsZero() {
			t.Expires, t.waits = t.waits, time.Time{}
		}
		c.Tokens = append(c.Tokens, t)
	}
	return c
}

func ruleText(a *app) string { return fmt.Sprintf("%+v", a.Match) }

// Restore takes in what a former process knew, and returns how many tokens. Each
// waits for its program for patience: to Hold the same secret for the same thing, as
// the same user, adopts it, and nothing else does. What the configuration no longer
// has is left out, and so is what would be too many.
func (a *Apps) Restore(c Carried, patience time.Duration) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, now := a.state.Load(), a.now()
	live := s.live(now)
	taken := func(t Token) bool {
		return slices.ContainsFunc(live, func(o Token) bool { return o.Hash == t.Hash || o.ID == t.ID })
	}
	for _, was := range c.Tokens {
		t, err := s.admit(was, now)
		if err != nil || !t.Exec || t.App != profiles.CLI || taken(t) || a.mayHoldLocked(live, t, now) != nil {
			continue
		}
		t.Held, t.Adopted, t.Rotated, t.Issued, t.waits = true, false, "", was.Issued, t.Expires
		if end := now.Round(0).UTC().Add(patience); end.Before(t.Expires) {
			t.Expires = end
		}
		live = append(live, t)
		n++
	}
	next := newSnapshot(s, s.config, live, now)
	next.see(c.Seen, now)
	a.state.Store(next)
	return n
}

// see remembers users whom the same rules have recognised before.
func (s *snapshot) see(seen []Seen, now time.Time) {
	for _, was := range seen {
		for _, a := range s.kernel {
			if a.Name == was.App && a.own == nil && ruleText(a) == was.Rule && checkUser(was.User) == nil {
				id := s.identity(who{a.Name, was.User}, was.UID, now, nil, 0)
				a.seen.add(id, now, rate.NewLimiter(rate.Inf, 0)) // they were new before
			}
		}
	}
}

// Abandon forgets the tokens whose programs have not come back, and returns how many.
// Their time is over by the clock too, which may have been set back.
func (a *Apps) Abandon() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, now := a.state.Load(), a.now()
	var rest []Token
	for _, e := range s.entries {
		switch {
		case !e.waits.IsZero():
			n++
		case e.liveAt(now):
			rest = append(rest, e.Token)
		}
	}
	if n > 0 {
		a.state.Store(newSnapshot(s, s.config, rest, now))
	}
	return n
}

// Awaited returns the ID of the token that waits for the program with this secret,
// or "". With it the program is the same one in lists and in the record.
func (a *Apps) Awaited(hash [32]byte) string {
	if e := a.state.Load().entries[hash]; e != nil && !e.waits.IsZero() {
		return e.ID
	}
	return ""
}

// awaits reports whether a token is the one that this one waits for. A waiting one
// stands in the way of any other of its secret, for as long as it lives: whoever
// knew the hash could otherwise have a program's token turned into their own.
func (t Token) awaits(o Token, now time.Time) bool {
	if t.waits.IsZero() || t.Hash != o.Hash {
		return false
	}
	same := t.App == o.App && t.Profile == o.Profile && t.User == o.User && t.UID == o.UID &&
		t.Policy == o.Policy && t.PolicyARNs == o.PolicyARNs && t.Exec == o.Exec
	return same || !t.liveAt(now)
}
