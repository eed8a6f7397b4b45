package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

// fastWorld is an AWS, a cache and a server in a bubble of virtual time, and a
// machine whose clock may be wrong and which may fall asleep. Only the network
// is not one: a bubble's time stands still while somebody waits for that.
type fastWorld struct {
	*testing.T
	client *http.Client
	token  string
	life   time.Duration // of what AWS gives

	mu     sync.Mutex
	asleep time.Duration // how much longer it is than the timers know
	wrong  time.Duration // the machine's clock
	down   bool          // AWS
	calls  int
	given  map[string]time.Time // until when, by key id
}

// truth is the time by AWS's clock.
func (w *fastWorld) truth() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.asleep)
}

// now is the time by the machine's clock.
func (w *fastWorld) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.asleep + w.wrong)
}

// Mint is AWS.
func (w *fastWorld) Mint(_ context.Context, r session.Request) (*session.Credentials, error) {
	time.Sleep(100 * time.Millisecond)
	expires, now := w.truth().Add(w.life), w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	if w.down {
		return nil, &session.Error{Class: session.Retry, Public: "AWS: down"}
	}
	id := fmt.Sprintf("ASIA%08d", w.calls)
	w.given[id] = expires
	c := session.NewCredentials(id, "secret", "token", expires)
	c.Minted, c.Life, c.Skew, c.RoleARN = now, w.life, -w.wrong, r.RoleARN
	return c, nil
}

// change changes the world.
func (w *fastWorld) change(how func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	how()
}

// asked is how often AWS was asked.
func (w *fastWorld) asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

// inMemory is a listener whose connections are pipes.
type inMemory struct {
	conns chan net.Conn
	ended chan struct{}
	end   func()
}

func (m *inMemory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.ended:
		return nil, net.ErrClosed
	}
}

func (m *inMemory) Close() error   { m.end(); return nil }
func (m *inMemory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9797} }

func (m *inMemory) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	m.conns <- theirs
	return ours, nil
}

