package audit_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
)

// smallDisk mounts a disk, which only root can, and not every root of a
// container.
func smallDisk(t *testing.T) string {
	t.Helper()
	disk := t.TempDir()
	err := error(syscall.EPERM)
	if os.Geteuid() == 0 {
		err = syscall.Mount("vendord", disk, "tmpfs", 0, "size=64k,mode=0700")
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("CI must run this where a disk can be mounted: %v", err)
	}
	if err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	return disk
}

// On a disk that is really full, nothing is vended with Required, all of what was
// is on record, and when there is room it goes on by itself.
func TestRequiredOnAFullDisk(t *testing.T) {
	disk := smallDisk(t)
	ballast, path := filepath.Join(disk, "ballast"), filepath.Join(disk, "audit.log")
	if err := os.WriteFile(ballast, make([]byte, 40<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	log := audit.New(audit.Config{Out: rotating(t, path, 0, 0), Required: true})
	stop := run(t, log)
	var granted []string
	refused := 0
	for i := 0; refused < 10 && i < 1000; i++ {
		key := fmt.Sprint("K", i)
		if err := vend(log, key); err == nil {
			granted = append(granted, key)
			continue
		} else if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("Record: got %v, want that the disk is full", err)
		} else if refused++; refused == 1 {
			wantUnrecorded(t, err, "no space left on device")
		}
	}
	if refused == 0 || len(granted) == 0 {
		t.Fatalf("Record: %d granted, %d refused, want some of each", len(granted), refused)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for log.State().Failing != nil && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if err := vend(log, "K1000"); err != nil {
		t.Errorf("Record: got %v where there is room again", err)
	}
	granted = append(granted, "K1000")
	stop()
	keys, lost := []string{}, 0
	r := &audit.Reader{}
	if err := r.Run(t.Context(), path, func(l *audit.Line) error {
		if lost += l.Lost; l.Lost == 0 {
			keys = append(keys, l.KeyID)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(keys, granted) || lost != refused {
		t.Errorf("record: got %d keys, %d lost, want the %d granted, %d lost", len(keys), lost, len(granted), refused)
	}
}

// Without Required all is vended, the record says how much of it is missing, and
// no line is broken, since what was cut is written when there is room.
func TestRecordOnAFullDisk(t *testing.T) {
	disk := smallDisk(t)
	ballast, path := filepath.Join(disk, "ballast"), filepath.Join(disk, "audit.log")
	if err := os.WriteFile(ballast, make([]byte, 40<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	log := audit.New(audit.Config{Out: rotating(t, path, 0, 0)})
	stop := run(t, log)
	const lines = 5000 // more than the buffer has room for
	for i := range lines {
		if err := vend(log, fmt.Sprint("K", i)); err != nil {
			t.Fatalf("Record: %v", err)
		}
	}
	s := log.State()
	for end := time.Now().Add(30 * time.Second); (s.Failing == nil || s.Lost == 0 || s.Lost+s.Lines != lines) && time.Now().Before(end); s = log.State() {
		time.Sleep(10 * time.Millisecond) // until it has been tried
	}
	if s.Failing == nil || s.Lost == 0 || s.Lost+s.Lines != lines {
		t.Errorf("State: got %+v, want that it fails and some are lost", s)
	}
	_ = os.Remove(ballast)
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	stop()
	found, lost := 0, 0
	r := &audit.Reader{}
	if err := r.Run(t.Context(), path, func(l *audit.Line) error {
		if lost += l.Lost; l.Lost == 0 {
			found++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if found+lost != lines || lost == 0 || r.Broken != 0 {
		t.Errorf("record: got %d lines, %d lost, %d broken, want %d in all, some lost, none broken", found, lost, r.Broken, lines)
	}
}

// TestKilled kills a writer in the middle of its work, again and again: all lines
// but perhaps its last are whole, and with Required all that it was told are on
// record is.
func TestKilled(t *testing.T) {
	if path := os.Getenv("AUDIT_TEST_WRITE"); path != "" {
		writeUntilKilled(t, path)
		return
	}
	path := filepath.Join(folder(t), "audit.log")
	told := 0
	for round := range 5 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "AUDIT_TEST_WRITE="+path, fmt.Sprint("AUDIT_TEST_ROUND=", round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewScanner(out)
		for n := 0; n < 100+37*round && said.Scan(); n++ {
			told++
		}
		_ = cmd.Process.Kill()
		for said.Scan() { // what it was told before it died
			if strings.HasPrefix(said.Text(), "K") {
				told++
			}
		}
		_ = cmd.Wait()
	}
	keys, r := keysOf(t, path, audit.Query{})
	if r.Broken > 5 || len(keys) < told || told < 500 {
		t.Errorf("record: got %d whole lines, %d broken, want the %d that were accepted, and one broken for each of 5 kills at most", len(keys), r.Broken, told)
	}
	text, err := os.ReadFile(path)
	if err != nil || bytes.Count(text, []byte("\n{")) < len(keys)-1 {
		t.Errorf("record: %d lines begin where lines begin, want %d", bytes.Count(text, []byte("\n{")), len(keys)-1)
	}
}

func writeUntilKilled(t *testing.T, path string) {
	log := audit.New(audit.Config{Out: rotating(t, path, 0, 0), Required: true})
	run(t, log)
	for i := 0; ; i++ {
		key := fmt.Sprintf("K%s-%d", os.Getenv("AUDIT_TEST_ROUND"), i)
		if err := vend(log, key); err != nil {
			t.Fatal(err)
		}
		fmt.Println(key)
	}
}

// What a request waits for where the record is required, alone and with fifty at
// once, into a real file.
func BenchmarkRecordRequired(b *testing.B) {
	for _, parallel := range []int{1, 25} {
		b.Run(fmt.Sprint(2*parallel, " at once"), func(b *testing.B) {
			out, err := audit.Open(filepath.Join(b.TempDir(), "audit.log"), audit.Rotation{})
			if err != nil {
				b.Fatal(err)
			}
			defer out.Close()
			log := audit.New(audit.Config{Out: out, Required: true})
			defer run(b, log)()
			b.SetParallelism(parallel)
			b.RunParallel(func(pb *testing.PB) {
				memo := new(audit.Memo)
				for pb.Next() {
					e := vended()
					if err := log.Record(&e, memo); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
