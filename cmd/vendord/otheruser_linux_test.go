package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A household is a machine on which one user has a daemon and a program running
// under exec, and a thief is another user.
type household struct {
	*users
	owner uint32 // of the daemon
	env   []string
	// What there is to take.
	token   struct{ Token, ID, URL string }
	secrets []string
	daemon  *exec.Cmd
	log     *safeBuffer
}

// newHousehold sets one up: a daemon of the user's own, or root's in system
// mode with a token of the user's.
func newHousehold(t *testing.T, system bool) *household {
	t.Helper()
	h := &household{users: newUsers(t), owner: agent}
	args, issue := []string{"serve", "--state-dir", filepath.Join(h.dir, "state")}, []string{"token", "issue", "agent", "--json"}
	if system {
		h.owner = owner
		args, issue = append(args, "--system"), append(issue, "--user", "#"+strconv.Itoa(agent))
	} else if err := os.Chown(h.dir, agent, agent); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tmp", "home-" + strings.Repeat("x", thief%7)} {
		if err := os.MkdirAll(filepath.Join(h.dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(h.dir, name), 0o777|os.ModeSticky); err != nil {
			t.Fatal(err)
		}
	}
	h.configure(int(h.owner), "")
	args = append(args, "--config", filepath.Join(h.dir, "etc", "vendord.toml"), "--audit-log", filepath.Join(h.dir, "audit"), "--log-level", "debug")
	h.daemon, h.log = h.start(h.owner, args...)
	issued := h.works(h.owner, issue...)
	if err := json.Unmarshal([]byte(issued), &h.token); err != nil || h.token.Token == "" {
		t.Fatalf("token issue: got %q, %v", issued, err)
	}
	program := h.program()
	h.env = []string{"DIR=" + h.dir, "STATE=" + filepath.Join(h.dir, "state"), "AUDIT=" + filepath.Join(h.dir, "audit"),
		"ETC=" + filepath.Join(h.dir, "etc"), "TMPDIR=" + filepath.Join(h.dir, "tmp"), "DAEMON=" + strconv.Itoa(h.daemon.Process.Pid),
		"EXEC=" + program[0], "CHILD=" + program[1], "TOKEN=" + h.token.Token,
		"PORT=" + strings.TrimSuffix(strings.TrimPrefix(h.token.URL, "http://127.0.0.1:"), "/v1/credentials")}
	h.secrets = []string{h.token.Token[4:], exampleKey().Secret, "company1-hr", "ASIA"}
	return h
}

// start starts a daemon and waits until it is ready.
func (u *users) start(uid uint32, args ...string) (*exec.Cmd, *safeBuffer) {
	u.t.Helper()
	daemon, log := u.command(uid, args...), &safeBuffer{}
	daemon.Stderr = log
	// Whoever starts it allows core dumps and wants all of a crash.
	daemon.Env = append(daemon.Env, "GOTRACEBACK=crash")
	daemon.Path, daemon.Args = "/bin/sh", append([]string{"sh", "-c", `ulimit -c unlimited; exec "$0" "$@"`, u.vendord}, args...)
	if err := daemon.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = daemon.Process.Signal(os.Interrupt); _ = daemon.Wait() })
	u.until("serve: ready", func() bool { return strings.Contains(log.String(), "msg=ready") }, log)
	return daemon, log
}

// until waits ten seconds at most.
func (u *users) until(what string, ok func() bool, log *safeBuffer) {
	u.t.Helper()
	for range 400 {
		if ok() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	u.t.Fatalf("%s: not within 10 s: %s", what, log)
}

// program starts exec with a command that stays, and returns the process ids of
// both.
func (h *household) program() [2]string {
	h.t.Helper()
	run := h.command(agent, "exec", "company1-hr-readonly", "--", "sh", "-c", `echo $PPID $$ >pids.new; mv pids.new pids; exec sleep 60`)
	run.Env = append(run.Env, "TMPDIR="+filepath.Join(h.dir, "tmp"))
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) } // which exec passes on
	problems := &safeBuffer{}
	run.Stderr = problems
	if err := run.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = run.Wait() })
	var pids [2]string
	h.until("exec", func() bool {
		text, err := os.ReadFile(filepath.Join(run.Dir, "pids"))
		copy(pids[:], strings.Fields(string(text)))
		return err == nil
	}, problems)
	return pids
}

