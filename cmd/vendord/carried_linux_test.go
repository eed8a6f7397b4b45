package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/systemd/systemdtest"
)

// service is vendord as systemd runs it: the manager holds its sockets, and what it
// stores; each process is another.
type service struct {
	*systemdtest.Manager
	t       *testing.T
	dir     string
	sockets []*os.File
	aws     func() // ends AWS
	log     *safeBuffer
}

func newService(t *testing.T) *service {
	t.Helper()
	dir, err := os.MkdirTemp("", "vendord-") // t.TempDir's can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &service{Manager: systemdtest.New(t, false), t: t, dir: dir, log: &safeBuffer{}}
	fake, err := fakeaws.New(fakeaws.Config{State: fakeaws.Example()})
	if err != nil {
		t.Fatal(err)
	}
	ln := mustListen(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = fake.Serve(ctx, ln) }()
	s.aws = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(s.aws)
	if err := writeDemoFiles(dir, "http://"+ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	var config net.ListenConfig
	config.SetMultipathTCP(false) // as systemd does
	vend, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctl, err := net.Listen("unix", s.socket())
	if err != nil {
		t.Fatal(err)
	}
	s.edit("[daemon]\n", "[daemon]\nlisten = \""+vend.Addr().String()+"\"\n")
	for _, l := range []net.Listener{vend, ctl} {
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = f.Close(), l.Close() })
		s.sockets = append(s.sockets, f)
	}
	return s
}

func (s *service) socket() string { return filepath.Join(s.dir, "s") }

// edit changes the configuration.
func (s *service) edit(old, new string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "vendord.toml")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(new), 1), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// vendord is a command of this machine's.
func (s *service) vendord(args ...string) *exec.Cmd {
	s.t.Helper()
	path, err := exec.LookPath("vendord")
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(s.t.Context(), path, args...)
	cmd.Env = []string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.dir, "GORACE=atexit_sleep_ms=0",
		"VENDORD_SOCKET=" + s.socket(), "VENDORD_STATE_DIR=" + filepath.Join(s.dir, "state")}
	return cmd
}

