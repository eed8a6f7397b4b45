package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dynamic is the user of a service with DynamicUser=: it has no name, is in no group,
// and owns nothing but its state.
const dynamic = 61999

// activated is a daemon of that user, with sockets that root made and holds.
type activated struct {
	*users
	sockets []*os.File // for programs, for commands
	daemon  *exec.Cmd
}

// newActivated makes the sockets and a configuration of root's that names them, in
// which another user is an operator.
func newActivated(t *testing.T) *activated {
	t.Helper()
	a := &activated{users: newUsers(t)}
	a.configure(owner, `operators = ["#54322"]`+"\n")
	vend, err := bind("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	defer vend.Close()
	if err := os.Mkdir(filepath.Join(a.dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(a.dir, "run", "control.sock")
	ctl, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctl.SetUnlinkOnClose(false)
	defer ctl.Close()
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, l := range []interface{ File() (*os.File, error) }{vend.(*net.TCPListener), ctl} {
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		a.sockets = append(a.sockets, f)
	}
	a.give(vend.Addr().String())
	return a
}

// give makes the configuration readable, and a state directory for the daemon.
func (a *activated) give(listen string) {
	file := filepath.Join(a.dir, "etc", "vendord.toml")
	text, err := os.ReadFile(file)
	if err != nil {
		a.t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("127.0.0.1:0"), []byte(listen), 1)
	text = append(text, "\n[apps.theirs]\nmatch = { user = \"#54321\" }\nprofiles = [\"company1-hr-readonly\"]\n"...)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		a.t.Fatal(err)
	}
	for _, name := range []string{"vendord.toml", "aws-config", "aws-credentials"} {
		if err := os.Chmod(filepath.Join(a.dir, "etc", name), 0o644); err != nil {
			a.t.Fatal(err)
		}
	}
	state := filepath.Join(a.dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Chown(state, dynamic, dynamic); err != nil {
		a.t.Fatal(err)
	}
}

// start starts the daemon as systemd does, and waits for it.
func (a *activated) start() {
	a.t.Helper()
	serve := a.command(dynamic, "serve", "--system", "--config", filepath.Join(a.dir, "etc", "vendord.toml"), "--state-dir", filepath.Join(a.dir, "state"))
	daemon := exec.CommandContext(a.t.Context(), "/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`}, serve.Args...)...)
	daemon.Dir, daemon.SysProcAttr, daemon.Env = serve.Dir, serve.SysProcAttr, append(serve.Env, "LISTEN_FDS=2")
	daemon.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: dynamic, Gid: dynamic, Groups: []uint32{}}}
	daemon.ExtraFiles = a.sockets
	log := &safeBuffer{}
	daemon.Stderr = log
	if err := daemon.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.daemon = daemon
	a.t.Cleanup(func() { a.stop() })
	for range 400 {
		if strings.Contains(log.String(), "msg=ready") {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	a.t.Fatalf("serve: not ready within 10 s: %s", log.String())
}

func (a *activated) stop() {
	_ = a.daemon.Process.Signal(syscall.SIGTERM)
	_ = a.daemon.Wait()
}

// The sockets are root's and the daemon is another user's: each caller is still whom
// the kernel knows, and gets what is theirs.
func TestSocketsOfRootAndADaemonOfAnotherUser(t *testing.T) {
	a := newActivated(t)
	a.start()
	const operator, stranger = thief, 54399
	a.works(owner, "reload")
	a.works(operator, "reload")
	a.refused(agent, "may steer", "reload")
	a.refused(stranger, "may steer", "reload")
	a.refused(dynamic, "may steer", "reload") // what runs as the daemon's user is no owner

	for _, uid := range []uint32{owner, operator, agent} { // exec looks who listens at the address
		if out := a.works(uid, "exec", "company1-hr-readonly", "--", "env"); !strings.Contains(out, "AWS_CONTAINER_AUTHORIZATION_TOKEN=vnd_") {
			t.Errorf("exec by user %d: got %q", uid, out)
		}
		if out := a.works(uid, "credentials", "company1-hr-readonly"); !strings.Contains(out, `"SecretAccessKey"`) {
			t.Errorf("credentials by user %d: got none", uid)
		}
	}
	a.refused(stranger, "may not have it", "exec", "company1-hr-readonly", "--", "true")
	a.refused(dynamic, "may not have it", "exec", "company1-hr-readonly", "--", "true")
	a.works(owner, "env", "agent")
	a.works(operator, "token", "issue", "agent", "--user", "#54399")
	a.works(stranger, "exec", "company1-hr-readonly", "--", "true")
	a.refused(agent, "may steer", "debug", "goroutine")
	a.works(operator, "debug", "goroutine")
	if out := a.works(owner, "status"); strings.Contains(out, "61999") || !strings.Contains(out, ",cli,") {
		t.Errorf("status by root: got %s, want nothing of the daemon's own user", out)
	}
}

// A restart leaves the sockets, so commands and programs of before go on.
func TestSocketsOfRootOutliveTheDaemon(t *testing.T) {
	a := newActivated(t)
	a.start()
	a.works(agent, "exec", "company1-hr-readonly", "--", "true")
	a.stop()
	if _, err := os.Lstat(filepath.Join(a.dir, "run", "control.sock")); err != nil {
		t.Fatalf("the control socket after the daemon's end: %v", err)
	}
	answer := make(chan string, 1)
	go func() { out, _, _ := a.run(agent, "list"); answer <- out }() // waits in the socket
	a.start()
	if out := <-answer; !strings.Contains(out, "company1-hr-readonly") {
		t.Errorf("list that was begun while no daemon ran: got %q", out)
	}
}

// The daemon that commands of its sources lead back to is found by the path of its
// socket, whoever made that.
func TestALoopIsNoticedOverASocketOfRoots(t *testing.T) {
	a := newActivated(t)
	a.start()
	loop := a.command(dynamic, "credentials", "company1-hr-readonly")
	loop.Env = append(loop.Env, inside+"="+filepath.Join(a.dir, "run", "control.sock"))
	if out, err := loop.CombinedOutput(); err == nil || !strings.Contains(string(out), "a loop") {
		t.Errorf("credentials inside of the daemon: got %q, %v, want a loop", out, err)
	}
}
