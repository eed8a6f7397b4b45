package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// users is a machine with several users on it: a daemon of one, commands of
// others. It takes root to be more than one user.
type users struct {
	t       *testing.T
	dir     string // everybody may enter it, root alone may write
	vendord string
}

// The users, by numbers that no name belongs to.
const (
	owner = 0
	agent = 54321
	thief = 54322
)

func newUsers(t *testing.T) *users {
	t.Helper()
	needsRoot(t, "be more than one user")
	dir, err := os.MkdirTemp("", "vendord-users-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	u := &users{t: t, dir: dir, vendord: filepath.Join(dir, "vendord")}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(u.vendord, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return u
}

// command is a vendord command line of one user.
func (u *users) command(uid uint32, args ...string) *exec.Cmd {
	home := filepath.Join(u.dir, "home-"+strings.Repeat("x", int(uid%7)))
	if err := os.MkdirAll(home, 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := os.Chown(home, int(uid), int(uid)); err != nil {
		u.t.Fatal(err)
	}
	cmd := exec.CommandContext(u.t.Context(), u.vendord, args...)
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=/usr/bin:/bin", "GORACE=atexit_sleep_ms=0", "VENDORD_SOCKET=" + filepath.Join(u.dir, "run", "control.sock")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}

// run runs one and returns what it printed.
func (u *users) run(uid uint32, args ...string) (stdout, stderr string, ok bool) {
	u.t.Helper()
	cmd := u.command(uid, args...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	// A daemon that should have refused to start would stay for ever.
	late := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	err := cmd.Wait()
	return out.String(), problems.String(), err == nil
}

func (u *users) works(uid uint32, args ...string) string {
	u.t.Helper()
	out, problems, ok := u.run(uid, args...)
	if !ok {
		u.t.Errorf("user %d: vendord %s: %s", uid, strings.Join(args, " "), problems)
	}
	return out
}

func (u *users) refused(uid uint32, want string, args ...string) {
	u.t.Helper()
	out, problems, ok := u.run(uid, args...)
	if ok || !strings.Contains(problems, want) {
		u.t.Errorf("user %d: vendord %s: got %q, %q, want a refusal with %q", uid, strings.Join(args, " "), out, problems, want)
	}
}

// serve starts a daemon of one user and waits for it.
func (u *users) serve(uid uint32, args ...string) *exec.Cmd {
	u.t.Helper()
	daemon := u.command(uid, append([]string{"serve", "--config", filepath.Join(u.dir, "etc", "vendord.toml")}, args...)...)
	log := &safeBuffer{}
	daemon.Stderr = log
	if err := daemon.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = daemon.Process.Signal(os.Interrupt); _ = daemon.Wait() })
	for range 400 {
		if strings.Contains(log.String(), "msg=ready") {
			return daemon
		}
		time.Sleep(25 * time.Millisecond)
	}
	u.t.Fatalf("serve: not ready within 10 s: %s", log.String())
	return nil
}

// configure writes the demo's configuration for a daemon on a fake AWS.
func (u *users) configure(uid int, operators string) {
	u.t.Helper()
	d := startDaemon(u.t) // for its AWS
	etc := filepath.Join(u.dir, "etc")
	if err := os.Mkdir(etc, 0o755); err != nil {
		u.t.Fatal(err)
	}
	if err := writeDemoFiles(etc, d.book.Config().Daemon.STSEndpoint); err != nil {
		u.t.Fatal(err)
	}
	path := filepath.Join(etc, "vendord.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		u.t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("[daemon]\n"), []byte("[daemon]\nlisten = \"127.0.0.1:0\"\n"+operators), 1)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		u.t.Fatal(err)
	}
	for _, name := range []string{"", "vendord.toml", "aws-config", "aws-credentials"} {
		if err := os.Chown(filepath.Join(etc, name), uid, uid); err != nil {
			u.t.Fatal(err)
		}
	}
}

