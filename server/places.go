package server

import (
	"log/slog"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/peer"
)

// How long a connection may be in each phase. A request is one segment on
// loopback, so who needs longer for its header holds a place that another
// program wants.
const (
	headerTimeout = 2 * time.Second
	answerTimeout = 10 * time.Second
	idleTimeout   = 60 * time.Second
	// sweepEvery is how often overdue connections are looked for, and how
	// coarse the time is at which a phase begins.
	sweepEvery = 250 * time.Millisecond
)

// phase is what a connection is doing.
type phase int64

const (
	accepted  phase = iota // and nobody had the time to read from it yet
	reading                // a header: its first, or since a byte of the next came
	answering              // waiting for credentials, or writing
	idling                 // between two requests
	phases                 // how many there are
)

// phaseLimits has no mercy with clients that are slow, and all with those that
// have to wait for us: where a thousand ask at once, the last one's header lies
// there for a while before anybody reads it.
var phaseLimits = [phases]time.Duration{
	accepted: idleTimeout, reading: headerTimeout, answering: answerTimeout, idling: idleTimeout}

// nobody is the number under which callers who are not known, and users who have
// nothing here, are counted together: one person can come as 65,536 of those, in
// a user namespace. It is no user's: the kernel reserves it as "none".
const nobody = math.MaxUint32

// party is who connections and refusals are counted by: a user, or for callers
// from another network, who have no user here, an address.
type party struct {
	uid  uint32
	addr netip.Addr // not valid for a user
}

// places knows the connections of all listeners and keeps their number and their
// time in bounds.
//
// It does in one sweep what net/http does with a timer for each connection and
// timeout, which is moved seven times a request, at up to 1.8 µs in all. And it
// knows which connections are quiet: where there is no room for one more, the
// user who has the most loses the one that has been quiet for longest. So who
// opens thousands loses their own, and a newcomer is let in at once.
//
// Callers from other networks have half of the places, and no more: whoever may
// send what they like into one can have all of its addresses.
type places struct {
	most int
	owns func(uid uint32) bool
	log  *slog.Logger

	started time.Time
	tick    atomic.Int64 // coarse time since started, in milliseconds

	mu      sync.Mutex // guards the rest; no request takes it
	told    time.Time  // when the log last heard of a full house
	open    map[*conn]struct{}
	parties map[party]int // of open
	remote  int           // of open, those from other networks
	sweep   *time.Timer   // nil while nothing is open
}

func newPlaces(most int, owns func(uid uint32) bool, log *slog.Logger) *places {
	return &places{most: most, owns: owns, log: log, started: time.Now(),
		open: make(map[*conn]struct{}), parties: make(map[party]int)}
}

// party returns who a client counts as.
func (p *places) party(of *peer.Client, remote bool) party {
	switch {
	case remote:
		return party{uid: nobody, addr: of.Addr}
	case of.Err == nil && p.owns(of.Socket.UID):
		return party{uid: of.Socket.UID}
	}
	return party{uid: nobody}
}

// admit counts a connection in, if there is room or can be made.
func (p *places) admit(c *conn) bool {
	p.mu.Lock()
	full := len(p.open) >= p.most
	crowded := c.party.addr.IsValid() && p.remote >= max(1, p.most/2)
	p.mu.Unlock()
	if full || crowded {
		p.tell("all places are taken")
		if !p.evict(c.party, crowded) {
			return false
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tick.Store(time.Since(p.started).Milliseconds())
	c.enter(accepted)
	p.open[c] = struct{}{}
	p.parties[c.party]++
	if c.party.addr.IsValid() {
		p.remote++
	}
	if p.sweep == nil {
		p.sweep = time.AfterFunc(sweepEvery, p.closeOverdue)
	}
	return true
}

// tell says in the log, once a minute, that connections are closed for others.
func (p *places) tell(why string) {
	p.mu.Lock()
	lately := time.Since(p.told) < time.Minute
	if !lately {
		p.told = time.Now()
	}
	p.mu.Unlock()
	if !lately {
		p.log.Warn("server: "+why+", so that whoever has most connections loses the quiet ones", "places", p.most)
	}
}

// evict closes the connection that is missed least, for one of newcomer's: of
// the party that has most, the one that is quiet for longest, and if all of them
// have requests under way, the oldest of those. Only their own party has to wait
// instead. With remote it is one from another network.
func (p *places) evict(newcomer party, remote bool) bool {
	p.mu.Lock()
	var least *conn
	var worst [3]int64
	for c := range p.open {
		if remote && !c.party.addr.IsValid() {
			continue
		}
		doing, since := c.now()
		quiet := int64(1)
		if doing == answering {
			quiet = 0
		}
		rank := [3]int64{int64(p.parties[c.party]), quiet, -since}
		if least == nil || slices.Compare(rank[:], worst[:]) > 0 {
			least, worst = c, rank
		}
	}
	p.mu.Unlock()
	if least == nil || worst[1] == 0 && least.party == newcomer {
		return false
	}
	_ = least.Close()
	return true
}

// closeOverdue closes the connections that took too long, moves the tick, and
// comes again as long as there are any.
func (p *places) closeOverdue() {
	tick := time.Since(p.started).Milliseconds()
	p.tick.Store(tick)
	var overdue []*conn
	p.mu.Lock()
	for c := range p.open {
		if doing, since := c.now(); tick-since >= phaseLimits[doing].Milliseconds() {
			overdue = append(overdue, c)
		}
	}
	if len(p.open) > 0 {
		p.sweep.Reset(sweepEvery)
	} else {
		p.sweep = nil
	}
	p.mu.Unlock()
	for _, c := range overdue {
		_ = c.Close()
	}
}

// leave makes room for another.
func (p *places) leave(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, in := p.open[c]; !in {
		return // one that was never let in
	}
	delete(p.open, c)
	if p.parties[c.party]--; p.parties[c.party] <= 0 {
		delete(p.parties, c.party) // or everybody who ever came stays
	}
	if c.party.addr.IsValid() {
		p.remote--
	}
}
