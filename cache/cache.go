// Package cache keeps one live set of credentials for each session, and
// renews it before anyone notices.
//
// It promises that credentials which have expired are never handed out, that
// a failed attempt never replaces living ones, that the expiry a session's
// callers see only ever moves forward while it lives, that AWS is asked once
// for all who wait, and that nobody waits longer than they said. What has
// long to live is handed out without a lock, an allocation or a timer.
//
// The files follow a session's life: Get (this one) looks at what there is,
// zones.go decides, attempt.go asks AWS, run.go renews behind the callers'
// backs, status.go tells, and carry.go takes sessions from one process to the
// next.
//
// The package does not know how credentials are made (a Minter does), nor
// who may have them (its callers have decided that), and it writes nothing to
// disk.
package cache

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/session"
)

// A Minter obtains a new session from AWS. Mint may be called for several
// requests at once, should return when its context ends, and fails with a
// *session.Error; any other error counts as one of class Retry.
type Minter interface {
	Mint(context.Context, session.Request) (*session.Credentials, error)
}

// Config says what a Cache works with.
type Config struct {
	// Mint makes the credentials. It is required.
	Mint Minter
	// Now is the clock of all decisions; nil is time.Now. Timers follow the
	// runtime's clock and decide again when they fire.
	Now func() time.Time
	// Log hears of failures and recoveries, once for each bout; nil is
	// silence.
	Log *slog.Logger
	// Changed, if not nil, is told whenever a session has new credentials, so that
	// somebody takes a Snapshot. It must not wait.
	Changed func()
}

// A Cache holds sessions. Its methods may be called from many goroutines.
type Cache struct {
	mint    Minter
	now     func() time.Time
	log     *slog.Logger
	changed func()

	// ctx is what attempts run under: they outlive the callers that started
	// them, and end with Run. stop is called with mu held, so that nothing
	// starts after it.
	ctx  context.Context
	stop context.CancelFunc

	// entries maps session.Key to *entry. It is read without mu and changed
	// with it.
	entries sync.Map
	// wake interrupts Run's sleep.
	wake chan struct{}
	// looked is when Run looked last, since born, for Check: no lock keeps it.
	born   time.Time
	looked atomic.Int64

	mu       sync.Mutex             // guards what follows, and the change of entries' states
	lanes    map[lane]chan struct{} // who is asked → the attempts that ask it
	alarm    time.Time              // when Run looks next by itself; zero before Run
	attempts sync.WaitGroup         // added to with mu held
}

// New returns an empty cache. It mints when asked from the start; renewing
// behind callers' backs takes a Run.
func New(config Config) *Cache {
	c := &Cache{
		mint: config.Mint, now: config.Now, log: config.Log, changed: config.Changed,
		wake: make(chan struct{}, 1), born: time.Now(), lanes: map[lane]chan struct{}{},
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Get returns the credentials of a session. It waits for AWS where the life
// that is left calls for it (see zone), for patience at most; ctx may end the
// wait earlier, but not the attempt that others wait for too. The error is a
// *session.Error: what AWS said last, or that it is still being asked.
func (c *Cache) Get(ctx context.Context, key session.Key, patience time.Duration) (*session.Credentials, error) {
	now := c.now()
	if e := c.find(key); e != nil {
		if v := e.state.Load().view; v.zone(now) == fresh {
			v.use(now)
			return v.creds, nil
		}
	}
	t := c.join(key, now)
	if a := t.s.attempt; a != nil {
		t.wait(ctx, waits(t.s.view.zone(now), now.Sub(a.started), patience, t.s.failure != nil))
	}
	now = c.now()
	v := t.e.state.Load().view
	z := v.zone(now)
	if z == dead {
		return nil, c.why(ctx, t)
	}
	v.use(now)
	if z == late && v.warned.CompareAndSwap(false, true) {
		c.log.Warn("handing out credentials that should have been renewed by now",
			"session", t.e.name, "key_id", v.creds.KeyID, "left", v.left(now).Round(time.Second))
	}
	return v.creds, nil
}

// Warm mints sessions that are not live, side by side, before anybody asks for
// them, and starts the renewal of those that are due. It waits for the first
// result of each that has nothing as long as ctx allows and returns what went
// wrong, joined; a remembered failure is such a result. Warming a session is
// not using it: one that nobody asks for lapses.
func (c *Cache) Warm(ctx context.Context, keys []session.Key) error {
	now := c.now()
	tickets := make([]ticket, len(keys))
	for i, key := range keys {
		tickets[i] = c.join(key, now)
	}
	var errs []error
	for _, t := range tickets { // all are on their way: in turn is as fast as side by side
		if t.e.state.Load().view.zone(now) == dead {
			t.wait(ctx, forever)
		}
		if t.e.state.Load().view.zone(c.now()) == dead {
			errs = append(errs, c.why(ctx, t))
		}
	}
	return errors.Join(errs...)
}

// Retain drops every session, with its credentials, whose request keep
// refuses. keep must accept the parents of what it accepts. Callers that wait
// for a dropped session were let in before and still get the answer to their
// attempt; nobody after them does.
func (c *Cache) Retain(keep func(session.Request) bool) {
	dropped := c.matching(func(r session.Request) bool { return !keep(r) })
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range dropped {
		c.entries.CompareAndDelete(e.request.Key(), e)
	}
	lanes := map[lane]chan struct{}{}
	for e := range c.all {
		lanes[laneOf(e.request)] = e.lane
	}
	c.lanes = lanes
}

// Retry forgets the failures of sessions whose request match accepts: after a
// reload, a login, a refresh. Those that are kept warm are tried now, the
// others when somebody asks. An attempt under way began before things were
// mended, or hangs in what was mended: it is left behind with its waiters.
func (c *Cache) Retry(match func(session.Request) bool) {
	now := c.now()
	matched := c.matching(match)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range matched {
		next := *e.state.Load()
		next.attempt, next.failure, next.streak, next.hold = nil, nil, 0, 0
		e.state.Store(&next)
		if next.kept(now) {
			c.tryLocked(e, now)
		}
	}
}

// find returns the entry of key, or nil.
func (c *Cache) find(key session.Key) *entry {
	e, _ := c.entries.Load(key)
	found, _ := e.(*entry)
	return found
}

// matching returns the entries whose request match accepts. It calls match
// without mu, so that match may do as it likes.
func (c *Cache) matching(match func(session.Request) bool) []*entry {
	var found []*entry
	for e := range c.all {
		if match(e.request) {
			found = append(found, e)
		}
	}
	return found
}

// all ranges over the entries, in no order.
func (c *Cache) all(yield func(*entry) bool) {
	c.entries.Range(func(_, e any) bool { return yield(e.(*entry)) })
}
