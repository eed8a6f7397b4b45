package apps

import (
	"maps"
	"sync"
	"sync/atomic"

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

	// done are read without a lock, which anybody's programs would wait for.
	done atomic.Pointer[map[rendering]rendered]

	mu sync.Mutex
	// fresh are those that are not in done yet, and asked is how often one of
	// them was asked for: done is made anew once that has cost as much.
	fresh map[rendering]rendered
	asked int
}

type rendering struct{ app, user, profile string }

type rendered struct {
	key session.Key
	err error
}

// Render returns the session of a profile for an identity, whether or not
// anybody has a right to it: Decide and Prepare say that. It fails with the
// *session.Error of profiles.Config.Render, which is shared and must not be
// changed. It costs a map lookup, but for the first times after Set.
func (a *Apps) Render(app, user, profile string) (session.Key, error) {
	return a.state.Load().renders.get(app, user, profile)
}

func (r *renders) get(app, user, profile string) (session.Key, error) {
	what := rendering{app, user, profile}
	got, ok := r.known()[what]
	if !ok {
		got, ok = r.lately(what)
	}
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
	r.keep(what, got)
	return got.key, got.err
}

// known returns what is read without a lock.
func (r *renders) known() map[rendering]rendered {
	if done := r.done.Load(); done != nil {
		return *done
	}
	return nil
}

// lately returns what was rendered lately.
func (r *renders) lately(what rendering) (got rendered, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if got, ok = r.fresh[what]; ok {
		r.asked++
		r.mergeLocked()
	}
	return got, ok
}

// keep remembers a rendering.
func (r *renders) keep(what rendering, got rendered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Full, it begins anew: users who are long gone must not fill it for good.
	if len(r.known())+len(r.fresh) >= max(maxRendered, 4*len(r.config.Profiles)) {
		r.done.Store(nil)
		r.fresh = nil
	}
	if r.fresh == nil {
		r.fresh = make(map[rendering]rendered)
	}
	r.fresh[what] = got
	r.mergeLocked()
}

// mergeLocked makes what is fresh known, once there is so much of it, or it is
// asked for so often, that the copy does not count.
func (r *renders) mergeLocked() {
	done := r.known()
	if 4*(len(r.fresh)+r.asked) <= len(done) {
		return
	}
	merged := make(map[rendering]rendered, len(done)+len(r.fresh))
	maps.Copy(merged, done)
	maps.Copy(merged, r.fresh)
	r.done.Store(&merged)
	r.fresh, r.asked = nil, 0
}
