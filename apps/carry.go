package apps

import (
	"slices"
	"time"

	"github.com/vendord/vendord/profiles"
)

// Carried returns the tokens that commands under exec hold, for the next process,
// which Restore brings them to. Other held tokens are not carried: those of apps have
// the profile that their app uses now, which is remembered only for tokens in the file.
func (a *Apps) Carried() []Token {
	s, now := a.state.Load(), a.now()
	var carried []Token
	for _, t := range s.live(now) {
		if !t.Held || !t.Exec || t.App != profiles.CLI {
			continue
		}
		if !t.waits.IsZero() {
			t.Expires, t.waits = t.waits, time.Time{}
		}
		carried = append(carried, t)
	}
	return carried
}

// Restore recognises tokens that a former process's commands hold, and returns how
// many. Each waits for its program for patience: to Hold the same secret for the same
// thing, as the same user, adopts it, and nothing else does. What the configuration
// no longer has is left out, and so is what would be too many.
func (a *Apps) Restore(tokens []Token, patience time.Duration) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, now := a.state.Load(), a.now()
	live := s.live(now)
	taken := func(t Token) bool {
		return slices.ContainsFunc(live, func(o Token) bool { return o.Hash == t.Hash || o.ID == t.ID })
	}
	for _, was := range tokens {
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
	a.state.Store(newSnapshot(s, s.config, live, now))
	return n
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
