package audit

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// maxApps bounds the apps whose refusals are remembered. A configuration that
// is reloaded under new names must not grow the daemon for ever.
const maxApps = 64

// ring remembers the latest refusals of each app. Strangers have the app "",
// and so a ring of their own: their noise pushes nobody else's refusals out.
type ring struct {
	size int // refusals for each app

	mu   sync.Mutex // guards what follows
	apps map[string]*refusals
}

// refusals are those of one app, the oldest first; once there are ring.size, one of
// the caller gives way who has most, so that nobody's noise pushes out the others'.
type refusals struct{ events []Event }

// add remembers e, detached from the request it came from: net/http's strings
// may each hold on to 16 KiB of header.
func (r *ring) add(e Event) {
	e.Path = strings.Clone(clip(e.Path))
	e.Agent = strings.Clone(clip(e.Agent))
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.apps[e.App]
	if of == nil {
		of = r.makeRoomLocked()
		r.apps[e.App] = of
	}
	if len(of.events) >= r.size {
		i := of.leastMissed()
		of.events = slices.Delete(of.events, i, i+1)
	}
	of.events = append(of.events, e)
}

// asker is a caller by what the kernel knows.
type asker struct {
	uid  json.Number
	from string
}

// leastMissed returns the oldest refusal of the caller who has most.
func (of *refusals) leastMissed() (oldest int) {
	count := make(map[asker]int)
	for _, e := range of.events {
		count[asker{e.UID, e.From}]++
	}
	most := 0
	for i, e := range of.events {
		if n := count[asker{e.UID, e.From}]; n > most {
			oldest, most = i, n
		}
	}
	return oldest
}

// makeRoomLocked returns an empty ring, and forgets the app that was refused
// longest ago if there are too many.
func (r *ring) makeRoomLocked() *refusals {
	if r.apps == nil {
		r.apps = make(map[string]*refusals)
	}
	if len(r.apps) >= maxApps {
		oldest, latest := "", uint64(0)
		for app, of := range r.apps {
			if id := of.latest(); latest == 0 || id < latest {
				oldest, latest = app, id
			}
		}
		delete(r.apps, oldest)
	}
	return new(refusals)
}

// latest returns the id of the newest refusal.
func (of *refusals) latest() uint64 { return of.events[len(of.events)-1].ID }

// of returns the refusals of an app, or all for "", newest first.
func (r *ring) of(app string) []Event {
	r.mu.Lock()
	var found []Event
	for name, of := range r.apps {
		if app == "" || app == name {
			found = append(found, of.events...)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(found, func(a, b Event) int { return cmp.Compare(b.ID, a.ID) })
	return found
}
