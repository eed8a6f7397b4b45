package cache_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// aws is a Minter: an AWS whose weather the test makes. It is set up before
// the cache uses it; weather may be changed with set.
type aws struct {
	life    time.Duration // of what it mints; 0 is an hour
	latency time.Duration // of each answer

	mu      sync.Mutex
	weather func(ctx context.Context, r session.Request) (*session.Credentials, error) // nil is fine weather
	calls   []time.Time
	shift   time.Duration // of the machine's clock against AWS's
	running map[session.Request]int
	crowd   int // most attempts that ever ran at once
	double  bool
}

// now is the machine's clock.
func (a *aws) now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Add(a.shift)
}

func (a *aws) jump(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shift += d
}

func (a *aws) set(weather func(context.Context, session.Request) (*session.Credentials, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.weather = weather
}

func (a *aws) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.calls)
}

func (a *aws) Mint(ctx context.Context, r session.Request) (*session.Credentials, error) {
	a.mu.Lock()
	a.calls = append(a.calls, time.Now())
	weather := a.weather
	if a.running == nil {
		a.running = map[session.Request]int{}
	}
	a.double = a.double || a.running[r] > 0
	a.running[r]++
	a.crowd = max(a.crowd, len(a.running))
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.running[r]--; a.running[r] == 0 {
			delete(a.running, r)
		}
	}()
	select {
	case <-time.After(a.latency):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if weather != nil {
		return weather(ctx, r)
	}
	return a.make(r, a.life), nil
}

// make returns new credentials that live for life.
func (a *aws) make(r session.Request, life time.Duration) *session.Credentials {
	if life == 0 {
		life = time.Hour
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c := session.NewCredentials(fmt.Sprintf("ASIA%04d", len(a.calls)), "sEcReT", "tOkEn", time.Now().Add(life))
	c.Minted, c.Life, c.Skew, c.RoleARN = time.Now().Add(a.shift), life, -a.shift, r.RoleARN
	return c
}

// fails is weather in which every attempt ends with an error of class.
func fails(class session.Class) func(context.Context, session.Request) (*session.Credentials, error) {
	return func(context.Context, session.Request) (*session.Credentials, error) {
		return nil, &session.Error{Class: class, Code: "Storm", Public: "role: a storm of class " + class.String(), Hint: "wait"}
	}
}

// hangs is weather in which AWS does not answer at all.
func hangs(ctx context.Context, _ session.Request) (*session.Credentials, error) {
	<-ctx.Done()
	return nil, &session.Error{Class: session.Retry, Public: "role: no answer", Err: ctx.Err()}
}

// diary keeps what was logged.
type diary struct {
	mu   sync.Mutex
	text strings.Builder
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) lines(part string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for line := range strings.Lines(d.text.String()) {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

func (d *diary) log() *slog.Logger { return slog.New(slog.NewTextHandler(d, nil)) }

// role returns the request for a role of that name.
func role(name string) session.Request {
	return session.Request{Operation: session.AssumeRole, RoleARN: "arn:aws:iam::123456789012:role/" + name,
		SessionName: "me", Source: session.Source{Name: "john"}, Duration: time.Hour}
}

const patience = 800 * time.Millisecond

// story runs a test with a cache in front of a, in a bubble of virtual time.
func story(t *testing.T, a *aws, tell func(t *testing.T, c *cache.Cache)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{Mint: a, Now: a.now})
		live(t, c)
		tell(t, c)
	})
}

// live runs c until the test ends.
func live(t *testing.T, c *cache.Cache) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: got %v, want nil", err)
		}
	})
}

// got asks c for the session of r and returns the key id, or the error in
// brackets.
func got(t *testing.T, c *cache.Cache, r session.Request) string {
	t.Helper()
	creds, err := c.Get(t.Context(), r.Key(), patience)
	if err != nil {
		return "[" + err.Error() + "]"
	}
	return creds.KeyID
}

// want fails the test unless got is want.
func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// row returns the status of r's session.
func row(t *testing.T, c *cache.Cache, r session.Request) session.Status {
	t.Helper()
	for _, row := range c.Status() {
		if row.Request == r {
			return row
		}
	}
	return session.Status{}
}
