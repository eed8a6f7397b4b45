package server

import (
	"net/http"
	"slices"
	"time"
)

// How long the end of a listener may take.
const (
	// lastRequest is how long connections that are kept have to ask once more, and
	// be told that the answer was the last. Others are let in and answered meanwhile.
	lastRequest = 250 * time.Millisecond
	// lastHeader is how long who has connected has to send a request, once nobody is
	// let in any more: programs send theirs at once, and others wait for us to be gone.
	lastHeader   = 500 * time.Millisecond
	graceTimeout = 5 * time.Second // for all that is under way
	endPoll      = time.Millisecond
)

// end ends what a listener began, so that no request is lost that was sent. net/http's
// Shutdown would lose some: it closes without an answer what it has accepted and not
// read a request from, and what is idle, though a request be on its way.
//
// From now on every answer says that it is the last of its connection. When all have
// been told so, or after a moment, nobody is let in: whoever connects
// waits in the kernel, if somebody else holds the socket too, for our successor. Who
// is in gets an answer. An idle connection is closed when nothing has come over it.
//
// What is left: a request over a kept connection, sent in the microsecond between
// the kernel's saying that nothing has come and our closing it, or by a client that
// does not look whether it was closed.
func (l *listener) end(served <-chan error) {
	l.ending.Store(true)
	began := time.Now()
	for l.places.untold(l) && time.Since(began) < lastRequest {
		time.Sleep(endPoll)
	}
	_ = l.Listener.Close()
	<-served // what it accepted is known by now
	for closed := time.Now(); time.Since(began) < graceTimeout; time.Sleep(endPoll) {
		if l.places.hurry(l, time.Since(closed) >= lastHeader) == 0 {
			return
		}
	}
}

// sayFarewell says that an answer is the last of its connection, if it is. It is
// asked when the answer is written: the end may have come while AWS was waited for.
func (c *conn) sayFarewell(h http.Header) {
	if c.in != nil && c.in.ending.Load() {
		c.told.Store(true)
		h["Connection"] = farewell
	}
}

// endOld has an answer in HTTP/1.0 be the last of its connection. net/http takes chunks
// that are announced there for nothing, and what is in them for the next request: a body
// that somebody else wrote would be one (RFC 9112, 6.1).
func endOld(w http.ResponseWriter, r *http.Request) {
	if !r.ProtoAtLeast(1, 1) {
		w.Header()["Connection"] = farewell
	}
}

// farewell is read alone.
var farewell = []string{"close"}

// of returns the connections of a listener.
func (p *places) of(l *listener) (all []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		if c.in == l {
			all = append(all, c)
		}
	}
	return all
}

// untold reports whether there is a connection whose client believes that it may ask
// again, or is about to be told so.
func (p *places) untold(l *listener) bool {
	return slices.ContainsFunc(p.of(l), func(c *conn) bool {
		doing, _ := c.now()
		return doing == idling || doing == answering && !c.told.Load()
	})
}

// hurry closes what is idle, and with silent what has not sent a request, and returns
// how many connections there are.
func (p *places) hurry(l *listener, silent bool) int {
	all := p.of(l)
	for _, c := range all {
		switch doing, _ := c.now(); {
		case doing == idling:
			c.nudge()
		case silent && (doing == accepted || doing == reading):
			_ = c.Close()
		}
	}
	return len(all)
}
