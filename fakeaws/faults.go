package fakeaws

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// FaultKind is a way in which AWS, or the road to it, has a bad day.
type FaultKind string

// The kinds of fault. EmptyKey to ShortLife concern the answers of operations
// that issue credentials; the others any operation.
const (
	Latency      FaultKind = "latency"       // answers as usual, after Fault.Latency
	Throttle     FaultKind = "throttle"      // 400 Throttling; S3: 503 SlowDown
	ServerError  FaultKind = "server-error"  // 500, or Fault.Status
	AccessDenied FaultKind = "access-denied" // 403 AccessDenied
	Skewed       FaultKind = "skewed"        // refuses the client's clock
	Garbage      FaultKind = "garbage"       // 200 with a page of HTML, as captive portals do
	Truncated    FaultKind = "truncated"     // 200 with the first half of the answer
	Reset        FaultKind = "reset"         // a TCP reset instead of an answer
	Hang         FaultKind = "hang"          // no answer until the client leaves
	EmptyKey     FaultKind = "empty-key"     // credentials without an access key id
	PastExpiry   FaultKind = "past-expiry"   // an Expiration one hour ago
	FarExpiry    FaultKind = "far-expiry"    // an Expiration in ten years
	ShortLife    FaultKind = "short-life"    // really expiring after Fault.Life, whatever was asked
)

var faultKinds = []FaultKind{Latency, Throttle, ServerError, AccessDenied, Skewed, Garbage, Truncated, Reset, Hang,
	EmptyKey, PastExpiry, FarExpiry, ShortLife}

// Fault is one thing that goes wrong.
type Fault struct {
	// Operation is the operation that it strikes, such as "AssumeRole" or
	// "PutObject"; empty means every one.
	Operation string
	// Kind says what happens.
	Kind FaultKind
	// Count is how many calls it strikes; 0 means until Clear.
	Count int
	// Latency delays the call, whatever the kind.
	Latency time.Duration
	// Life is the life of ShortLife's credentials; 0 means five seconds.
	Life time.Duration
	// Status and Code replace the kind's own, for the kinds that answer
	// with an error.
	Status int
	Code   string
}

// Inject makes f strike from the next call on, after the faults injected
// before it are used up. It panics on an unknown kind or operation: a test that
// injects nothing by mistake would pass.
func (f *Fake) Inject(fault Fault) {
	if err := fault.check(); err != nil {
		panic(err)
	}
	f.faults.mu.Lock()
	defer f.faults.mu.Unlock()
	f.faults.waiting = append(f.faults.waiting, fault)
}

// Clear takes all faults back.
func (f *Fake) Clear() {
	f.faults.mu.Lock()
	defer f.faults.mu.Unlock()
	f.faults.waiting = nil
}

// maxFaults bounds what clients can queue over HTTP.
const maxFaults = 1000

// faults are the faults that wait for their calls, in order of injection.
type faults struct {
	mu      sync.Mutex // guards waiting
	waiting []Fault
}

// take returns the first fault that concerns an operation, or the zero Fault.
func (s *faults) take(operation string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.waiting {
		if !f.concerns(operation) {
			continue
		}
		switch f.Count {
		case 0: // until Clear
		case 1:
			s.waiting = slices.Delete(s.waiting, i, i+1)
		default:
			s.waiting[i].Count--
		}
		return f
	}
	return Fault{}
}

// concerns reports whether a fault strikes an operation. A fault of issued
// credentials waits for an operation that issues some.
func (f Fault) concerns(operation string) bool {
	switch f.Kind {
	case EmptyKey, PastExpiry, FarExpiry, ShortLife:
		if !issuesCredentials(operation) {
			return false
		}
	}
	return f.Operation == "" || f.Operation == operation
}

// hasOperation reports whether the fake has an operation, of any service.
func hasOperation(name string) bool {
	_, inSTS := stsOperations[name]
	_, inS3 := s3Operations[name]
	_, inIAM := iamOperations[name]
	_, inEC2 := ec2Operations[name]
	found := inSTS || inS3 || inIAM || inEC2
	for _, o := range oidcOperations {
		found = found || o.name == name
	}
	for _, o := range portalOperations {
		found = found || o.name == name
	}
	return found
}

// issuesCredentials reports whether an operation issues some.
func issuesCredentials(operation string) bool {
	_, inSTS := stsOperations[operation]
	return inSTS && operation != "GetCallerIdentity" || operation == "GetRoleCredentials"
}

// check returns what is wrong with a fault.
func (f Fault) check() error {
	switch {
	case !slices.Contains(faultKinds, f.Kind):
		return fmt.Errorf("fault kind %q: unknown", f.Kind)
	case f.Operation != "" && !hasOperation(f.Operation):
		return fmt.Errorf("fault %s: fakeaws does not have the operation %q", f.Kind, f.Operation)
	case f.Count < 0 || f.Latency < 0 || f.Life < 0:
		return fmt.Errorf("fault %s: count, latency and life cannot be negative", f.Kind)
	case f.Status != 0 && (f.Status < 300 || f.Status > 599):
		return fmt.Errorf("fault %s: status %d is not one of an error", f.Kind, f.Status)
	}
	return nil
}

// strike delays the request and returns the failure that its fault makes of
// it. Reset and Hang fail too, so that the operation does nothing.
func (rq *request) strike() *failure {
	rq.wait(rq.fault.Latency)
	f := rq.fault
	var failed *failure
	switch f.Kind {
	case Throttle:
		failed = rq.service.auth.throttled
	case ServerError:
		failed = rq.service.auth.broken(f.Status)
	case AccessDenied:
		failed = fail(http.StatusForbidden, "AccessDenied", "Access denied (a fault that was injected).")
	case Skewed:
		failed = rq.service.auth.skewed(rq.now.Add(-time.Hour), rq.now)
	case Reset:
		return fail(http.StatusServiceUnavailable, "Reset", "connection reset by an injected fault")
	case Hang:
		// net/http notices that a client left only once the body is read.
		_, _ = io.CopyN(io.Discard, rq.Body, maxObject+chunkOverhead)
		<-rq.Context().Done()
		return fail(http.StatusServiceUnavailable, "Hang", "never answered because of an injected fault")
	default:
		return nil
	}
	return failed.with(f.Status, f.Code)
}

// with returns a failure with another status and code where they are given.
func (f *failure) with(status int, code string) *failure {
	other := *f
	if status != 0 {
		other.status = status
	}
	if code != "" {
		other.code = code
	}
	return &other
}

// wait sleeps for d, or until the client leaves.
func (rq *request) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-rq.Context().Done():
	}
}

// sabotage spoils a finished answer, or the connection. It returns true where
// there is nothing left to write.
func (f *Fake) sabotage(w http.ResponseWriter, rq *request, a **answer) bool {
	switch rq.fault.Kind {
	case Garbage:
		*a = &answer{status: http.StatusOK, header: map[string]string{"Content-Type": "text/html"},
			body: []byte("<html><body><h1>Welcome to the airport's network</h1></body>")}
	case Truncated:
		half := **a
		half.status, half.body = http.StatusOK, bytes.Clone(half.body[:len(half.body)/2])
		*a = &half
	case Reset:
		reset(w)
		return true
	case Hang:
		panic(http.ErrAbortHandler)
	}
	return false
}

// reset closes a connection with a TCP RST: no lingering means that the kernel
// throws away what it has and says so.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // no connection of ours: as near as it gets
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
