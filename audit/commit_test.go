package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

// vend records something that is to be vended.
func vend(log *audit.Log, key string) error {
	e := vended()
	e.KeyID = key
	return log.Record(&e, nil)
}

// recordOf reads what a log wrote: the keys of its whole lines, how many lines
// are said to be lost, and how many are broken.
func recordOf(t *testing.T, text string) (keys map[string]bool, lost, broken int) {
	t.Helper()
	keys = map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		l, err := audit.ParseLine([]byte(line))
		switch {
		case err != nil:
			broken++
		case l.Lost > 0:
			lost += l.Lost
		default:
			keys[l.KeyID] = true
		}
	}
	return keys, lost, broken
}

func wantUnrecorded(t *testing.T, err error, why string) {
	t.Helper()
	e, ok := errors.AsType[*session.Error](err)
	if !ok || e.Class != session.Retry || e.Public != "record: cannot be written: "+why ||
		e.Hint != "nothing is vended unrecorded here ([audit] required); make room for the record, and it goes on by itself" {
		t.Errorf("Record: got %v, want that it cannot be written: %s", err, why)
	}
}

func TestRequiredWaitsForTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &hung{gate: make(chan struct{})}
		log := audit.New(audit.Config{Out: out, Required: true})
		stop := run(t, log)
		done := make(chan error, 1)
		go func() { done <- vend(log, "K1") }()
		time.Sleep(400 * time.Millisecond)
		synctest.Wait()
		select {
		case err := <-done:
			t.Errorf("Record: got %v before its line was taken", err)
		default:
		}
		out.gate <- struct{}{}
		if err := <-done; err != nil {
			t.Errorf("Record: got %v, want no error", err)
		}
		if got := out.text(); !strings.Contains(got, `"key":"K1"`) {
			t.Errorf("record: got %q, want the line", got)
		}
		start := time.Now()
		wantUnrecorded(t, vend(log, "K2"), "the writer hangs")
		if waited := time.Since(start); waited != 500*time.Millisecond {
			t.Errorf("Record: waited %v for a disk that hangs, want 500ms", waited)
		}
		start = time.Now()
		if err := log.Record(&audit.Event{Status: 403}, nil); err != nil || time.Since(start) != 0 {
			t.Errorf("Record of a refusal: got %v after %v, want nil at once", err, time.Since(start))
		}
		close(out.gate)
		stop()
	})
}

// Many requests at once are few writes.
func TestRequiredWritesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &hung{gate: make(chan struct{})}
		log := audit.New(audit.Config{Out: out, Required: true})
		stop := run(t, log)
		var asking sync.WaitGroup
		for i := range 500 {
			asking.Go(func() {
				if err := vend(log, fmt.Sprint("K", i)); err != nil {
					t.Errorf("Record: got %v", err)
				}
			})
		}
		synctest.Wait()
		close(out.gate)
		asking.Wait()
		stop()
		if got := len(out.writes); got > 3 {
			t.Errorf("500 requests: got %d writes, want 3 at most", got)
		}
		if keys, lost, broken := recordOf(t, out.text()); len(keys) != 500 || lost+broken != 0 {
			t.Errorf("record: got %d lines, %d lost, %d broken, want 500", len(keys), lost, broken)
		}
	})
}

// A disk that is full at any byte: what was said to be recorded is, and what was
// not does not look as if it had been.
func TestRequiredOnADiskThatIsFullAtAnyByte(t *testing.T) {
	one := len(lineOf(t, vended()))
	for room := range 2*one + 20 {
		synctest.Test(t, func(t *testing.T) {
			out := &full{room: room}
			log := audit.New(audit.Config{Out: out, Required: true})
			stop := run(t, log)
			got := map[string]bool{}
			for i := range 4 {
				key := fmt.Sprint("K", i)
				err := vend(log, key)
				if got[key] = err == nil; err != nil {
					wantUnrecorded(t, err, "no space left on device")
				}
				time.Sleep(time.Second)
			}
			if failing := log.State().Failing; failing == nil {
				t.Errorf("room for %d: State: not failing", room)
			}
			out.makeRoom()
			time.Sleep(time.Second)
			if s := log.State(); s.Failing != nil {
				t.Errorf("room for %d: State: got %v, want that it can be written again by itself", room, s.Failing)
			}
			if err := vend(log, "K9"); err != nil {
				t.Errorf("room for %d: then got %v", room, err)
			}
			got["K9"] = true
			stop()
			keys, lost, _ := recordOf(t, out.text())
			for key, vended := range got {
				if keys[key] != vended {
					t.Errorf("room for %d: %s: on record is %t, vended %t", room, key, keys[key], vended)
				}
			}
			if lost != 5-len(keys) || log.State().Lost != uint64(lost) {
				t.Errorf("room for %d: got %d lines lost by the record, %d by State, want %d", room, lost, log.State().Lost, 5-len(keys))
			}
		})
		if t.Failed() {
			return
		}
	}
}

