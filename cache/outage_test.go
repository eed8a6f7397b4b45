package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// Half an hour without AWS, whenever it begins and however it shows, goes
// unseen by programs that use a one-hour session.
func TestOutageOfHalfAnHourIsUnseen(t *testing.T) {
	for at := 0; at < 60; at += 10 {
		for name, weather := range map[string]func(context.Context, session.Request) (*session.Credentials, error){
			"refuses": fails(session.Retry), "hangs": hangs,
		} {
			t.Run(fmt.Sprintf("%s after %d minutes", name, at), func(t *testing.T) {
				a := &aws{latency: 100 * time.Millisecond}
				story(t, a, func(t *testing.T, c *cache.Cache) {
					waited := time.Duration(0)
					ask := func(d, every time.Duration) {
						for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(every) {
							start := time.Now()
							creds, err := c.Get(t.Context(), reader.Key(), patience)
							waited += time.Since(start)
							if err != nil || creds.Left(time.Now()) <= 0 {
								t.Fatalf("Get: got %v, %v, want credentials that live", creds, err)
							}
						}
					}
					ask(time.Hour+time.Duration(at)*time.Minute, 10*time.Second)
					if at == 0 { // the worst of all moments
						time.Sleep(time.Until(row(t, c, reader).Next) - 1)
					}
					a.set(weather)
					waited = 0
					ask(30*time.Minute, 700*time.Millisecond)
					if waited > patience { // of the one attempt that could have come right
						t.Errorf("callers waited: got %v in all, want at most %v", waited, patience)
					}
					a.set(nil)
					ask(2*time.Hour, 10*time.Second)
				})
			})
		}
	}
}

// After a long outage credentials are there again within a minute.
func TestLongOutage(t *testing.T) {
	for name, weather := range map[string]func(context.Context, session.Request) (*session.Credentials, error){
		"refuses": fails(session.Retry), "hangs": hangs,
	} {
		t.Run(name, func(t *testing.T) {
			a := &aws{latency: 100 * time.Millisecond}
			story(t, a, func(t *testing.T, c *cache.Cache) {
				got(t, c, reader)
				a.set(weather)
				for end := time.Now().Add(5*time.Hour + rand.N(time.Minute)); time.Now().Before(end); time.Sleep(time.Second) {
					start := time.Now()
					_, _ = c.Get(t.Context(), reader.Key(), patience)
					if took := time.Since(start); took > patience {
						t.Fatalf("Get: took %v, want at most %v", took, patience)
					}
				}
				if most := busiest(a.calls, time.Hour); most > 300 {
					t.Errorf("attempts in an hour: got %d, want at most 300", most)
				}
				a.set(nil)
				start := time.Now()
				for got(t, c, reader)[0] == '[' {
					time.Sleep(time.Second)
				}
				if took := time.Since(start); took > time.Minute {
					t.Errorf("recovery: took %v, want at most a minute", took)
				}
			})
		})
	}
}

// busiest returns the most calls that fell into any one span.
func busiest(calls []time.Time, span time.Duration) (most int) {
	for i, from := range calls {
		n, _ := slices.BinarySearchFunc(calls, from.Add(span), time.Time.Compare)
		most = max(most, n-i)
	}
	return most
}

// sky is weather that changes at random, and remembers since when it is fine.
type sky struct {
	a    *aws
	fine time.Time // since when; zero in a storm
}

func (s *sky) change(rng *rand.Rand) {
	kind := rng.IntN(6)
	if kind > 2 {
		s.a.set(nil)
		if s.fine.IsZero() {
			s.fine = time.Now()
		}
		return
	}
	s.fine = time.Time{}
	s.a.set(func(ctx context.Context, r session.Request) (*session.Credentials, error) {
		switch kind {
		case 0:
			return hangs(ctx, r)
		case 1:
			time.Sleep(4 * time.Second) // an answer, but slower than anybody waits
			return s.a.make(r, s.a.life), nil
		}
		return fails(session.Retry)(ctx, r)
	})
}

// Twelve hours of random weather: every single answer is looked at.
func TestTwelveHours(t *testing.T) {
	for life, least := range map[time.Duration]time.Duration{
		time.Hour: 25 * time.Minute, 50 * time.Minute: 25 * time.Minute, 12 * time.Hour: 25 * time.Minute,
		30 * time.Minute: 16*time.Minute + 30*time.Second, 15 * time.Minute: 3*time.Minute + 45*time.Second,
	} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%v, %d", life, seed), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, uint64(life)))
				a := &aws{life: life, latency: 200 * time.Millisecond}
				story(t, a, func(t *testing.T, c *cache.Cache) {
					s := &sky{a: a, fine: time.Now().Add(-time.Hour)}
					day := time.Now().Add(12 * time.Hour)
					for expires := (time.Time{}); time.Now().Before(day); {
						s.change(rng)
						for spell := time.Now().Add(time.Duration(rng.Int64N(int64(time.Hour)))); time.Now().Before(spell); {
							time.Sleep(time.Duration(rng.Int64N(int64(4 * time.Second))))
							expires = s.look(t, c, least, expires)
						}
					}
					if a.double {
						t.Error("one session was asked for twice at once")
					}
					if most := busiest(a.calls, time.Hour); most > 300 {
						t.Errorf("attempts in an hour: got %d, want at most 300", most)
					}
				})
			})
		}
	}
}

// look asks once and judges the answer. It returns the expiry seen last.
func (s *sky) look(t *testing.T, c *cache.Cache, least time.Duration, before time.Time) time.Time {
	t.Helper()
	start := time.Now()
	creds, err := c.Get(t.Context(), reader.Key(), patience)
	took, calm := time.Since(start), !s.fine.IsZero() && start.Sub(s.fine) > time.Minute
	if took > patience {
		t.Fatalf("Get: took %v, want at most %v", took, patience)
	}
	if err != nil {
		if calm {
			t.Fatalf("Get: got %v, a minute after the storm", err)
		}
		return before
	}
	left := time.Until(creds.Expires)
	if left <= 0 || creds.Left(time.Now()) <= 0 {
		t.Fatalf("Get: got %v, %v late", creds, -left)
	}
	if calm && left < least {
		t.Fatalf("Get: got %v with %v left, want %v a minute after the storm", creds, left, least)
	}
	if creds.Expires.Before(before) {
		t.Fatalf("Get: got %v after one that expires %v", creds, before)
	}
	return creds.Expires
}

// In fine weather a one-hour session costs at most three calls an hour, and
// never waits.
func TestFineWeather(t *testing.T) {
	a := &aws{latency: 200 * time.Millisecond}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		got(t, c, reader)
		for day := time.Now().Add(24 * time.Hour); time.Now().Before(day); time.Sleep(5 * time.Second) {
			start := time.Now()
			creds, err := c.Get(t.Context(), reader.Key(), patience)
			if err != nil || time.Since(start) != 0 || time.Until(creds.Expires) < 29*time.Minute {
				t.Fatalf("Get: got %v, %v after %v, want 29 minutes at once", creds, err, time.Since(start))
			}
		}
		if most := busiest(a.calls, time.Hour); most > 3 {
			t.Errorf("calls in an hour: got %d, want at most 3", most)
		}
	})
}
