package apps

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/vendord/vendord/profiles"
)

// maxSeen is how many identities are remembered of an app whose rule names no
// user.
const maxSeen = 1024

// newcomersAtOnce of them can be new at once, and one more a second.
const newcomersAtOnce = 100

// byKernel says whether the kernel alone recognises an app's programs.
func byKernel(a profiles.App) bool { return a.Match.Any() && !a.Both }

// who is whose programs are metered together: an identity's name.
type who struct{ app, user string }

// identity is an app and a user, and what their programs get.
type identity struct {
	who
	uid   uint32
	meter *meter
	// course is the app's, and now and then are what is got by it.
	course    course
	now, then choice
	// others are what else an app with select may ask for, by profile.
	others map[string]*choice
}

// choice is what an identity gets of a profile, or why not.
type choice struct {
	grant Grant
	err   error
}

// at returns what an identity gets now.
func (id *identity) at(now time.Time) *choice {
	if id.course.until.IsZero() || now.Before(id.course.until) {
		return &id.now
	}
	return &id.then
}

// choice works out what an identity gets of a profile.
func (s *snapshot) choice(app, user, profile string) choice {
	c := choice{grant: Grant{App: app, User: user, Profile: profile, MetadataV1: s.config.Apps[app].MetadataV1}}
	if c.err = s.missing(app, profile); c.err == nil {
		c.grant.Session, c.err = s.renders.get(app, user, profile)
	}
	return c
}

// identity works out what an identity gets. Its meter goes on counting over a
// change unless that changed the bound: was is the identity before, or nil.
func (s *snapshot) identity(w who, uid uint32, now time.Time, was *identity, bound int) *identity {
	id := &identity{who: w, uid: uid}
	if was != nil && bound == s.config.Daemon.RequestsPerSecond {
		id.meter = was.meter
	} else {
		id.meter = newMeter(s.config.Daemon.RequestsPerSecond)
	}
	if w.app == profiles.CLI {
		return id // each of its tokens has a profile of its own
	}
	id.course = s.course(w.app, now)
	id.now = s.choice(w.app, w.user, id.course.now)
	if !id.course.until.IsZero() {
		id.then = s.choice(w.app, w.user, id.course.then)
	}
	if app := s.config.Apps[w.app]; app.Select {
		id.others = make(map[string]*choice, len(app.Profiles))
		for _, profile := range app.Profiles {
			other := s.choice(w.app, w.user, profile)
			id.others[profile] = &other
		}
	}
	return id
}

// app is an app that the kernel recognises, alone or besides a token.
type app struct {
	profiles.App
	rule   rule
	how    string // it recognises, for the record
	course course
	// ownPort says that an endpoint answers its programs alone.
	ownPort bool
	// own is the one identity of an app whose rule names a user. Others' are
	// known once they were seen.
	own  *identity
	seen seen
	// newcomers bounds how often a user is new: each can have a session of its own,
	// and one program in a container or a user namespace can be 65,536 users, for
	// whom AWS would be asked until it refuses everybody's.
	newcomers *rate.Limiter
}

// seen are the identities that a rule without a user has recognised. They are
// read without a lock.
type seen struct {
	known atomic.Pointer[map[uint32]*identity]

	mu    sync.Mutex
	order []uint32 // the one that was seen first comes first
}

// all returns the identities by the numbers of their users, for reading.
func (s *seen) all() map[uint32]*identity {
	if known := s.known.Load(); known != nil {
		return *known
	}
	return nil
}

// add remembers an identity, and forgets the oldest where there are too many. It
// returns the one that is remembered: two connections can be the first; or nil
// where too many are new.
func (s *seen) add(id *identity, now time.Time, newcomers *rate.Limiter) *identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, ok := s.all()[id.uid]
	switch {
	case ok && was.user == id.user:
		return was
	case !newcomers.AllowN(now, 1):
		return nil
	}
	known := maps.Clone(s.all())
	if known == nil {
		known = make(map[uint32]*identity)
	}
	if !ok {
		if len(s.order) >= maxSeen {
			delete(known, s.order[0])
			s.order = s.order[1:]
		}
		s.order = append(s.order, id.uid)
	}
	known[id.uid] = id
	s.known.Store(&known)
	return id
}

// identities returns those that are known of an app.
func (a *app) identities() []*identity {
	if a.own != nil {
		return []*identity{a.own}
	}
	return slices.Collect(maps.Values(a.seen.all()))
}
