package server

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/peer"
)

// looks is the budget for finding processes, for the record. To find one is to look
// through the open files of many, which takes a millisecond where there are few,
// and ten where one program has thousands: so there is a bound on how often that
// is done, and one on the time that it takes: a quarter of one processor's, and a
// tenth for strangers.
//
// Who is recognised and who is not have one each: a stranger whose processes take
// long to look through would keep the record from naming anybody's otherwise.
type looks struct {
	often *rate.Limiter
	share time.Duration // one part of so many of one processor's time

	mu    sync.Mutex // guards the rest
	at    time.Time  // when spent was right
	spent time.Duration
	last  time.Duration // what the latest look took, as a guess at the next
}

const (
	looksForRecord = 200 // a second
	looksForRing   = 20  // where only the latest refusals are remembered
	looksShare     = 4   // of one processor's time, one in so many
	strangersShare = 10
	looksAtOnce    = 25 * time.Millisecond
)

func newLooks(perSecond int, share time.Duration) *looks {
	return &looks{often: rate.NewLimiter(rate.Limit(perSecond), max(5, perSecond/10)), share: share}
}

// process finds the process of a client, if there is anything left to spend.
func (l *looks) process(of *peer.Client) (found peer.Process, ok bool) {
	now := time.Now()
	l.mu.Lock()
	l.spent, l.at = max(0, l.spent-now.Sub(l.at)/l.share), now
	guess := l.last
	affordable := l.spent+guess <= looksAtOnce || l.spent == 0
	if affordable = affordable && l.often.AllowN(now, 1); affordable {
		l.spent += guess // or a thousand at once would all find the purse full
	}
	l.mu.Unlock()
	if !affordable {
		return peer.Process{}, false
	}
	found, ok = of.Process()
	took := time.Since(now)
	l.mu.Lock()
	l.spent, l.last = l.spent+took-guess, took
	l.mu.Unlock()
	return found, ok
}

// seen is what a connection's events say of its client besides its user.
type seen struct {
	done            bool
	pid             int
	exe             string
	unit, container string
}

// look finds out who c's client is, for the record alone, and adds it to e. It is
// done once for each connection, before its first answer: the client waits for
// that, so it still holds its socket. Where too many are new at once, the record
// has their user and unit, and no process. It reports whether that took any time.
func (s *Server) look(c *conn, e *audit.Event) bool {
	if c.seen.done {
		return false
	}
	c.seen.done = true
	if c.client.Err != nil {
		return false
	}
	if path, err := c.client.Cgroup(); err == nil {
		c.seen.unit = word(unitOf(path))
		c.seen.container, _ = peer.Container(path)
	}
	if p, ok := s.budget(e).process(c.client); ok {
		c.seen.pid, c.seen.exe = p.PID, word(p.Exe)
	}
	c.seen.tell(e)
	return true
}

// budget returns what there is to spend on who asks.
func (s *Server) budget(e *audit.Event) *looks {
	if e.App == "" || e.Status == http.StatusUnauthorized {
		return s.strangersLooks
	}
	return s.looks
}

// tell copies what was seen into an event.
func (s *seen) tell(e *audit.Event) {
	e.PID, e.Exe, e.Unit, e.Container = s.pid, s.exe, s.unit, s.container
}

// unitOf returns the unit that a control group belongs to, and one of a user's own
// below their manager's: users name their units as they like, also for the system's.
func unitOf(cgroup string) string {
	system := peer.SystemUnit(cgroup)
	if unit, _, ok := peer.UserUnit(cgroup); ok {
		return system + "/" + unit
	}
	return system
}

// longestName is as much of a program's path as a line needs: somebody who runs
// one with a name of 4,096 characters wants to fill a disk.
const longestName = 200

// word cuts what others chose, a path or a name, and takes out what does not
// print and what could be a token.
func word(name string) string { return withoutToken(clip(name, longestName)) }