// One daemon for the whole machine: a user has what an operator gave them, and
// nothing of anybody else's.
func TestSystemMode(t *testing.T) {
	u := newUsers(t)
	u.configure(owner, "")
	state := filepath.Join(u.dir, "state")
	u.serve(owner, "--system", "--state-dir", state)

	if out, problems, _ := u.run(agent, "list"); out != "" || !strings.Contains(problems, "nothing that #54321 may use") {
		t.Errorf("list by a user without a token: got %q, %q", out, problems)
	}
	u.refused(agent, `profile "company1-hr-readonly"`, "exec", "company1-hr-readonly", "--", "true")
	u.refused(agent, "only the owner", "token", "issue", "agent", "--user", "#0")
	u.refused(agent, "", "token", "issue", "agent")
	u.refused(agent, "may steer", "reload")
	for _, line := range []string{"login john", "login john --device", "login john --code 123456", "logout", "logout john", "lock", "unlock",
		"source list", "source check john"} {
		u.refused(agent, "may steer", strings.Fields(line)...)
	}
	u.refused(agent, "", "source", "remove", "john")

	u.works(owner, "token", "issue", "agent", "--user", "#54321")
	out := u.works(agent, "exec", "company1-hr-readonly", "--", "env")
	if !strings.Contains(out, "AWS_CONTAINER_AUTHORIZATION_TOKEN=vnd_") {
		t.Errorf("exec by the token's user: got %q", out)
	}
	if who := u.works(agent, "whoami", "company1-hr-readonly"); !strings.Contains(who, "JohnUploadSession") {
		t.Errorf("whoami by the token's user: got %q", who)
	}
	u.refused(agent, `profile "company1-hr-upload"`, "exec", "company1-hr-upload", "--", "true")
	u.refused(thief, `profile "company1-hr-readonly"`, "exec", "company1-hr-readonly", "--", "true")

	// Each sees their own rows.
	if out := u.works(agent, "list"); strings.Contains(out, "company1-hr-upload") || !strings.Contains(out, "company1-hr-readonly") {
		t.Errorf("list by the token's user: got %s", out)
	}
	if out := u.works(agent, "status"); !strings.Contains(out, "company1-hr-readonly") || strings.Contains(out, u.dir+"/etc") {
		t.Errorf("status by the token's user: got %s", out)
	}
	if out := u.works(thief, "status"); strings.Contains(out, "company1-hr") || strings.Contains(out, "ASIA") {
		t.Errorf("status by another user: got %s", out)
	}
	if out := u.works(thief, "token", "list"); out != "" {
		t.Errorf("token list by another user: got %s", out)
	}
	if _, problems, _ := u.run(thief, "token", "revoke", "agent"); !strings.Contains(problems, "no live tokens of app agent") {
		t.Errorf("token revoke by another user: got %q", problems)
	}
	u.works(agent, "exec", "company1-hr-readonly", "--", "true")

	// What the daemon keeps is not theirs to read.
	for _, path := range []string{state, filepath.Join(state, "tokens.json"), filepath.Join(u.dir, "etc", "aws-credentials")} {
		cat := u.command(thief)
		cat.Path, cat.Args = "/bin/cat", []string{"cat", path}
		if out, err := cat.CombinedOutput(); err == nil {
			t.Errorf("%s: another user reads %q", path, out)
		}
	}

	// Revoked, the user has nothing left, commands of theirs included.
	u.works(owner, "token", "revoke", "agent")
	u.refused(agent, `profile "company1-hr-readonly"`, "exec", "company1-hr-readonly", "--", "true")
}

func TestOperatorsSteer(t *testing.T) {
	u := newUsers(t)
	u.configure(owner, `operators = ["#54321"]`+"\n")
	u.serve(owner, "--system", "--state-dir", filepath.Join(u.dir, "state"))
	u.works(agent, "reload")
	u.works(agent, "exec", "company1-hr-upload", "--", "true")
	u.refused(thief, "may steer", "reload")
}

// A daemon of one user is closed to the others, and cannot be looked into even
// by programs of its own user: /proc shows root as the owner of what is not
// dumpable.
func TestUserMode(t *testing.T) {
	u := newUsers(t)
	if err := os.Chown(u.dir, agent, agent); err != nil {
		t.Fatal(err)
	}
	u.configure(agent, "")
	daemon := u.serve(agent, "--state-dir", filepath.Join(u.dir, "state"))
	u.works(agent, "exec", "company1-hr-upload", "--", "true")
	u.refused(thief, "", "status")
	u.refused(thief, "", "exec", "company1-hr-upload", "--", "true")
	info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(daemon.Process.Pid), "environ"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 {
		t.Errorf("/proc/PID/environ of the daemon: belongs to %d, so its user's programs can read it", uid)
	}
}