func TestRequiredSaysThatNothingIsVended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		out := &full{}
		log := audit.New(audit.Config{Out: out, Required: true, Log: slog.New(slog.NewTextHandler(&said, nil))})
		stop := run(t, log)
		for range 3 {
			_ = vend(log, "K")
			time.Sleep(time.Second)
		}
		if want := "audit log: cannot be written, nothing is vended until it can"; strings.Count(said.String(), want) != 1 {
			t.Errorf("log: got %q, want once %q", said.String(), want)
		}
		if s := log.State(); s.Lost != 3 || s.Since.IsZero() {
			t.Errorf("State: got %+v, want 3 lost, and since when", s)
		}
		out.makeRoom()
		time.Sleep(time.Second)
		stop()
		if want := `msg="audit log: can be written again" lost=3`; !strings.Contains(said.String(), want) {
			t.Errorf("log: got %q, want %q", said.String(), want)
		}
		if got := out.text(); !strings.HasSuffix(got, `,"lost":3}`+"\n") {
			t.Errorf("record: got %q, want that 3 lines are lost", got)
		}
	})
}

// A vend that was refused for the record's sake is not the app's latest request.
func TestRequiredCountsWhatWasVended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &full{}
		log := audit.New(audit.Config{Out: out, Required: true})
		stop := run(t, log)
		_ = vend(log, "K")
		out.makeRoom()
		stop()
		if _, ok := log.Last("uploader"); ok || len(log.Counts()) != 0 {
			t.Errorf("Last, Counts: got %t, %v, want nothing", ok, log.Counts())
		}
	})
}

// A second writer that hangs.
func TestAlsoHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		first, second := new(memory), &hung{gate: make(chan struct{})}
		log := audit.New(audit.Config{Out: first, Also: second, Log: slog.New(slog.NewTextHandler(&said, nil))})
		stop := run(t, log)
		start := time.Now()
		for range 100 {
			record(log, 50)
			time.Sleep(100 * time.Millisecond)
		}
		if waited := time.Since(start); waited != 10*time.Second {
			t.Errorf("5,000 records: took %v, want 10s, which is all pauses", waited)
		}
		synctest.Wait()
		if got := len(first.lines()); got < 4900 {
			t.Errorf("first: got %d lines, want all but the last ones", got)
		}
		close(second.gate)
		synctest.Wait()
		stop()
		lost := log.State().AlsoLost
		if got := uint64(len(second.lines())); got+lost != 5000 || lost == 0 {
			t.Errorf("second: got %d lines, %d lost, want 5,000 in all, some lost", got, lost)
		}
	})
}

func TestAlsoThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		first, second := new(memory), new(full)
		log := audit.New(audit.Config{Out: first, Also: second, Required: true, Log: slog.New(slog.NewTextHandler(&said, nil))})
		stop := run(t, log)
		for i := range 3 {
			if err := vend(log, fmt.Sprint("K", i)); err != nil {
				t.Errorf("Record: got %v, want what the first took", err)
			}
			synctest.Wait()
		}
		if s := log.State(); s.AlsoFailing == nil || s.AlsoLost != 3 || s.Failing != nil || s.Lost != 0 {
			t.Errorf("State: got %+v, want 3 that the second lost", s)
		}
		second.makeRoom()
		_ = vend(log, "K4")
		synctest.Wait()
		stop()
		for _, want := range []string{"audit log: the journal cannot be written, the file is", "audit log: the journal can be written again"} {
			if strings.Count(said.String(), want) != 1 {
				t.Errorf("log: got %q, want once %q", said.String(), want)
			}
		}
		if got := second.lines(); len(got) != 1 || !json.Valid([]byte(got[0])) {
			t.Errorf("second: got %q, want the last line", got)
		}
	})
}
