package cache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

var reader = role("Reader")

const name = "role arn:aws:iam::123456789012:role/Reader"

func TestHerdIsOneMint(t *testing.T) {
	a := &aws{latency: 300 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		var herd sync.WaitGroup
		for range 1000 {
			herd.Go(func() { want(t, "one of the herd", got(t, c, reader), "ASIA0001") })
		}
		herd.Wait()
		want(t, "mints", a.count(), 1)
	})
}

func TestHerdSharesAFailure(t *testing.T) {
	a := &aws{latency: 300 * time.Millisecond, weather: fails(session.Administrator)}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		var herd sync.WaitGroup
		for range 1000 {
			herd.Go(func() {
				want(t, "one of the herd", got(t, c, reader), "[role: a storm of class administrator]")
				want(t, "and again", got(t, c, reader), "[role: a storm of class administrator]")
			})
		}
		herd.Wait()
		want(t, "mints", a.count(), 1)
	})
}

func TestFirstCallerLeaves(t *testing.T) {
	a := &aws{latency: 500 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer leave()
		var others sync.WaitGroup
		for range 3 {
			others.Go(func() {
				time.Sleep(50 * time.Millisecond)
				want(t, "another caller", got(t, c, reader), "ASIA0001")
			})
		}
		start := time.Now()
		_, err := c.Get(ctx, reader.Key(), patience)
		want(t, "who leaves: time", time.Since(start), 100*time.Millisecond)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who leaves: got cause %v, want the context's", errors.Unwrap(err))
		}
		others.Wait()
		want(t, "mints", a.count(), 1)
	})
}

func TestAttemptOutlivesItsOnlyCaller(t *testing.T) {
	a := &aws{latency: 3 * time.Second}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		want(t, "at first", got(t, c, reader), "["+name+": still asking AWS]")
		time.Sleep(3 * time.Second)
		want(t, "later", got(t, c, reader), "ASIA0001")
		want(t, "mints", a.count(), 1)
	})
}

func TestStillAsking(t *testing.T) {
	a := &aws{weather: hangs}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		ask := func(patience time.Duration) (*session.Error, time.Duration) {
			start := time.Now()
			_, err := c.Get(t.Context(), reader.Key(), patience)
			return session.AsError(err), time.Since(start)
		}
		err, took := ask(patience)
		want(t, "message", err.Public, name+": still asking AWS")
		want(t, "hint", err.Hint, "try again in a few seconds")
		want(t, "class", err.Class, session.Retry)
		want(t, "time", took, patience)

		err, took = ask(0)
		want(t, "without patience", err.Public, name+": still asking AWS")
		want(t, "without patience: time", took, 0)

		err, took = ask(20 * time.Second)
		want(t, "with the patience of a command", err.Public, "role: no answer")
		want(t, "with the patience of a command: time", took, 15*time.Second-patience)

		time.Sleep(3 * time.Second) // longer than a first failure is remembered
		err, _ = ask(patience)
		want(t, "the second attempt", err.Public, name+": still asking AWS")
		want(t, "the second attempt: hint", err.Hint, "try again in a few seconds; the answer before was: role: no answer")
	})
}

// What a caller gets, how long it takes, and whether AWS is asked, at points
// of a one-hour session's life while AWS hangs.
func TestZonesOfALife(t *testing.T) {
	for _, test := range []struct {
		name string
		left time.Duration
		take time.Duration
		asks int
		err  string
	}{
		{"fresh", 34 * time.Minute, 0, 0, ""},
		{"due", 29 * time.Minute, 0, 1, ""},
		{"due to the end", 25 * time.Minute, 0, 1, ""},
		{"late", 25*time.Minute - 1, patience, 1, ""},
		{"late to the end", time.Second, patience, 1, ""},
		{"expired while waiting", patience / 2, patience, 1, name + ": still asking AWS"},
		{"dead", 0, patience, 1, name + ": still asking AWS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &aws{}
			synctest.Test(t, func(t *testing.T) {
				c := cache.New(cache.Config{Mint: a}) // without Run: nothing is renewed behind the caller's back
				want(t, "at first", got(t, c, reader), "ASIA0001")
				a.set(hangs)
				time.Sleep(time.Hour - test.left)
				start := time.Now()
				_, err := c.Get(t.Context(), reader.Key(), patience)
				want(t, "time", time.Since(start), test.take)
				synctest.Wait()
				want(t, "attempts", a.count()-1, test.asks)
				if (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
					t.Errorf("Get: got %v, want %q", err, test.err)
				}
				time.Sleep(20 * time.Second)
			})
		})
	}
}

