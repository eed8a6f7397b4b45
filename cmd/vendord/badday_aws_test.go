package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/fakeaws"
)

// badAWS is an AWS that can change under way, and that notes every set of
// credentials that leaves it: what a client is handed can be nothing else.
type badAWS struct {
	clock *demoClock
	ahead atomic.Int64 // AWS's clock minus the daemon's
	fake  atomic.Pointer[fakeaws.Fake]
	asked atomic.Int64 // requests to assume a role
	busy  atomic.Int64 // those under way
	nap   atomic.Int64 // for how long the next answer's reader sleeps

	mu     sync.Mutex
	issued map[string]badIssue
}

// A badIssue is a set of credentials as AWS gave it.
type badIssue struct {
	role, secret, token string
	expires             time.Time     // as AWS's answer said
	ahead               time.Duration // of AWS's clock, then
}

func newBadAWS(t *testing.T, clock *demoClock) *badAWS {
	a := &badAWS{clock: clock, issued: map[string]badIssue{}}
	a.become(t, func(*fakeaws.State) {})
	return a
}

// become puts another world in the place of the present one: john has a second
// key in all of them.
func (a *badAWS) become(t *testing.T, change func(*fakeaws.State)) {
	state := fakeaws.Example()
	john := &state.Accounts[0].Users[0]
	john.Keys = append(john.Keys, secondKey)
	change(&state)
	fake, err := fakeaws.New(fakeaws.Config{State: state, Now: func() time.Time {
		return a.clock.Now().Add(time.Duration(a.ahead.Load()))
	}})
	if err != nil {
		t.Error(err)
		return
	}
	a.fake.Store(fake)
}

var secondKey = fakeaws.AccessKey{ID: "AKIAI44QH8DHBEXAMPLE", Secret: "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"}

// disable switches john's keys off, but for those kept.
func disable(keep ...string) func(*fakeaws.State) {
	return func(s *fakeaws.State) {
		for i, k := range s.Accounts[0].Users[0].Keys {
			s.Accounts[0].Users[0].Keys[i].Disabled = !slices.Contains(keep, k.ID)
		}
	}
}

func (a *badAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if form, _ := url.ParseQuery(string(body)); form.Get("Action") == "AssumeRole" {
		a.asked.Add(1)
		a.busy.Add(1)
		defer a.busy.Add(-1)
		w = &witness{w, a, form.Get("RoleArn")}
	}
	a.fake.Load().ServeHTTP(w, r)
}

// A witness reads an answer before the client can.
type witness struct {
	http.ResponseWriter
	aws  *badAWS
	role string
}

// Unwrap lets a fault take over the connection.
func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }

var handedOut = regexp.MustCompile(`(?s)<AccessKeyId>(\w+)</AccessKeyId>\s*<SecretAccessKey>([^<]+)</SecretAccessKey>\s*` +
	`<SessionToken>([^<]+)</SessionToken>\s*<Expiration>([^<]+)</Expiration>`)

func (w *witness) Write(p []byte) (int, error) {
	if found := handedOut.FindSubmatch(p); found != nil {
		expires, err := time.Parse(time.RFC3339, string(found[4]))
		if err == nil {
			w.aws.mu.Lock()
			w.aws.issued[string(found[1])] = badIssue{w.role, string(found[2]), string(found[3]), expires, time.Duration(w.aws.ahead.Load())}
			w.aws.mu.Unlock()
		}
	}
	w.aws.clock.advance(time.Duration(w.aws.nap.Swap(0)))
	return w.ResponseWriter.Write(p)
}

func (a *badAWS) issuedAs(keyID string) (badIssue, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.issued[keyID]
	return i, ok
}