// inFastWorld runs a test in one.
func inFastWorld(t *testing.T, life time.Duration, run func(w *fastWorld)) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeDemoFiles(dir, "http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	config, err := profiles.Load(profiles.Options{Path: filepath.Join(dir, "vendord.toml"), UID: os.Getuid(), Home: dir})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := &fastWorld{T: t, life: life, given: map[string]time.Time{}}
		book, err := apps.Open(apps.Config{Profiles: config, Now: w.now})
		if err != nil {
			t.Fatal(err)
		}
		defer book.Close()
		secret, hash := apps.NewSecret()
		if err := book.Issue(apps.Token{ID: apps.NewID(), App: "agent", User: "john", Steer: true, Hash: hash, Issued: w.now(), Expires: w.now().Add(100 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		w.token = secret
		sessions := cache.New(cache.Config{Mint: w, Now: w.now})
		ended := make(chan struct{})
		ln := &inMemory{conns: make(chan net.Conn), ended: ended, end: sync.OnceFunc(func() { close(ended) })}
		w.client = &http.Client{Transport: &http.Transport{DialContext: ln.dial, DisableKeepAlives: true}}
		ctx, stop := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		parts.Go(func() { _ = sessions.Run(ctx) })
		parts.Go(func() {
			if err := server.New(server.Config{Apps: book, Credentials: sessions, Now: w.now}).Serve(ctx, ln, server.Endpoint{}); err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
		run(w)
		stop()
		parts.Wait()
	})
}

// ask asks as a program does. What comes with 200 has not expired, and says
// what AWS said.
func (w *fastWorld) ask() vended {
	w.Helper()
	v := vendTo(w.Context(), w.T, w.client, "http://127.0.0.1:9797"+server.Path, w.token)
	if v.status != 200 {
		return v
	}
	truth := w.truth()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !v.Expiration.After(truth) {
		w.Errorf("at %v: got what expired at %v", truth, v.Expiration)
	}
	if given := w.given[v.AccessKeyID]; !v.Expiration.Equal(given.Truncate(time.Second)) {
		w.Errorf("%s: got the expiration %v, want AWS's %v, cut off", v.AccessKeyID, v.Expiration, given)
	}
	return v
}

func lifetimes(t *testing.T) {
	for _, test := range []struct{ life, least time.Duration }{
		{time.Hour, 25 * time.Minute},
		{30 * time.Minute, 15*time.Minute + 30*time.Second},
	} {
		t.Run(test.life.String(), func(t *testing.T) {
			inFastWorld(t, test.life, func(w *fastWorld) {
				least, last := test.life, time.Time{}
				for range 12 * 60 {
					v := w.ask()
					if v.status != 200 {
						t.Fatalf("got %d %s, want 200", v.status, v.Message)
					}
					if v.Expiration.Before(last) {
						t.Errorf("an expiration of %v after one of %v", v.Expiration, last)
					}
					last = v.Expiration
					least = min(least, v.Expiration.Sub(w.truth()))
					time.Sleep(time.Minute)
				}
				if least < test.least {
					t.Errorf("the shortest life that was handed out: %v, want %v or more", least, test.least)
				}
				t.Logf("12 hours of sessions of %v: %d calls to AWS, never less than %v to live", test.life, w.asked(), least.Truncate(time.Second))
			})
		})
	}
}

func fewCalls(t *testing.T) { // botocore, JavaScript: conformance
	t.Run("ten calls", sdkLoop)
	t.Run("sessions of 15 minutes", func(t *testing.T) {
		inFastWorld(t, 15*time.Minute, func(w *fastWorld) {
			const hours = 6
			for range hours * 360 { // as botocore does with them: for every call
				if v := w.ask(); v.status != 200 {
					t.Fatalf("got %d %s, want 200", v.status, v.Message)
				}
				time.Sleep(10 * time.Second)
			}
			// Renewed at half of life, less 5 % of it by chance: 6:45 at least.
			if most := int(hours*time.Hour/(405*time.Second)) + 1; w.asked() > most {
				t.Errorf("calls to AWS: got %d in %d hours, want at most %d", w.asked(), hours, most)
			}
			t.Logf("%d requests in %d hours: %d calls to AWS", hours*360, hours, w.asked())
		})
	})
}

func noExpired(t *testing.T) {
	t.Run("the rest of the last second, which programs are not told", func(t *testing.T) {
		inFastWorld(t, time.Hour, func(w *fastWorld) {
			v := w.ask()
			w.change(func() { w.down = true })
			time.Sleep(v.Expiration.Add(50 * time.Millisecond).Sub(w.truth())) // AWS said 100
			if v := w.ask(); v.status != 503 {
				t.Errorf("got %d %s, want 503", v.status, v.Message)
			}
		})
	})
	for _, test := range []struct {
		name          string
		wrong, asleep time.Duration
		down          bool // AWS is, afterwards
	}{
		{"the clock 5 minutes ahead", 5 * time.Minute, 0, false},
		{"the clock 5 minutes behind", -5 * time.Minute, 0, false},
		{"the clock 5 minutes ahead, and AWS down", 5 * time.Minute, 0, true},
		{"two hours of sleep", 0, 2 * time.Hour, false},
		{"two hours of sleep, and AWS down", 0, 2 * time.Hour, true},
		{"ten minutes of sleep, and AWS down", 0, 10 * time.Minute, true},
	} {
		for _, at := range []time.Duration{time.Minute, 29 * time.Minute, 31 * time.Minute} {
			t.Run(fmt.Sprintf("%s, after %v", test.name, at), func(t *testing.T) {
				inFastWorld(t, time.Hour, func(w *fastWorld) {
					w.ask()
					time.Sleep(at)
					w.ask()
					w.change(func() { w.wrong, w.asleep, w.down = test.wrong, test.asleep, test.down })
					for range 90 * 2 { // ask checks what it gets
						v := w.ask()
						if v.status != 200 && !test.down {
							t.Fatalf("got %d %s, want 200", v.status, v.Message)
						}
						if v.status != 200 && v.status != 503 {
							t.Errorf("got %d %s, want 503", v.status, v.Message)
						}
						time.Sleep(30 * time.Second)
					}
				})
			})
		}
	}
}
