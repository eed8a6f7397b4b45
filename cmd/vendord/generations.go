package main

import (
	"cmp"
	"context"
	"maps"
	"sync"
	"time"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

const (
	// lookEvery is how often the identities at the sources are looked at.
	lookEvery = 30 * time.Second
	// lookPatience is how long one may take, a keyring's for example.
	lookPatience = 2 * time.Second
)

// lookAgain looks at the sources every 30 seconds until ctx ends: whoever
// changes the keys in a file, or signs in as somebody else, gets sessions of the
// new identity, and those of the old one are dropped.
func (d *daemon) lookAgain(ctx context.Context) error {
	tick := time.NewTicker(cmp.Or(d.options.look, lookEvery))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			d.look(ctx)
			d.warmBack(ctx)
		}
	}
}

// look sets the configuration anew if the identity at a source has changed, as a
// reload would, without reading the file. What programs will ask for is minted
// first, so that nobody notices keys that were rotated; where that fails the old
// identity's sessions go all the same.
func (d *daemon) look(ctx context.Context) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	before := d.generations
	config := d.withGenerations(ctx, d.loaded)
	if maps.Equal(before, d.generations) {
		return
	}
	for name, generation := range d.generations {
		if before[name] != generation {
			d.options.log.Info("another identity at a source: its sessions begin anew", "source", name)
		}
	}
	d.warmKeys(ctx, d.renderedBy(config))
	d.book.Set(config)
	d.forget()
	go d.warm(context.WithoutCancel(ctx))
}

// renderedBy returns the sessions of the live tokens by another configuration
// than the one in force. Those of narrowed tokens are left to their holders.
func (d *daemon) renderedBy(config *profiles.Config) (keys []session.Key) {
	for _, g := range d.book.Grants() {
		r, err := config.Render(g.Profile, profiles.Identity{App: g.App, User: g.User})
		if err == nil && !g.Narrowed {
			keys = append(keys, r.Key())
		}
	}
	return keys
}

// withGenerations asks the sources who is there, and returns the configuration
// with the answers. A source that cannot tell now keeps its last answer: a file
// that is being written is no other identity. The caller holds d.reloading.
func (d *daemon) withGenerations(ctx context.Context, config *profiles.Config) *profiles.Config {
	ctx, done := context.WithTimeout(ctx, lookPatience)
	defer done()
	found := make(map[string]string, len(config.Sources))
	var mu sync.Mutex // guards found
	var looking sync.WaitGroup
	turns := make(chan struct{}, 8)
	for name, s := range config.Sources {
		turns <- struct{}{}
		looking.Go(func() {
			defer func() { <-turns }()
			generation, err := d.minter.Generation(ctx, s)
			if err != nil {
				generation = d.generations[name]
			}
			mu.Lock()
			defer mu.Unlock()
			found[name] = generation
		})
	}
	looking.Wait()
	d.loaded, d.generations = config, found
	return config.WithGenerations(found)
}
