//go:build unix

package audit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

// rotating opens a file that gives way at a size.
func rotating(t *testing.T, path string, size int64, keep int) interface{ Write([]byte) (int, error) } {
	t.Helper()
	out, err := audit.Open(path, audit.Rotation{MaxSize: size, Keep: keep})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func TestRotation(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "audit.log")
	size := int64(len(keyLine(t, "K0")))
	out := rotating(t, path, 2*size, 2)
	for i := range 9 {
		write(t, out, keyLine(t, fmt.Sprint("K", i)))
	}
	keys, _ := keysOf(t, path, audit.Query{})
	if want := []string{"K4", "K5", "K6", "K7", "K8"}; !slices.Equal(keys, want) {
		t.Errorf("keys: got %v, want %v: two to a file, two older files", keys, want)
	}
	for name, want := range map[string]int64{path: size, path + ".1": 2 * size, path + ".2": 2 * size} {
		if info, err := os.Stat(name); err != nil || info.Size() != want || info.Mode() != 0o600 {
			t.Errorf("%s: got %v, %v, want %d bytes, -rw-------", filepath.Base(name), info, err, want)
		}
	}
	if _, err := os.Stat(path + ".3"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a third older file: got %v, want none", err)
	}
}

// A gap takes what comes: nothing behind it is moved.
func TestRotationFillsGaps(t *testing.T) {
	path := filepath.Join(folder(t), "audit.log")
	if err := os.WriteFile(path+".2", []byte("kept\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := rotating(t, path, 1, 5)
	write(t, out, "one\n")
	write(t, out, "two\n")
	wantText(t, path+".1", "one\n")
	wantText(t, path+".2", "kept\n")
}

func TestRotationThatCannotBe(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "audit.log")
	if err := errors.Join(os.Mkdir(path+".1", 0o700), os.WriteFile(path+".1/in the way", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	out := rotating(t, path, 8, 1)
	write(t, out, "one\n")
	n, err := out.Write([]byte("two and more\n"))
	want := "audit log: " + path + ": cannot be renamed, so it grows: " + path + ".1: file exists"
	e, ok := errors.AsType[*session.Error](err)
	if n != 13 || !ok || e.Public != want || e.Hint != "move what is in the way, or set max_size = 0 in [audit]" {
		t.Errorf("Write: got %d, %v, want 13, %s", n, err, want)
	}
	wantText(t, path, "one\ntwo and more\n")
	if err := os.RemoveAll(path + ".1"); err != nil {
		t.Fatal(err)
	}
	write(t, out, "three\n")
	wantText(t, path+".1", "one\ntwo and more\n")
	wantText(t, path, "three\n")
}

// What is written although something is wrong is vended, and said.
func TestRecordInAFileThatGrows(t *testing.T) {
	path := filepath.Join(folder(t), "audit.log")
	if err := os.MkdirAll(path+".1/in the way", 0o700); err != nil {
		t.Fatal(err)
	}
	var said memory
	log := audit.New(audit.Config{Out: rotating(t, path, 8, 1), Required: true, Log: textLog(&said)})
	stop := run(t, log)
	for range 3 {
		if err := vend(log, "K"); err != nil {
			t.Errorf("Record: got %v, want that it is written", err)
		}
	}
	stop()
	if s := log.State(); s.Failing != nil || s.Lost != 0 || s.Trouble == nil || !strings.Contains(s.Trouble.Error(), "cannot be renamed") {
		t.Errorf("State: got %+v, want trouble alone", s)
	}
	if want := "audit log: written, but something is wrong"; strings.Count(said.text(), want) != 1 {
		t.Errorf("log: got %q, want once %q", said.text(), want)
	}
}

// Somebody who was killed left half a line: the next begins behind it.
func TestOpenEndsALineThatWasCut(t *testing.T) {
	path := filepath.Join(folder(t), "audit.log")
	if err := os.WriteFile(path, []byte(keyLine(t, "K1")+`{"time":"2026-`), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, rotating(t, path, 0, 0), keyLine(t, "K2"))
	keys, r := keysOf(t, path, audit.Query{})
	if want := []string{"K1", "K2"}; !slices.Equal(keys, want) || r.Broken != 1 || r.Read != 3 {
		t.Errorf("got %v, %d of %d broken, want %v, 1 of 3", keys, r.Broken, r.Read, want)
	}
}

// A reader that follows sees each line once, whoever renames the files.
func TestFollow(t *testing.T) {
	for _, who := range []string{"we", "logrotate"} {
		t.Run(who+" rename", func(t *testing.T) {
			path := filepath.Join(folder(t), "audit.log")
			size := int64(len(keyLine(t, "K000")))
			rotation := 10 * size
			if who == "logrotate" {
				rotation = 0
			}
			out := rotating(t, path, rotation, 1000)
			const lines = 300
			var got []string
			var seen atomic.Int64
			r := &audit.Reader{Follow: true}
			var reading sync.WaitGroup
			enough := make(chan struct{})
			reading.Go(func() {
				err := r.Run(t.Context(), path, func(l *audit.Line) error {
					if got = append(got, l.KeyID); seen.Add(1) == lines {
						close(enough)
						return errEnough
					}
					return nil
				})
				if !errors.Is(err, errEnough) {
					t.Errorf("Run: got %v", err)
				}
			})
			for i := range lines {
				if who == "logrotate" && i%100 == 99 {
					for end := time.Now().Add(time.Minute); seen.Load() < int64(i) && time.Now().Before(end); { // or a file is gone before anybody looked
						time.Sleep(time.Millisecond)
					}
					if err := os.Rename(path, fmt.Sprintf("%s.%d", path, 1)); err != nil {
						t.Fatal(err)
					}
				}
				write(t, out, keyLine(t, fmt.Sprintf("K%03d", i)))
			}
			select {
			case <-enough:
			case <-time.After(time.Minute):
				t.Fatal("Run: does not see all lines")
			}
			reading.Wait()
			if !slices.IsSorted(got) || len(slices.Compact(got)) != lines {
				t.Errorf("lines: got %d, sorted %t, want each of %d once", len(got), slices.IsSorted(got), lines)
			}
		})
	}
}

var errEnough = errors.New("enough")