// start starts the next process. Its number is in LISTEN_PID: a shell's exec keeps it.
func (s *service) start() *exec.Cmd {
	s.t.Helper()
	heard := len(s.Heard())
	cmd := s.vendord("serve", "--config", filepath.Join(s.dir, "vendord.toml"))
	cmd.Args = append([]string{"sh", "-c", `export LISTEN_PID=$$; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.Env = append(cmd.Env, s.Environ(s.sockets...)...)
	cmd.ExtraFiles, cmd.Stderr = s.Files(s.sockets...), s.log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s.Await(s.t, "READY=1", heard)
	return cmd
}

// end ends a process, and waits for it.
func (s *service) end(cmd *exec.Cmd, how syscall.Signal) {
	s.t.Helper()
	if err := cmd.Process.Signal(how); err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil && how != syscall.SIGKILL {
		s.t.Errorf("serve: %v: %s", err, s.log)
	}
}

// run runs a command, or ends the test.
func (s *service) run(args ...string) {
	s.t.Helper()
	if out, err := s.vendord(args...).CombinedOutput(); err != nil {
		s.t.Fatalf("vendord %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// asker runs "vendord exec" with a program that asks all the time. answers waits for
// so many different ones; end ends it and returns what exec printed.
func (s *service) asker() (answers func(n int) []string, end func() string) {
	s.t.Helper()
	stop, told, said := filepath.Join(s.dir, "stop"), filepath.Join(s.dir, "told"), &safeBuffer{}
	program, err := exec.LookPath("asks")
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := s.vendord("exec", carriedProfile, "--", program, stop, told)
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return func(n int) (lines []string) {
			s.t.Helper()
			for range 6000 {
				text, _ := os.ReadFile(told)
				if lines = slices.Collect(strings.Lines(string(text))); len(lines) >= n {
					return lines
				}
				time.Sleep(10 * time.Millisecond)
			}
			s.t.Fatalf("exec's program: got %q after a minute, want %d answers; exec: %s; log: %s", lines, n, said, s.log)
			return nil
		}, func() string {
			s.t.Helper()
			if err := os.WriteFile(stop, nil, 0o600); err != nil {
				s.t.Fatal(err)
			}
			if err := <-ended; err != nil {
				s.t.Errorf("exec: %v", err)
			}
			return said.String()
		}
}

// await waits until something is so.
func (s *service) await(what string, so func() bool) {
	s.t.Helper()
	for range 6000 {
		if so() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("%s: not within a minute: %s", what, s.log)
}

// settled reports whether the manager has one piece of data, of which much was
// written: a session and a token.
func (s *service) settled() bool {
	for _, f := range s.Files() {
		if text, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20)); err == nil &&
			bytes.Contains(text, []byte(`"key_id":"ASIA`)) && bytes.Contains(text, []byte(`"hash":"`)) {
			return true
		}
	}
	return false
}

// back reports whether the command has registered its token again: it waits no more.
func (s *service) back() bool {
	c, err := control.Dial(s.t.Context(), s.socket())
	if err != nil {
		return false
	}
	defer c.Close()
	tokens, err := c.Tokens(s.t.Context(), profiles.CLI)
	return err == nil && len(tokens) == 1 && time.Until(tokens[0].Expires) > time.Minute
}

// AWS is gone, the daemon is ended twice in whatever way, and a program that asks all
// the time gets the one key all the time.
func TestARestartRefusesNobodyAndAsksAWSNothing(t *testing.T) {
	for _, how := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(how.String(), func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			daemon := s.start()
			answers, end := s.asker()
			first := answers(1)
			s.await("what is left with the manager", s.settled)
			s.aws()
			for range 2 {
				s.end(daemon, how)
				time.Sleep(200 * time.Millisecond) // the program asks meanwhile, and waits
				daemon = s.start()
				s.await("the command's return", s.back)
			}
			if said := end(); said != "" {
				t.Errorf("exec said %q, want nothing", said)
			}
			all := answers(1)
			if how == syscall.SIGKILL { // who was being answered is cut off, once each time
				all = slices.Compact(slices.DeleteFunc(all, func(a string) bool {
					return strings.Contains(a, ": EOF") || strings.Contains(a, "connection reset")
				}))
			}
			if len(all) != 1 || !strings.HasPrefix(all[0], "200 ASIA") {
				t.Errorf("its program: got %q, want %q all the time", all, first)
			}
			if n := strings.Count(s.log.String(), "carried over from the last vendord"); n != 2 {
				t.Errorf("log: got %d lines on what was carried over, want 2: %s", n, s.log)
			}
			s.await("the store without the command", func() bool { return !s.tokenLeft() })
			s.end(daemon, syscall.SIGTERM)
		})
	}
}

func (s *service) tokenLeft() bool {
	for _, f := range s.Files() {
		if text, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20)); err != nil || bytes.Contains(text, []byte(`"hash":"`)) {
			return true
		}
	}
	return false
}

// What was locked when the daemon was killed is nowhere, and stays away.
func TestLockedAndKilled(t *testing.T) {
	s := newService(t)
	daemon := s.start()
	answers, end := s.asker()
	answers(1)
	s.await("what is left with the manager", s.settled)
	s.run("lock")
	if left := s.Stored(); len(left) != 0 {
		t.Errorf("with the manager after lock: got %q, want nothing", left)
	}
	s.end(daemon, syscall.SIGKILL)
	s.aws()
	daemon = s.start()
	s.await("the command's return", s.back)
	s.run("unlock")
	var last string
	s.await("an answer after unlock", func() bool {
		all := answers(2)
		last = all[len(all)-1]
		return !strings.Contains(last, "locked") && !strings.Contains(last, "not recognised")
	})
	if strings.HasPrefix(last, "200") {
		t.Errorf("its program, after unlock and without AWS: got %q, want no key: it was forgotten", last)
	}
	if said := end(); said != "" {
		t.Errorf("exec said %q, want nothing: it is registered still", said)
	}
	s.end(daemon, syscall.SIGTERM)
}
