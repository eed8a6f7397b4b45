package apps

import (
	"sync"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// maxRendered is how many renderings are remembered, at least: a hundred
// profiles for a hundred users.
const maxRendered = 10_000

// renders remembers what the profiles of a configuration were rendered to, each
// for an identity. To render is the expensive part of a snapshot, and snapshots
// come with every program that starts under exec; a status asks for every
// profile and user at once.
type renders struct {
	config *profiles.Config

	mu   sync.Mutex
	done map[rendering]rendered
}

type rendering struct{ app, user, profile string }

type rendered struct {
	key session.Key
	err error
}

// Render returns the session of a profile for an identity, whether or not
// anybody has a right to it: Decide and Prepare say that. It fails with the
// *session.Error of profiles.Config.Render, which is shared and must not be
// changed. It costs a map lookup, but for the first time after Set.
func (a *Apps) Render(app, user, profile string) (session.Key, error) {
	return a.state.Load().renders.get(app, user, profile)
}

func (r *renders) get(app, user, profile string) (session.Key, error) {
	what := rendering{app, user, profile}
	r.mu.Lock()
	got, ok := r.done[what]
	r.mu.Unlock()
	if ok {
		return got.key, got.err
	}
	// Without the lock: two that render the same at once get the same.
	request, err := r.config.Render(profile, profiles.Identity{App: app, User: user})
	if err != nil {
		got.err = err
	} else {
		got.key = request.Key()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// Full, it begins anew: users who are long gone must not fill it for good.
	if r.done == nil || len(r.done) >= max(maxRendered, 4*len(r.config.Profiles)) {
		r.done = make(map[rendering]rendered)
	}
	r.done[what] = got
	return got.key, got.err
}
