package control

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// How long the end of a listener may take.
const (
	// lastRequest is how long who has connected has to begin a request: commands send
	// theirs at once.
	lastRequest = 500 * time.Millisecond
	// graceTimeout is for what is under way, stopTimeout for being told that it ends
	// without an answer.
	graceTimeout = 4 * time.Second
	stopTimeout  = time.Second
	endPoll      = time.Millisecond
)

// end ends what a listener began, so that no command fails that has asked: nobody is
// let in any more, and waits in the kernel, if somebody else holds the socket too, for
// our successor. What is under way is answered, within a time; after that, cancel ends
// it with an error that says so. What only lasts, see ofClient, has ended before.
//
// net/http's Shutdown would not do: what it has read while it ends it does not answer.
func (v *visitors) end(web *http.Server, ln net.Listener, served <-chan error, cancel func()) {
	_ = ln.Close()
	<-served                        // what it accepted is known by now
	web.SetKeepAlivesEnabled(false) // each answer is the last, and who is idle is sent away
	late := time.AfterFunc(lastRequest, v.closeSilent)
	defer late.Stop()
	for _, patience := range []time.Duration{graceTimeout, stopTimeout} {
		for began := time.Now(); v.any() && time.Since(began) < patience; {
			time.Sleep(endPoll)
		}
		cancel()
	}
}

// visitors are the connections that net/http has, and whether anything has come over
// them yet.
type visitors struct {
	mu    sync.Mutex // guards the next
	spoke map[net.Conn]bool
}

// note is a http.Server.ConnState.
func (v *visitors) note(c net.Conn, state http.ConnState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch state {
	case http.StateNew:
		v.spoke[c] = false
	case http.StateActive, http.StateIdle:
		v.spoke[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(v.spoke, c)
	}
}

func (v *visitors) any() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.spoke) > 0
}

// closeSilent closes those over which nothing has come. Who is not known yet, because
// a directory is slow to tell, may have sent a request that is not read.
func (v *visitors) closeSilent() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for c, spoke := range v.spoke {
		if one, ok := c.(*visitor); ok && !spoke && one.awaited.Load() {
			_ = one.Conn.Close()
		}
	}
}

type endingKey struct{}

// ofClient returns a context for what lasts as long as its client wants, a hold or a
// login: it ends with ctx, and when its listener ends too.
func ofClient(ctx context.Context) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithCancel(ctx)
	ending, _ := ctx.Value(endingKey{}).(context.Context)
	if ending == nil {
		return lasting, cancel
	}
	stop := context.AfterFunc(ending, cancel)
	return lasting, func() { stop(); cancel() }
}

// ending reports whether a request's listener ends.
func ending(ctx context.Context) bool {
	end, _ := ctx.Value(endingKey{}).(context.Context)
	return ctx.Err() != nil || end != nil && end.Err() != nil
}
