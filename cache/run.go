package cache

import (
	"context"
	"fmt"
	"time"
)

const (
	// nap is the longest that Run sleeps: a laptop's timers stand still while
	// it sleeps, so after waking up the time is looked at again this soon.
	nap = 30 * time.Second
	// farewell is how long Run waits, at its end, for attempts to end too.
	farewell = 3 * time.Second
)

// Run renews behind callers' backs what was used since it was minted, and
// forgets what has lapsed, until ctx ends. It then ends the attempts under
// way, waits for them a moment, and returns nil: there is no other way to
// stop, so being stopped is no error. From then on the cache hands out what
// lives and mints nothing. Run is called once.
func (c *Cache) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		timer := time.NewTimer(c.sweep())
		c.looked.Store(int64(time.Since(c.born)))
		select {
		case <-timer.C:
		case <-c.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	c.mu.Lock()
	c.stop()
	c.mu.Unlock()

	ended := make(chan struct{})
	go func() {
		c.attempts.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(farewell):
	}
	return nil
}

// Check fails where Run has not looked at its sessions for twice as long as it ever
// sleeps, and does not do so, asked to, before ctx ends either: nothing is renewed
// any more, or what guards the sessions is never given back. An attempt that hangs
// is none of that. It counts by the runtime's clock, whatever Config.Now says.
func (c *Cache) Check(ctx context.Context) error {
	for {
		late := time.Since(c.born) - time.Duration(c.looked.Load())
		if late < 2*nap {
			return nil
		}
		select {
		case c.wake <- struct{}{}: // the machine may have stood still
		default:
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no look at the sessions for %s", late.Round(time.Second))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// sweep starts every attempt that is due and drops what has lapsed. It
// returns how long there will be nothing to do, a nap at most.
func (c *Cache) sweep() time.Duration {
	now, sleep := c.now(), nap
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := range c.all {
		s := e.state.Load()
		switch next := s.next(now); {
		case s.lapsed(now):
			c.entries.Delete(e.request.Key())
		case next <= 0:
			c.tryLocked(e, now)
		default:
			sleep = min(sleep, next)
		}
	}
	c.alarm = now.Add(sleep)
	return sleep
}

// alarmLocked wakes Run if an attempt that ended leaves a session due before
// Run looks by itself, as after most failures. Whatever else makes one due, a
// nap later is soon enough.
func (c *Cache) alarmLocked(s *state, now time.Time) {
	if s.next(now) < c.alarm.Sub(now) {
		select {
		case c.wake <- struct{}{}:
		default: // it is about to look already
		}
	}
}