// sh runs a line of shell as a user.
func (h *household) sh(uid uint32, line string) (string, error) {
	cmd := h.command(uid)
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", line}
	cmd.Env = append(cmd.Env, h.env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// attempts are what the thief tries. Each must fail; each that does no harm must
// work for root, or it would fail for another reason than the one meant.
var attempts = []struct {
	name, line string
	harm       bool
}{
	{"the state directory, listed", `ls "$STATE"`, false},
	{"the state directory, entered", `cd "$STATE"`, false},
	{"the token file, read", `cat "$STATE/tokens.json"`, false},
	{"the token file, looked at", `stat "$STATE/tokens.json"`, false},
	{"the token file through a link", `ln -sf "$STATE/tokens.json" "$HOME/link" && cat "$HOME/link"`, false},
	{"the token file by a hard link", `ln "$STATE/tokens.json" "$HOME/hard"`, true},
	{"the token file, replaced", `echo '{}' >"$HOME/x" && mv -f "$HOME/x" "$STATE/tokens.json"`, true},
	{"the token file, emptied", `: >"$STATE/tokens.json"`, true},
	{"the token file, removed", `rm -f "$STATE/tokens.json" && [ ! -e "$STATE" ]`, true},
	{"a file more in the state directory", `: >"$STATE/more"`, true},
	{"a link in the state directory", `ln -s /etc/passwd "$STATE/link"`, true},
	{"the state directory, moved", `mv "$STATE" "$STATE.old"`, true},
	{"the state directory, opened to all", `chmod 777 "$STATE"`, true},
	{"the configuration, read", `cat "$ETC/vendord.toml"`, false},
	{"the configuration, written", `echo >>"$ETC/vendord.toml"`, true},
	{"the configuration, replaced", `echo >"$HOME/x" && mv -f "$HOME/x" "$ETC/vendord.toml"`, true},
	{"the source's keys, read", `cat "$ETC/aws-credentials"`, false},
	{"the record, read", `cat "$AUDIT"`, false},
	{"the record, written", `echo x >>"$AUDIT"`, true},
	{"the record, moved", `mv "$AUDIT" "$AUDIT.1"`, true},
	{"the record by a hard link", `ln "$AUDIT" "$HOME/hard"`, true},
	{"the control socket, removed", `rm -f "$DIR/run/control.sock" && [ ! -e "$DIR/run/control.sock" ]`, true},
	{"the control socket, replaced", `mkdir "$HOME/run" && mv "$DIR/run" "$DIR/run.old"`, true},

	{"exec's directory, listed", `ls "$TMPDIR"/vendord-exec-*/`, false},
	{"exec's files, read", `cat "$TMPDIR"/vendord-exec-*/*`, false},
	{"exec's directory, written", `for d in "$TMPDIR"/vendord-exec-*; do : >"$d/x" || exit 1; done`, true},
	{"exec's directory, moved", `mv "$TMPDIR"/vendord-exec-* "$HOME/"`, true},

	{"the daemon's environment", `cat /proc/$DAEMON/environ`, false},
	{"the daemon's memory", `: </proc/$DAEMON/mem`, false},
	{"the daemon's memory map", `head -c1 /proc/$DAEMON/maps | grep -q .`, false},
	{"the daemon's memory in detail", `head -c1 /proc/$DAEMON/smaps | grep -q .`, false},
	{"the daemon's files", `ls /proc/$DAEMON/fd/`, false},
	{"the daemon's working directory", `readlink /proc/$DAEMON/cwd`, false},
	{"the daemon's root", `ls /proc/$DAEMON/root/`, false},
	{"the daemon's program", `readlink /proc/$DAEMON/exe`, false},
	{"the daemon's auxiliary vector", `head -c1 /proc/$DAEMON/auxv | grep -q .`, false},
	{"the daemon, by its threads", `cat /proc/$DAEMON/task/*/environ`, false},
	{"the daemon, told to end", `kill -TERM $DAEMON`, true},
	{"the daemon, told to dump", `kill -ABRT $DAEMON`, true},
	{"the daemon, told to reload", `kill -HUP $DAEMON`, true},
	{"exec's environment", `cat /proc/$EXEC/environ`, false},
	{"exec's memory", `: </proc/$EXEC/mem`, false},
	{"exec's files", `ls /proc/$EXEC/fd/`, false},
	{"its command's environment, with the token", `cat /proc/$CHILD/environ`, false},
	{"its command's memory", `: </proc/$CHILD/mem`, false},
	{"its command's files", `ls /proc/$CHILD/fd/`, false},
	{"its command's working directory", `ls /proc/$CHILD/cwd/`, false},
	{"its command, told to dump", `kill -QUIT $CHILD`, true},
}

// TestAnotherUser has a thief try everything that another user of the machine
// can try without a defect of the kernel's. They get nothing.
func TestAnotherUser(t *testing.T) {
	for name, system := range map[string]bool{"a user's own daemon": false, "the system's daemon": true} {
		t.Run(name, func(t *testing.T) {
			h := newHousehold(t, system)
			n := 0
			for _, a := range attempts {
				if t.Run(a.name, func(t *testing.T) { h.attempt(t, a.line, a.harm) }) {
					n++
				}
			}
			t.Logf("%d attempts, %d in vain", len(attempts), n)
			t.Run("what all may see says nothing", h.visible)
			t.Run("a debugger", h.debugger)
			t.Run("every command", h.commands)
			t.Run("the port", h.port)
			t.Run("a crowd", h.crowd)
			h.works(agent, "exec", "company1-hr-readonly", "--", "true")
			for _, secret := range h.secrets[:2] {
				if strings.Contains(h.log.String(), secret) {
					t.Errorf("the daemon's log has a secret: %s", h.log)
				}
			}
		})
	}
}

// attempt runs one as the thief and wants it to fail.
func (h *household) attempt(t *testing.T, line string, harm bool) {
	out, err := h.sh(thief, line)
	if err == nil {
		t.Errorf("%s: got %q, want it refused", line, out)
	}
	h.holdsNothing(t, line, out)
	if harm {
		return
	}
	if out, err := h.sh(owner, line); err != nil {
		t.Errorf("%s: as root: %v, %s: so this shows nothing", line, err, out)
	}
}

// holdsNothing checks what the thief was shown.
func (h *household) holdsNothing(t *testing.T, line, out string) {
	t.Helper()
	for _, secret := range h.secrets {
		if strings.Contains(out, secret) {
			t.Errorf("%s: got %q in %q", line, secret, out)
		}
	}
}

// visible looks at what /proc shows of every process to everybody.
func (h *household) visible(t *testing.T) {
	for _, line := range []string{`tr '\0' ' ' </proc/$DAEMON/cmdline`, `cat /proc/$DAEMON/status`, `cat /proc/$EXEC/comm`, `tr '\0' ' ' </proc/$CHILD/cmdline`,
		`cat /proc/$DAEMON/stat`, `cat /proc/net/tcp`, `cat /proc/net/unix`} {
		out, err := h.sh(thief, line)
		if err != nil || out == "" {
			t.Errorf("%s: got %q, %v", line, out, err)
		}
		h.holdsNothing(t, line, out)
	}
}

// debugger attaches to the processes, and reads memory without attaching.
func (h *household) debugger(t *testing.T) {
	for _, variable := range []string{"DAEMON", "EXEC", "CHILD"} {
		pid, _ := strconv.Atoi(lookup(h.env, variable))
		h.as(thief, func() {
			if err := unix.PtraceSeize(pid); err != unix.EPERM {
				t.Errorf("%s: attaching: got %v, want %v", variable, err, unix.EPERM)
			}
			buffer := make([]byte, 1)
			local := []unix.Iovec{{Base: &buffer[0], Len: 1}}
			if _, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 0x400000, Len: 1}}, 0); err != unix.EPERM {
				t.Errorf("%s: reading memory: got %v, want %v", variable, err, unix.EPERM)
			}
			if fd, err := unix.PidfdOpen(pid, 0); err == nil {
				if _, err := unix.PidfdGetfd(fd, 1, 0); err != unix.EPERM {
					t.Errorf("%s: taking a file: got %v, want %v", variable, err, unix.EPERM)
				}
				_ = unix.Close(fd)
			}
		})
	}
}

