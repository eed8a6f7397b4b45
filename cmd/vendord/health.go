package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/control"
)

const (
	// checkPatience is how long a check may take where no watchdog says.
	checkPatience = 5 * time.Second
	// checkKept is how long its result is good for others who ask: any user may.
	checkKept = time.Second
	// newsEvery is how often the line for the service manager is looked at, and
	// newsShare how many times as long as that took it is left alone at least.
	newsEvery = 3 * time.Second
	newsShare = 50
)

// part is something of the daemon that could hang.
type part struct {
	name string
	// check fails if it does; doubt is why it could not be asked, which is no
	// reason to begin anew.
	check func(context.Context) (doubt, err error)
	busy  atomic.Bool
}

// checkup finds out whether every part works: one look at a time, for all who ask.
//
// What it asks is what only a hung daemon cannot do. AWS, a disk, a directory of
// users, a long reload, a crowd at the door or a machine that stood still are none of
// that: who is started anew for those is started anew for ever.
type checkup struct {
	patience time.Duration
	parts    []*part

	mu    sync.Mutex // guards the rest
	under chan struct{}
	last  control.Health
	at    time.Time
}

// checkupOf returns one of a daemon that listens there.
func (d *daemon) checkupOf(vend, ctl net.Listener) *checkup {
	c := &checkup{patience: checkPatience, last: control.Health{Healthy: true}}
	if within := d.options.manager.Watchdog(); within > 0 {
		c.patience = within / 3
	}
	served := func(name string, check func(context.Context, net.Addr) (error, error), at net.Addr) {
		c.parts = append(c.parts, &part{name: name, check: func(ctx context.Context) (error, error) { return check(ctx, at) }})
	}
	served("vending address "+vend.Addr().String(), d.server.Check, vend.Addr())
	for _, e := range d.endpoints {
		served(e.name(), func(ctx context.Context, at net.Addr) (error, error) {
			if why := e.astray(); why != "" { // which a new start would not mend
				return errors.New(why), nil
			}
			return d.server.Check(ctx, at)
		}, e.ln.Addr())
	}
	served("control socket", d.control.Check, ctl.Addr())
	c.parts = append(c.parts,
		&part{name: "cache", check: func(ctx context.Context) (error, error) { return nil, d.cache.Check(ctx) }},
		&part{name: "tokens", check: d.book.Check})
	return c
}

// health is what the control socket tells everybody.
func (d *daemon) health(ctx context.Context) control.Health { return d.checkup.look(ctx, checkKept) }

// known is what the last look found. Before Run there is none, and nothing that hangs.
func (c *checkup) known() control.Health {
	if c == nil {
		return control.Health{Healthy: true}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// look returns what a look found that is not older than that, or a new one does.
func (c *checkup) look(ctx context.Context, age time.Duration) control.Health {
	c.mu.Lock()
	if !c.at.IsZero() && time.Since(c.at) < age {
		defer c.mu.Unlock()
		return c.last
	}
	if c.under == nil {
		c.under = make(chan struct{})
		go c.run()
	}
	under := c.under
	c.mu.Unlock()
	select {
	case <-under:
	case <-ctx.Done():
	}
	return c.known()
}

// run asks every part, side by side.
func (c *checkup) run() {
	ctx, done := context.WithTimeout(context.Background(), c.patience)
	defer done()
	failing, doubts := make([]string, len(c.parts)), make([]string, len(c.parts))
	var asked sync.WaitGroup
	for i, p := range c.parts {
		asked.Go(func() {
			doubt, err := p.ask(ctx, c.patience)
			if err != nil {
				failing[i] = p.name + ": " + err.Error()
			}
			if doubt != nil {
				doubts[i] = p.name + ": " + doubt.Error()
			}
		})
	}
	asked.Wait()
	none := func(s string) bool { return s == "" }
	h := control.Health{Failing: slices.DeleteFunc(failing, none), Doubts: slices.DeleteFunc(doubts, none)}
	h.Healthy = len(h.Failing) == 0
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.at = h, time.Now()
	close(c.under)
	c.under = nil
}

// ask checks a part. One whose check does not even come back when its time is over
// hangs, and is not checked once more meanwhile.
func (p *part) ask(ctx context.Context, patience time.Duration) (doubt, err error) {
	if !p.busy.CompareAndSwap(false, true) {
		return nil, errors.New("still no answer")
	}
	type found struct{ doubt, err error }
	answered := make(chan found, 1)
	go func() {
		ctx, done := context.WithTimeout(ctx, patience*9/10) // so that it can say itself what was slow
		defer done()
		doubt, err := p.check(ctx)
		p.busy.Store(false) // before anybody knows: the next look may be at once
		answered <- found{doubt, err}
	}()
	select {
	case f := <-answered:
		return f.doubt, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("no answer within %s", patience)
	}
}

// watch gives a sign of life at each third of the time that the service manager's
// watchdog allows, if every part works, until ctx ends.
func (d *daemon) watch(ctx context.Context) error {
	if every := d.options.manager.Watchdog() / 3; every > 0 {
		watch(ctx, every, func() control.Health { return d.checkup.look(ctx, 0) }, d.options.manager.Alive, d.options.log)
	}
	return nil
}

func watch(ctx context.Context, every time.Duration, look func() control.Health, alive func() error, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for last := (control.Health{Healthy: true}); ctx.Err() == nil; {
		h := look()
		if ctx.Err() != nil {
			return // what stops does not answer
		}
		if h.Healthy { // before anything is written, which may wait
			if err := alive(); err != nil {
				log.Warn("self-check: " + err.Error())
			}
		}
		for _, problem := range h.Failing {
			log.Error("self-check: " + problem)
		}
		if len(h.Doubts) > 0 && !slices.Equal(h.Doubts, last.Doubts) {
			log.Warn("self-check: not all could be asked, which is no failure", "doubts", h.Doubts)
		}
		if h.Healthy && !last.Healthy {
			log.Info("self-check: every part answers again")
		}
		last = h
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// news keeps the service manager's line up to date until ctx ends: looked at every few
// seconds, and when something is known to have changed.
func (d *daemon) news(ctx context.Context) error {
	if d.options.manager == nil {
		return nil
	}
	for ctx.Err() == nil {
		began := time.Now()
		if err := d.options.manager.Status(d.standing()); err != nil {
			d.options.log.Debug(err.Error())
		}
		pause := time.NewTimer(max(newsEvery, newsShare*time.Since(began)))
		select {
		case <-ctx.Done():
		case <-pause.C:
		case <-d.nudged:
		}
		pause.Stop()
	}
	return nil
}

// nudge has news look now.
func (d *daemon) nudge() {
	select {
	case d.nudged <- struct{}{}:
	default:
	}
}
