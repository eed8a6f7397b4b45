package server

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/time/rate"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/peer"
)

// To find a process is to look through the open files of all, which takes
// milliseconds: so much may be spent on the record, and no more. It is done once
// for each connection, before its first answer: the client waits for that, so it
// still holds its socket.
const (
	looksForRecord = 200 // a second
	looksForRing   = 20  // where only the latest refusals are remembered
)

// seen is what a connection's events say of its client besides its user.
type seen struct {
	done            bool
	pid             int
	exe             string
	unit, container string
}

// look finds out who c's client is, for the record alone, and adds it to e. Where
// too many are new at once, the record has their user and no process.
func (s *Server) look(c *conn, e *audit.Event) {
	if c.seen.done {
		return
	}
	c.seen.done = true
	if c.client.Err != nil {
		return
	}
	if path, err := c.client.Cgroup(); err == nil {
		c.seen.unit, c.seen.container = word(unitOf(path)), peer.Container(path)
	}
	if s.looks.AllowN(time.Now(), 1) {
		if p, ok := c.client.Process(); ok {
			c.seen.pid, c.seen.exe = p.PID, word(p.Exe)
		}
	}
	c.seen.tell(e)
}

// tell copies what was seen into an event.
func (s *seen) tell(e *audit.Event) {
	e.PID, e.Exe, e.Unit, e.Container = s.pid, s.exe, s.unit, s.container
}

// unitOf returns the unit that a control group belongs to: a user's own, where it
// is below their manager's.
func unitOf(cgroup string) string {
	if unit, _, ok := peer.UserUnit(cgroup); ok {
		return unit
	}
	return peer.SystemUnit(cgroup)
}

// longestName is as much of a program's path as a line needs: somebody who runs
// one with a name of 4,096 characters wants to fill a disk.
const longestName = 200

// word cuts what others chose, a path or a name, and takes out what does not
// print and what could be a token.
func word(name string) string {
	name = clip(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name), longestName)
	return withoutToken(name)
}

// newLooks returns the budget of looks.
func newLooks(recorded bool) *rate.Limiter {
	perSecond := looksForRing
	if recorded {
		perSecond = looksForRecord
	}
	return rate.NewLimiter(rate.Limit(perSecond), perSecond/10)
}
