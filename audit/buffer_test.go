package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/audit"
)

// run runs log until the returned func, which waits for the last write.
func run(tb testing.TB, log *audit.Log) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Run: %v", err)
		}
	}
	tb.Cleanup(stop)
	return stop
}

// record records n events that say nothing.
func record(log *audit.Log, n int) {
	for range n {
		e := audit.Event{Status: 200, Message: strings.Repeat("m", 300)}
		log.Record(&e, nil)
	}
}

func TestRunWritesAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := new(memory)
		log := audit.New(audit.Config{Out: out})
		defer run(t, log)()
		time.Sleep(time.Hour)
		record(log, 3)
		time.Sleep(99 * time.Millisecond)
		synctest.Wait()
		if got := len(out.lines()); got != 0 {
			t.Errorf("after 99 ms: got %d lines, want none", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := len(out.lines()); got != 3 {
			t.Errorf("after 100 ms: got %d lines, want 3", got)
		}
		if got := len(out.writes); got != 1 {
			t.Errorf("writes: got %d, want 1", got)
		}
	})
}

func TestRunWritesAtOnceWhenMuchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := new(memory)
		log := audit.New(audit.Config{Out: out})
		defer run(t, log)()
		record(log, 100)
		synctest.Wait()
		if got := len(out.lines()); got != 0 {
			t.Errorf("with 35 kB waiting: got %d lines, want none", got)
		}
		record(log, 100)
		synctest.Wait()
		if got := len(out.lines()); got < 150 { // the last may have come after
			t.Errorf("with 70 kB waiting: got %d lines, want those of 64 KiB", got)
		}
	})
}

func TestRunWritesTheRestAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := new(memory)
		log := audit.New(audit.Config{Out: out})
		stop := run(t, log)
		record(log, 3)
		stop()
		if got := len(out.lines()); got != 3 {
			t.Errorf("after Run: got %d lines, want 3", got)
		}
	})
}

// hung is an Out whose Writes wait until they may go on.
type hung struct {
	memory
	gate chan struct{}
}

func (h *hung) Write(p []byte) (int, error) {
	<-h.gate
	return h.memory.Write(p)
}

func TestRecordGoesOnWhenTheWriterHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		out := &hung{gate: make(chan struct{})}
		log := audit.New(audit.Config{Out: out, Log: slog.New(slog.NewTextHandler(&said, nil))})
		stop := run(t, log)
		for range 2 { // a writer that moved is waited for again
			record(log, 1)
			time.Sleep(time.Second) // it hangs in its Write from here on
			start := time.Now()
			record(log, 10_000)
			if waited := time.Since(start); waited != 50*time.Millisecond {
				t.Errorf("10,000 records: waited %v, want 50ms, once", waited)
			}
			for range 2 { // the Write of one line, and of all that waited
				out.gate <- struct{}{}
			}
			synctest.Wait()
		}
		close(out.gate)
		record(log, 1)
		stop()

		lines := out.lines()
		kept, lost, marks := 0, 0, 0
		next := uint64(1)
		for _, line := range lines {
			var l struct {
				ID   uint64
				Lost int
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
			if l.Lost > 0 {
				marks++
				lost += l.Lost
				next += uint64(l.Lost)
				continue
			}
			if l.ID != next {
				t.Fatalf("line %q: got id %d, want %d", line, l.ID, next)
			}
			kept++
			next++
		}
		if kept+lost != 20_003 || marks != 2 || kept < 4000 {
			t.Errorf("lines: got %d kept, %d lost in %d marks; want 20,003 in all, more than 4,000 kept, two marks", kept, lost, marks)
		}
		if want := "audit log: the writer cannot keep up, lines are lost; the log will say how many"; strings.Count(said.String(), want) != 2 {
			t.Errorf("log: got %q, want twice %q", said.String(), want)
		}
	})
}

func TestRecordWaitsForAWriterThatIsMerelySlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &hung{gate: make(chan struct{})}
		log := audit.New(audit.Config{Out: out})
		stop := run(t, log)
		ended := make(chan struct{})
		go func() { // lets one Write through every 40 ms
			for {
				select {
				case <-time.After(40 * time.Millisecond):
				case <-ended:
					close(out.gate)
					return
				}
				select {
				case out.gate <- struct{}{}:
				default:
				}
			}
		}()
		record(log, 20_000)
		close(ended)
		synctest.Wait()
		stop()
		if got := len(out.lines()); got != 20_000 {
			t.Errorf("lines: got %d, want all 20,000", got)
		}
	})
}

// full is an Out on a disk that is full until it is not: it takes room bytes.
type full struct {
	memory
	room int
}

func (f *full) Write(p []byte) (int, error) {
	f.mu.Lock()
	n := min(f.room, len(p))
	f.room -= n
	f.mu.Unlock()
	_, _ = f.memory.Write(p[:n])
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (f *full) makeRoom() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room = 1 << 30
}

func TestRunSaysOnceThatWritesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		out := &full{room: 500}
		log := audit.New(audit.Config{Out: out, Log: slog.New(slog.NewTextHandler(&said, nil))})
		stop := run(t, log)
		record(log, 5)
		time.Sleep(10 * time.Second)
		record(log, 300)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := len(out.writes); n > 210 {
			t.Errorf("writes: got %d in 20 s, want ten a second", n)
		}
		if got, want := said.String(), "audit log: cannot be written, vending goes on"; strings.Count(got, want) != 1 || !strings.Contains(got, "no space left on device") {
			t.Errorf("log: got %q, want %q once, and why", got, want)
		}
		if strings.Contains(said.String(), "again") {
			t.Errorf("log: got %q while it still fails", said.String())
		}

		out.makeRoom()
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := said.String(), "audit log: can be written again"; strings.Count(got, want) != 1 {
			t.Errorf("log: got %q, want %q once", got, want)
		}
		stop()
		lines := out.lines()
		if len(lines) != 305 {
			t.Fatalf("lines: got %d, want 305", len(lines))
		}
		for _, line := range lines {
			if !json.Valid([]byte(line)) {
				t.Errorf("line %q: broken", line)
			}
		}
	})
}

func TestRunReturnsTheErrorOfItsLastWrite(t *testing.T) {
	log := audit.New(audit.Config{Out: new(full)})
	record(log, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := log.Run(ctx); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Run: got %v, want %v", err, syscall.ENOSPC)
	}
}