// An attempt that hangs while something lives delays those who ask in its
// first 0.8 seconds, to the end of these, and nobody else.
func TestHungAttemptCostsPatienceOnce(t *testing.T) {
	a := &aws{}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		got(t, c, reader)
		a.set(hangs)
		a.jump(36 * time.Minute) // the laptop slept: 24 minutes are left, and Run does not know yet
		start := time.Now()
		for at := range 200 {
			time.Sleep(time.Until(start.Add(time.Duration(at) * 100 * time.Millisecond)))
			asked := time.Now()
			want(t, "what lives", got(t, c, reader), "ASIA0001")
			if at == 0 {
				want(t, "the first: time", time.Since(asked), patience)
			} else if at > 8 {
				want(t, fmt.Sprintf("after %v: time", asked.Sub(start)), time.Since(asked), 0)
			}
		}
	})
}

// A Minter that ignores its context is left behind a second after its time,
// and does not keep the session from being minted. If it comes back with
// something better, that is taken; with anything else, it is ignored.
func TestDeafMinter(t *testing.T) {
	for _, test := range []struct {
		name string
		late func(a *aws) (*session.Credentials, error)
		want string
	}{
		{"comes back with better ones", func(a *aws) (*session.Credentials, error) { return a.make(reader, 2*time.Hour), nil }, "ASIA0002"},
		{"comes back with worse ones", func(a *aws) (*session.Credentials, error) { return a.make(reader, time.Minute), nil }, "second"},
		{"comes back with an error", func(*aws) (*session.Credentials, error) { return nil, errors.New("role: late") }, "second"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &aws{}
			var free chan struct{}
			a.set(func(context.Context, session.Request) (*session.Credentials, error) {
				<-free
				return test.late(a)
			})
			synctest.Test(t, func(t *testing.T) {
				free = make(chan struct{})
				c := cache.New(cache.Config{Mint: a, Now: a.now})
				start := time.Now()
				_, err := c.Get(t.Context(), reader.Key(), 20*time.Second)
				want(t, "message", fmt.Sprint(err), name+": no answer within 15 s")
				want(t, "hint", session.AsError(err).Hint, "look at the network and the source; vendord keeps trying")
				want(t, "time", time.Since(start), 16*time.Second)

				a.set(func(context.Context, session.Request) (*session.Credentials, error) {
					c := session.NewCredentials("second", "s", "t", time.Now().Add(time.Hour))
					c.Minted, c.Life = time.Now(), time.Hour
					return c, nil
				})
				time.Sleep(2 * time.Second)
				want(t, "the next attempt", got(t, c, reader), "second")
				close(free)
				synctest.Wait()
				want(t, "attempts", a.count(), 2)
				want(t, "afterwards", got(t, c, reader), test.want)
				want(t, "state", row(t, c, reader).State, session.Live)
			})
		})
	}
}

// A deaf Minter that ends while the next attempt is under way does not make
// room for a third.
func TestDeafMinterEndsLate(t *testing.T) {
	a := &aws{}
	synctest.Test(t, func(t *testing.T) {
		a.set(func(context.Context, session.Request) (*session.Credentials, error) {
			time.Sleep(20 * time.Second)
			return nil, errors.New("role: late")
		})
		c := cache.New(cache.Config{Mint: a, Now: a.now})
		_, _ = c.Get(t.Context(), reader.Key(), 20*time.Second)
		time.Sleep(3 * time.Second)
		want(t, "the next attempt", got(t, c, reader), "["+name+": still asking AWS]")
		time.Sleep(3 * time.Second)
		want(t, "after the late end", row(t, c, reader).State, session.Asking)
		got(t, c, reader)
		want(t, "attempts", a.count(), 2)
		time.Sleep(20 * time.Second)
	})
}

