package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/control"
)

type checkFunc = func(context.Context) (doubt, err error)

func works(context.Context) (error, error) { return nil, nil }

func checking(patience time.Duration, checks map[string]checkFunc) *checkup {
	c := &checkup{patience: patience}
	for _, name := range []string{"vending address", "control socket", "cache"} {
		if check := checks[name]; check != nil {
			c.parts = append(c.parts, &part{name: name, check: check})
		}
	}
	return c
}

// Every part is asked, and each says what is wrong with it; one that does not even
// come back holds up nobody, and is not asked once more meanwhile.
func TestCheckup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := make(chan struct{})
		var asked atomic.Int32
		c := checking(10*time.Second, map[string]checkFunc{
			"vending address": func(context.Context) (error, error) { return errors.New("too crowded to be let in"), nil },
			"control socket":  func(ctx context.Context) (error, error) { <-ctx.Done(); return nil, errors.New("nobody is let in") },
			"cache": func(context.Context) (error, error) {
				asked.Add(1)
				<-back
				return nil, nil
			},
		})
		for _, cache := range []string{"no answer within 10s", "still no answer"} {
			began := time.Now()
			got := c.look(t.Context(), 0)
			want := control.Health{Failing: []string{"control socket: nobody is let in", "cache: " + cache}, Doubts: []string{"vending address: too crowded to be let in"}}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("look: got %v, want %v", got, want)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("look: took %v", took)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("a part that hangs: asked %d times", n)
		}
		close(back)
		synctest.Wait()
		if got := c.look(t.Context(), 0); len(got.Failing) != 1 {
			t.Errorf("when it came back: got %v", got)
		}
	})
}

// However many ask, there is one look at a time, and one a second for strangers.
func TestCheckupIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		c := checking(10*time.Second, map[string]checkFunc{"cache": func(context.Context) (error, error) {
			asked.Add(1)
			time.Sleep(100 * time.Millisecond)
			return nil, nil
		}})
		for range 200 {
			go c.look(t.Context(), checkKept)
		}
		time.Sleep(900 * time.Millisecond)
		if got := c.look(t.Context(), checkKept); !got.Healthy || asked.Load() != 1 {
			t.Errorf("look: got %v after %d checks, want one", got, asked.Load())
		}
		time.Sleep(time.Second)
		if c.look(t.Context(), checkKept); asked.Load() != 2 {
			t.Errorf("a second later: got %d checks, want 2", asked.Load())
		}
	})
}

// watched runs a watchdog of ten seconds for a minute and returns how long life was
// not shown at most, and the log.
func watched(t *testing.T, check checkFunc) (longest time.Duration, log string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := checking(10*time.Second/3, map[string]checkFunc{"cache": check})
		ctx, done := context.WithTimeout(t.Context(), time.Minute)
		defer done()
		last := time.Now()
		seen := func() { longest, last = max(longest, time.Since(last)), time.Now() }
		var text bytes.Buffer
		watch(ctx, 10*time.Second/3, func() control.Health { return c.look(ctx, 0) },
			func() error { seen(); return nil }, slog.New(slog.NewTextHandler(&text, nil)))
		seen()
		log = text.String()
		time.Sleep(3 * time.Minute) // until all have come back
	})
	return longest, log
}

func TestWatchdog(t *testing.T) {
	hang := func(ctx context.Context) (error, error) { <-ctx.Done(); return nil, errors.New("nobody is let in") }
	for name, test := range map[string]struct {
		check checkFunc
		lives bool
		log   string
	}{
		"all is well": {works, true, ""},
		"a hung part": {hang, false, `level=ERROR msg="self-check: cache: nobody is let in"`},
		"a part that never comes back": {func(context.Context) (error, error) { time.Sleep(2 * time.Minute); return nil, nil }, false,
			`level=ERROR msg="self-check: cache: still no answer"`},
		"a slow part": {func(context.Context) (error, error) { time.Sleep(2 * time.Second); return nil, nil }, true, ""},
		"a crowd": {func(context.Context) (error, error) { return errors.New("too crowded to be let in"), nil }, true,
			`level=WARN msg="self-check: not all could be asked, which is no failure" doubts="[cache: too crowded to be let in]"`},
		"one failure, and well again": {func() checkFunc {
			var n atomic.Int32
			return func(context.Context) (error, error) {
				if n.Add(1) == 3 {
					return nil, errors.New("once")
				}
				return nil, nil
			}
		}(), true, `level=INFO msg="self-check: every part answers again"`},
	} {
		t.Run(name, func(t *testing.T) {
			longest, log := watched(t, test.check)
			if (longest < 10*time.Second) != test.lives {
				t.Errorf("signs of life: got %v without, want lives %v", longest, test.lives)
			}
			if test.log == "" && log != "" || !strings.Contains(log, test.log) {
				t.Errorf("the log: got %s, want %s", log, test.log)
			}
			if strings.Count(log, "not all could be asked") > 1 {
				t.Errorf("the log: got %s, want a doubt said once", log)
			}
		})
	}
}

// A service manager that cannot be told is noted, and told again.
func TestWatchdogWithoutItsManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, done := context.WithTimeout(t.Context(), 25*time.Second)
		defer done()
		var text bytes.Buffer
		watch(ctx, 10*time.Second, func() control.Health { return control.Health{Healthy: true} },
			func() error { return errors.New("service manager: gone") }, slog.New(slog.NewTextHandler(&text, nil)))
		if n := strings.Count(text.String(), `level=WARN msg="self-check: service manager: gone"`); n != 3 {
			t.Errorf("the log: got %s, want it three times", text.String())
		}
	})
}

// The whole daemon: every part of it answers, and what is asked leaves no trace.
func TestHealthOfADaemon(t *testing.T) {
	d := startDaemon(t)
	for range 3 {
		if got := d.checkup.look(t.Context(), 0); !reflect.DeepEqual(got, control.Health{Healthy: true, Failing: []string{}, Doubts: []string{}}) {
			t.Errorf("look: got %+v", got)
		}
	}
	if got := d.audit.Counts(); len(got) != 0 {
		t.Errorf("Counts: got %v, want none", got)
	}
	if got := d.readiness(t.Context(), whoSteers); !got.Ready || !got.Well || got.Summary != d.standing() {
		t.Errorf("readiness: got %+v, want all well, and %q", got, d.standing())
	}
	// A reload, a look at the sources or a change of profile that takes long hangs nothing.
	d.reloading.Lock()
	d.using <- struct{}{}
	if got := d.checkup.look(t.Context(), 0); !got.Healthy {
		t.Errorf("look while a reload takes long: got %+v", got)
	}
	d.reloading.Unlock()
	<-d.using
	if got := string(d.metrics()); !strings.Contains(got, "\nvendord_ready 1\n") {
		t.Errorf("metrics: got %s, want vendord_ready 1", got)
	}
}
