package main

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/systemd"
	"github.com/vendord/vendord/systemd/systemdtest"
)

// A daemon shows life and says how it is, until the clock that every request looks at
// hangs; and again when it goes on.
func TestASignOfLifeIsOneOfTheWholeDaemon(t *testing.T) {
	m := systemdtest.New(t, false)
	manager, err := systemd.Open([]string{"NOTIFY_SOCKET=" + m.Address(), "WATCHDOG_USEC=1500000"})
	if err != nil {
		t.Fatal(err)
	}
	stuck := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(stuck) })
	var hangs atomic.Bool
	clock := func() time.Time {
		if hangs.Load() {
			<-stuck
		}
		return time.Now()
	}
	first, log := startDaemon(t), &safeBuffer{}
	d, err := newDaemon(daemonOptions{config: first.options.config, user: "tester", manager: manager, now: clock,
		log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	c := running(t, d, t.TempDir())
	t.Cleanup(goOn)
	m.Await(t, "STATUS=no sessions", 0)
	m.Await(t, "WATCHDOG=1", 0)
	if _, err := c.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.Await(t, "STATUS=locked, until vendord unlock; no sessions", 0)
	if got, err := c.Ready(t.Context()); err != nil || got.Ready || got.Reason != "locked, until vendord unlock" {
		t.Errorf("Ready: got %+v, %v, want locked", got, err)
	}

	hangs.Store(true)
	for end := time.Now().Add(time.Minute); !strings.Contains(log.String(), `msg="self-check: vending address 127.0.0.1:`); {
		if time.Now().After(end) {
			t.Fatalf("the log: got %s, want what hangs", log)
		}
		time.Sleep(10 * time.Millisecond)
	}
	before := len(m.Heard())
	time.Sleep(1600 * time.Millisecond) // more than the watchdog bears
	if got := m.Heard()[before:]; slices.Contains(got, "WATCHDOG=1") {
		t.Errorf("while it hangs: heard %q, want no sign of life", got)
	}
	goOn()
	m.Await(t, "WATCHDOG=1", before)
}