// Deaf Minters keep their turns no longer than others.
func TestDeafMintersGiveUpTheirTurns(t *testing.T) {
	a := &aws{}
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		a.set(func(_ context.Context, r session.Request) (*session.Credentials, error) {
			if r != reader {
				<-free
			}
			return a.make(r, time.Hour), nil
		})
		c := cache.New(cache.Config{Mint: a, Now: a.now})
		for i := range 16 {
			_, _ = c.Get(t.Context(), role(fmt.Sprint(i)).Key(), 0)
		}
		time.Sleep(10 * time.Second)
		start := time.Now()
		_, err := c.Get(t.Context(), reader.Key(), 20*time.Second)
		want(t, "error", err, nil)
		want(t, "time", time.Since(start), 6*time.Second)
		close(free)
	})
}

func TestBadAnswers(t *testing.T) {
	for _, test := range []struct {
		name, public, hint string
		answer             func(a *aws) (*session.Credentials, error)
	}{
		{"nothing at all", name + ": an answer without a key id, a secret or a session token", "look at what the source answers",
			func(*aws) (*session.Credentials, error) { return nil, nil }},
		{"expired credentials", name + ": the credentials that came have expired already", "look at this machine's clock, and at the source's",
			func(a *aws) (*session.Credentials, error) { return a.make(reader, -time.Second), nil }},
		{"an error that is none of ours", "dial tcp: no route", "",
			func(*aws) (*session.Credentials, error) { return nil, errors.New("dial tcp: no route") }},
		{"an error that is nil after all", name + ": an answer without a key id, a secret or a session token", "look at what the source answers",
			func(*aws) (*session.Credentials, error) { var none *session.Error; return nil, none }},
		{"a panic", name + ": vendord made a mistake while minting", "report it with what the log says; vendord keeps trying",
			func(*aws) (*session.Credentials, error) { panic("sEcReT") }},
		{"a panic of the runtime", name + ": vendord made a mistake while minting", "report it with what the log says; vendord keeps trying",
			func(*aws) (*session.Credentials, error) {
				var none []int
				return nil, fmt.Errorf("%d", none[len(none)])
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, d := &aws{}, &diary{}
			a.set(func(context.Context, session.Request) (*session.Credentials, error) { return test.answer(a) })
			synctest.Test(t, func(t *testing.T) {
				c := cache.New(cache.Config{Mint: a, Now: a.now, Log: d.log()})
				_, err := c.Get(t.Context(), reader.Key(), patience)
				e := session.AsError(err)
				want(t, "message", e.Public, test.public)
				want(t, "hint", e.Hint, test.hint)
				want(t, "class", e.Class, session.Retry)
				synctest.Wait() // the log comes after the answer
				want(t, "lines with a secret", d.lines("sEcReT"), 0)
				if strings.HasPrefix(test.name, "a panic") {
					want(t, "lines with the stack", d.lines("cache_test.(*aws).Mint"), 1)
				}
				a.set(nil)
				time.Sleep(2 * time.Second)
				want(t, "the next attempt", got(t, c, reader)[:4], "ASIA")
			})
		})
	}
}

// runtime.Goexit ends the goroutine without a word; the entry is freed as if
// the Minter had hung.
func TestMinterExits(t *testing.T) {
	a := &aws{weather: func(context.Context, session.Request) (*session.Credentials, error) {
		runtime.Goexit()
		return nil, nil
	}}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		_, err := c.Get(t.Context(), reader.Key(), 20*time.Second)
		want(t, "message", fmt.Sprint(err), name+": no answer within 15 s")
		a.set(nil)
		time.Sleep(2 * time.Second)
		want(t, "the next attempt", got(t, c, reader), "ASIA0002")
	})
}

func TestMessagesNameTheSource(t *testing.T) {
	a := &aws{weather: hangs}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		r := session.Request{Source: session.Source{Name: "john"}}
		want(t, "without a role", got(t, c, r), `[source "john": still asking AWS]`)
	})
}