// as does something as another user, in a thread that ends with it.
func (u *users) as(uid int, do func()) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		_, _, errno := syscall.RawSyscall(unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid))
		if errno == 0 {
			_, _, errno = syscall.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
		}
		if errno != 0 {
			done <- errno
			return
		}
		do()
		done <- nil
	}()
	if err := <-done; err != nil {
		u.t.Errorf("becoming user %d: %v", uid, err)
	}
}

// commands asks for everything that the control socket has.
func (h *household) commands(t *testing.T) {
	for _, args := range []string{"status", "status --json", "list", "list --json", "token list", "token list --json", "token list agent", "token revoke agent", "token revoke agent " + h.token.ID} {
		out, problems, _ := h.run(thief, strings.Fields(args)...)
		h.holdsNothing(t, args, out+problems)
		if !strings.Contains(args, h.token.ID) && strings.Contains(out+problems, h.token.ID) {
			t.Errorf("%s: got the token's id in %q", args, out+problems)
		}
	}
	for _, args := range []string{"reload", "token issue agent", "token issue agent --user #54321", "token issue agent --user #54322", "env agent", "env company1-hr-readonly", "exec company1-hr-readonly -- true",
		"credentials company1-hr-readonly", "whoami company1-hr-readonly", "whoami no-such-profile"} {
		if out, problems, ok := h.run(thief, strings.Fields(args)...); ok || strings.Contains(out+problems, h.token.Token) || strings.Contains(out, "ASIA") {
			t.Errorf("%s: got %q, %q, want it refused", args, out, problems)
		}
	}
}

