package main

import (
	"context"
	"sync"
	"time"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

const (
	// carryName is what it is called in the service manager's store.
	carryName = "carried"
	// carryPause is how long changes are waited for, to be written together; where
	// there is much to write, ten times as long as that takes.
	carryPause = 100 * time.Millisecond
	// carryAgain is when it is tried again after it failed.
	carryAgain = 30 * time.Second
	// carryPatience is how long a command's token waits for it after a restart.
	carryPatience = 10 * time.Second
)

// A store keeps data for the daemon's successor: the service manager's.
type store interface {
	Stores() bool
	Store(name string, data []byte) error
	Forget(name string) error
	Stored(name string) []byte
}

// A carrier leaves living sessions and the tokens of running commands to the next
// daemon, so that a restart, or a crash, asks AWS nothing and refuses nobody. They
// are with the service manager, in memory, for root to read as this process is, never
// on a disk; and only where that can be: without a store it does nothing.
//
// Whatever takes something away (lock, logout, revocation, a reload) has it written
// before it is answered, see settle: a crash must not bring it back. All else is
// written a moment later, off every path that somebody waits on.
type carrier struct {
	d     *daemon
	store store
	wake  chan struct{}

	mu      sync.Mutex // held from looking at what there is to its being left; guards the next
	failing bool       // the log has been told
}

func newCarrier(d *daemon, s store) *carrier {
	return &carrier{d: d, store: s, wake: make(chan struct{}, 1)}
}

// on reports whether there is somebody to leave anything with.
func (c *carrier) on() bool { return c.store != nil && c.store.Stores() }

// changed has what there is now written soon.
func (c *carrier) changed() {
	select {
	case c.wake <- struct{}{}:
	default: // it is about to be
	}
}

// run writes what changed, until ctx ends.
func (c *carrier) run(ctx context.Context) {
	pause := carryPause
	var again <-chan time.Time
	for c.on() {
		select {
		case <-c.wake:
		case <-again:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		select {
		case <-c.wake: // what came meanwhile is written now
		default:
		}
		again = nil
		start := time.Now()
		if c.write() != nil {
			again = time.After(carryAgain)
		}
		pause = max(carryPause, 10*time.Since(start))
	}
}

// settle writes what there is now before it returns. The error says that what was
// taken away may be there still.
func (c *carrier) settle() error {
	if !c.on() || c.write() == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.store.Forget(carryName); err != nil {
		return &session.Error{Class: session.Retry, Err: err,
			Public: "systemd's store: may still have what was taken away, for the next start: " + err.Error(),
			Hint:   "try again; or stop vendord, which empties it"}
	}
	return nil
}

// write leaves what there is now. Locked, that is nothing.
func (c *carrier) write() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.d.gate.locked() {
		return c.store.Forget(carryName)
	}
	left := carried{sessions: c.d.cache.Snapshot(), known: c.d.book.Carried()}
	if len(left.sessions)+len(left.known.Tokens) == 0 {
		return c.store.Forget(carryName)
	}
	text, err := left.encode(c.d.moment())
	if err == nil {
		err = c.store.Store(carryName, text)
	}
	clear(text)
	if err != nil && !c.failing {
		c.d.options.log.Warn("a restart of vendord will ask AWS anew: what lives cannot be left with systemd", "err", err)
	}
	c.failing = err != nil
	return err
}

// leave writes once more, at the end: tokens of commands that run are there still.
func (c *carrier) leave() {
	if c.on() {
		_ = c.write() // the log has it
	}
}

// moment is now, by the clocks of what is carried.
func (d *daemon) moment() moment {
	boot, since := d.options.sinceBoot()
	return moment{now: d.options.now(), boot: boot, since: since}
}

// restore takes in what the last daemon left. Nothing of it is trusted further than
// what this daemon would give by itself: what the configuration does not lead to, or
// not by the identity that is at the source now, is dropped.
func (c *carrier) restore() {
	if !c.on() {
		return
	}
	defer c.changed() // with what is not taken in, it goes from the store
	text := c.store.Stored(carryName)
	if text == nil || c.d.gate.locked() {
		return
	}
	defer clear(text)
	left, err := decodeCarried(text, c.d.moment())
	if err != nil {
		c.d.options.log.Warn("what the last vendord left with systemd is ignored: AWS is asked anew", "why", err)
		return
	}
	if c.d.kernel.Off(peer.Users) != nil {
		// A command's token is good for its user alone, but nobody here could tell:
		// whoever listened meanwhile was shown it.
		left.known.Tokens = nil
	}
	tokens := c.d.book.Restore(left.known, carryPatience)
	sessions := c.d.cache.Restore(left.sessions)
	dropped := len(c.d.cache.Snapshot())
	c.d.drop()
	dropped -= len(c.d.cache.Snapshot())
	c.d.options.log.Info("carried over from the last vendord", "sessions", sessions-dropped, "commands", tokens)
}

// abandon forgets the tokens of commands that did not come back, when their time is
// over, and the sessions that were theirs alone.
func (c *carrier) abandon(ctx context.Context) {
	select {
	case <-time.After(carryPatience):
	case <-ctx.Done():
		return
	}
	if c.d.book.Abandon() > 0 {
		c.d.drop()
		c.changed()
	}
}
