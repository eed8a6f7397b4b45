package cache_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/cache"
)

// check checks a cache for ten seconds at most.
func check(t *testing.T, c *cache.Cache) error {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	return c.Check(ctx)
}

// AWS hangs, all day: the cache does not.
func TestACacheWhoseAWSHangsIsAlive(t *testing.T) {
	a := &aws{latency: time.Hour}
	story(t, a, func(t *testing.T, c *cache.Cache) {
		for range 50 {
			got(t, c, reader)
			time.Sleep(10 * time.Minute)
			if err := check(t, c); err != nil {
				t.Fatalf("Check: got %v", err)
			}
		}
	})
}

// A laptop's clock jumps, whichever way: only the runtime's counts.
func TestCheckAfterTheClockWasSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		c := cache.New(cache.Config{Mint: &aws{}, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
		live(t, c)
		for _, jump := range []time.Duration{9 * time.Hour, -9 * time.Hour} {
			ahead.Store(int64(jump))
			time.Sleep(time.Second)
			if err := check(t, c); err != nil {
				t.Errorf("Check, %v: got %v", jump, err)
			}
		}
	})
}

// A loop that is stuck, or was never begun, is found within a minute.
func TestCheckOfADeadLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		var hangs atomic.Bool
		c := cache.New(cache.Config{Mint: &aws{}, Now: func() time.Time {
			if hangs.Load() {
				<-stuck
			}
			return time.Now()
		}})
		live(t, c)
		time.Sleep(time.Hour)
		if err := check(t, c); err != nil {
			t.Errorf("Check: got %v", err)
		}
		hangs.Store(true)
		began := time.Now()
		for check(t, c) == nil && time.Since(began) < time.Hour {
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took > 75*time.Second {
			t.Errorf("a dead loop: found after %v", took)
		}
		if err := check(t, c); err == nil || !strings.HasPrefix(err.Error(), "no look at the sessions for 1m") {
			t.Errorf("Check: got %v, want for how long there was no look", err)
		}
		hangs.Store(false)
		close(stuck)
		if err := check(t, c); err != nil {
			t.Errorf("Check, when it goes on: got %v", err)
		}
	})
}

func TestCheckOfACacheThatIsNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{Mint: &aws{}})
		if err := check(t, c); err != nil {
			t.Errorf("Check of one that is about to begin: got %v", err)
		}
		time.Sleep(2 * time.Minute)
		if err := check(t, c); err == nil || err.Error() != "no look at the sessions for 2m0s" && err.Error() != "no look at the sessions for 2m10s" {
			t.Errorf("Check: got %v", err)
		}
	})
}