// port asks for credentials, at last with the token itself.
func (h *household) port(t *testing.T) {
	ask := func(uid int, authorization string) (answer string) {
		h.as(uid, func() {
			c, err := net.Dial("tcp4", "127.0.0.1:"+lookup(h.env, "PORT"))
			if err != nil {
				t.Errorf("connecting: %v", err)
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			fmt.Fprintf(c, "GET /v1/credentials HTTP/1.1\r\nHost: 127.0.0.1\r\n%sConnection: close\r\n\r\n", authorization)
			text, _ := io.ReadAll(c)
			answer = string(text)
		})
		return answer
	}
	stolen := "Authorization: " + h.token.Token + "\r\n"
	for name, authorization := range map[string]string{"without a token": "", "with a wrong one": "Authorization: vnd_wrong\r\n", "with the stolen one": stolen} {
		for _, uid := range []int{thief, owner} { // root may take what it likes, but a relay of root's is a stranger
			if got := ask(uid, authorization); !strings.HasPrefix(got, "HTTP/1.1 401 ") || strings.Contains(got, "AccessKeyId") {
				t.Errorf("user %d %s: got %q, want 401", uid, name, got)
			}
		}
	}
	if got := ask(agent, stolen); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("whose it is: got %q, want 200", got)
	}
}
