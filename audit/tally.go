package audit

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxSeries bounds what is counted apart. All names in a Series are of the
// configuration, but ten thousand profiles may be reloaded under new ones.
const maxSeries = 4096

// Series is what is counted together: requests of one kind. What a stranger can
// choose is in none of its fields.
type Series struct {
	App, Profile, How string
	// Path is the path up to the profile's name, Endpoint the kind of address at which
	// it was asked for.
	Path, Endpoint string
	// Status is the HTTP status, Code what a refusal was called, and Minted says
	// of a vend that AWS was asked in that request.
	Status int
	Code   string
	Minted bool
}

// Count is how often something happened since the start.
type Count struct {
	Series
	Requests uint64
	// Unrecorded counts the refusals that have no line of their own.
	Unrecorded uint64
}

// tallies counts requests, each app's apart from all others': a connection that
// is kept writes where only its own app's write.
type tallies struct {
	mu   sync.RWMutex // guards what follows; not taken for a connection that is kept
	apps map[string]*tally
	all  map[Series]*series
}

// tally is an app's latest request. Whatever differs from it in more than the
// time has to be looked up.
type tally struct {
	last atomic.Pointer[counted]
	at   atomic.Int64 // its time, in nanoseconds
}

// counted is an event, which nobody changes any more, and where it is counted.
type counted struct {
	event Event // its time and number mean nothing
	where *series
}

type series struct{ requests, unrecorded atomic.Uint64 }

func (s *series) add(e *Event) {
	s.requests.Add(1)
	if e.Unrecorded > 0 {
		s.unrecorded.Add(e.Unrecorded)
	}
}

// is reports whether e is the same but for its time and number.
func (c *counted) is(e *Event) bool {
	if c == nil {
		return false
	}
	same := c.event
	same.Time, same.ID = e.Time, e.ID
	return same == *e
}

// detached returns a copy that does not hold on to the request it came from:
// net/http's strings may each keep 16 KiB of header.
func detached(e *Event) *counted {
	c := &counted{event: *e}
	c.event.Path, c.event.Agent = strings.Clone(clip(e.Path)), strings.Clone(clip(e.Agent))
	return c
}

// count counts e. Where e is what is remembered of its connection, kept, the memo
// remembers where to count it, too.
func (t *tallies) count(e *Event, m *Memo, kept bool) {
	if kept && m.tally != nil {
		m.last.where.add(e)
		m.tally.see(m.last, e.Time)
		return
	}
	app := t.app(e.App)
	var last *counted
	if app != nil {
		last = app.last.Load()
	}
	switch {
	case kept:
		last = m.last
		last.where = t.where(e)
		m.tally = app
	case !last.is(e):
		last = detached(e)
		last.where = t.where(e)
	}
	last.where.add(e)
	if app != nil {
		app.see(last, e.Time)
	}
}

// see remembers the latest request.
func (t *tally) see(last *counted, at time.Time) {
	if t.last.Load() != last { // to write is dearer, where others read
		t.last.Store(last)
	}
	t.at.Store(at.UnixNano())
}

// app returns an app's tally, or nil for strangers.
func (t *tallies) app(name string) *tally {
	if name == "" {
		return nil
	}
	t.mu.RLock()
	app := t.apps[name]
	t.mu.RUnlock()
	if app != nil {
		return app
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.apps == nil {
		t.apps = make(map[string]*tally)
	}
	if app = t.apps[name]; app == nil && len(t.apps) < maxSeries {
		app = new(tally)
		t.apps[name] = app
	}
	return app
}

// where returns where e is counted.
func (t *tallies) where(e *Event) *series {
	kind := seriesOf(e)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = make(map[Series]*series)
	}
	found := t.all[kind]
	if found == nil && len(t.all) >= maxSeries {
		kind = Series{App: "(others)", Status: kind.Status, Code: kind.Code}
		found = t.all[kind]
	}
	if found == nil {
		found = new(series)
		t.all[kind] = found
	}
	return found
}

// seriesOf returns what an event is counted as.
func seriesOf(e *Event) Series {
	return Series{App: e.App, Profile: e.Profile, How: e.How, Path: route(e.Path), Endpoint: e.Endpoint, Status: e.Status, Code: e.Code, Minted: e.Minted}
}

// route returns a path as far as it is ours: what follows is what a stranger
// likes.
func route(path string) string {
	for _, known := range []string{"/v1/credentials", "/v1/process/credentials"} {
		if rest, ok := strings.CutPrefix(path, known); ok && rest == "" {
			return known
		} else if ok && rest[0] == '/' {
			return known + "/{profile}"
		}
	}
	if strings.HasPrefix(path, "/v2/credentials/") {
		return "/v2/credentials/{id}"
	}
	return "other"
}

// last returns an app's latest request. It has no number: of two at the same
// moment the time may be one's and the rest the other's.
func (t *tallies) last(app string) (Event, bool) {
	t.mu.RLock()
	of := t.apps[app]
	t.mu.RUnlock()
	if of == nil {
		return Event{}, false
	}
	last := of.last.Load()
	if last == nil {
		return Event{}, false
	}
	e := last.event
	e.ID, e.Time = 0, time.Unix(0, of.at.Load())
	return e, true
}

// Counts returns how often each kind of request came, sorted.
func (l *Log) Counts() []Count {
	t := &l.tallies
	t.mu.RLock()
	defer t.mu.RUnlock()
	counts := make([]Count, 0, len(t.all))
	for kind, n := range t.all {
		counts = append(counts, Count{kind, n.requests.Load(), n.unrecorded.Load()})
	}
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Endpoint, b.Endpoint),
			cmp.Compare(a.How, b.How), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Code, b.Code), boolCompare(a.Minted, b.Minted))
	})
	return counts
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
