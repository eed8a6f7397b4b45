package apps

import (
	"cmp"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/vendord/vendord/profiles"
)

// recognisers works out the apps that the kernel recognises, with the identities
// that it knows of. The ones before stay where nothing about them has changed:
// snapshots come with every program that starts under exec.
func (s *snapshot) recognisers(old *snapshot, now time.Time) {
	if s.config == old.config && old.both != nil {
		s.both, s.kernel = old.both, slices.Clone(old.kernel)
		for i, a := range s.kernel {
			if !a.course.equal(s.course(a.Name, now)) {
				s.kernel[i] = s.recogniser(a.App, a, now, s.config.Daemon.RequestsPerSecond)
			}
		}
	} else {
		s.both = make(map[string]*app)
		was := make(map[string]*app)
		for _, a := range old.kernel {
			was[a.Name] = a
		}
		for name, c := range s.config.Apps {
			switch {
			case byKernel(c):
				s.kernel = append(s.kernel, s.recogniser(c, was[name], now, old.config.Daemon.RequestsPerSecond))
			case c.Match.Any():
				rule := newRule(c.Match)
				s.both[name] = &app{App: c, rule: rule, how: rule.names()}
			}
		}
		slices.SortFunc(s.kernel, func(a, b *app) int { return cmp.Compare(a.Name, b.Name) })
	}
	for _, a := range s.kernel {
		if a.own != nil {
			s.owners[a.own.uid] = true
		}
	}
}

// recogniser works out an app. was is what it was before, or nil. What was seen by
// another rule is forgotten: it is not known whether this one would recognise it.
func (s *snapshot) recogniser(c profiles.App, was *app, now time.Time, bound int) *app {
	rule := newRule(c.Match)
	a := &app{App: c, rule: rule, how: rule.names(), course: s.course(c.Name, now),
		ownPort: slices.ContainsFunc(s.config.Endpoints, func(e profiles.Endpoint) bool { return e.App == c.Name })}
	if c.Match.Known {
		w := who{c.Name, c.Match.User}
		var before *identity
		if was != nil && was.own != nil && was.own.who == w {
			before = was.own
		}
		a.own = s.identity(w, c.Match.UID, now, before, bound)
		return a
	}
	a.newcomers = rate.NewLimiter(1, newcomersAtOnce)
	if was == nil || was.Match != c.Match {
		return a
	}
	a.newcomers = was.newcomers
	was.seen.mu.Lock()
	order := slices.Clone(was.seen.order)
	known := was.seen.all()
	was.seen.mu.Unlock()
	fresh := make(map[uint32]*identity, len(known))
	for uid, id := range known {
		fresh[uid] = s.identity(id.who, uid, now, id, bound)
	}
	a.seen.order = order
	a.seen.known.Store(&fresh)
	return a
}

// known returns the identities of an app that are known now, each once.
func (a *Apps) known(s *snapshot, name string, now time.Time) []*identity {
	for _, app := range s.kernel {
		if app.Name == name {
			return app.identities()
		}
	}
	var ids []*identity
	for _, e := range s.entries {
		if e.App == name && a.good(s, e, now) && !slices.Contains(ids, e.id) {
			ids = append(ids, e.id)
		}
	}
	return ids
}
