package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNoCoreDump crashes a daemon in every way that leaves a core file, with
// limits that allow one and Go's runtime told to make one. There is none, and
// what the crash prints has no secret.
func TestNoCoreDump(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGQUIT} {
		t.Run(signal.String(), func(t *testing.T) {
			u := newUsers(t)
			if err := os.Chown(u.dir, agent, agent); err != nil {
				t.Fatal(err)
			}
			u.configure(agent, "")
			daemon, log := u.start(agent, "serve", "--config", filepath.Join(u.dir, "etc", "vendord.toml"), "--state-dir", filepath.Join(u.dir, "state"))
			token := strings.TrimSpace(u.works(agent, "token", "issue", "agent"))
			u.works(agent, "exec", "company1-hr-readonly", "--", "true")
			if err := daemon.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = daemon.Wait()
			status := daemon.ProcessState.Sys().(syscall.WaitStatus)
			if !strings.Contains(log.String(), "goroutine ") || status.ExitStatus() == 0 {
				t.Errorf("got %v and %q, want a crash", daemon.ProcessState, log)
			}
			if status.CoreDump() {
				t.Error("the kernel says that it dumped core")
			}
			if cores, _ := filepath.Glob(filepath.Join(daemon.Dir, "core*")); len(cores) > 0 {
				t.Errorf("got the files %v", cores)
			}
			for _, secret := range []string{token, exampleKey().Secret} {
				if secret == "" || strings.Contains(log.String(), secret) {
					t.Errorf("the crash printed %q", secret)
				}
			}
		})
	}
}

// TestSquatter has a thief listen at the address that a user's daemon keeps,
// while that is down.
func TestSquatter(t *testing.T) {
	u := newUsers(t)
	u.configure(agent, "")
	config := filepath.Join(u.dir, "etc", "vendord.toml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	// Without a listen key the port is kept.
	if err := os.WriteFile(config, []byte(strings.Replace(string(text), "listen = \"127.0.0.1:0\"\n", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	home := u.command(agent).Dir
	place := []string{"--socket", filepath.Join(home, "run", "control.sock")}
	serve := append([]string{"serve", "--config", config, "--state-dir", filepath.Join(home, "state")}, place...)
	daemon, _ := u.start(agent, serve...)
	if err := daemon.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(home, "state", "port"))
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + strings.TrimSpace(string(kept))

	theirs := u.command(thief).Dir
	for _, name := range []string{"vendord.toml", "aws-config", "aws-credentials"} {
		text, err := os.ReadFile(filepath.Join(u.dir, "etc", name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(theirs, name)
		text = []byte(strings.Replace(string(text), "[daemon]\n", "[daemon]\nlisten = \""+address+"\"\n", 1))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, thief, thief); err != nil {
			t.Fatal(err)
		}
	}
	u.start(thief, "serve", "--config", filepath.Join(theirs, "vendord.toml"), "--state-dir", filepath.Join(theirs, "state"),
		"--socket", filepath.Join(theirs, "run", "control.sock"))

	u.refused(agent, address+": in use by a process of user #54322", serve...)
	u.refused(agent, "remove "+filepath.Join(home, "state", "port")+" to be given another port", serve...)
	for _, args := range [][]string{{"exec", "company1-hr-readonly", "--", "true"}, {"env", "agent"}, {"credentials", "company1-hr-readonly"}} {
		u.refused(agent, "no daemon answers", append(append([]string{}, place...), args...)...)
	}
	// Whoever was told of the thief's socket is not taken in either.
	for _, args := range [][]string{{"status"}, {"exec", "company1-hr-readonly", "--", "true"}} {
		u.refused(agent, "control socket", append([]string{"--socket", filepath.Join(theirs, "run", "control.sock")}, args...)...)
	}
}

// TestPlantedPlaces has a thief make, beforehand and where everybody may, what
// a user's daemon and commands will make or use.
func TestPlantedPlaces(t *testing.T) {
	u := newUsers(t)
	u.configure(agent, "")
	shared := filepath.Join(u.dir, "shared") // as /tmp is
	if err := os.Mkdir(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shared, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	home, theirs := u.command(agent).Dir, u.command(thief).Dir
	h := &household{users: u, env: []string{"SHARED=" + shared, "VICTIM=" + home}}
	if out, err := h.sh(thief, `umask 0; chmod 755 "$HOME"; mkdir "$SHARED/state" "$SHARED/run" "$SHARED/xdg" "$HOME/loot" &&
		chmod 700 "$SHARED/xdg" && ln -s "$HOME/loot" "$SHARED/linked" && : >"$SHARED/audit" && ln -s "$HOME/loot/audit" "$SHARED/audit-link" &&
		mkfifo "$SHARED/audit-pipe" && ln -s "$HOME/loot/token" "$SHARED/token" && ln -s "$VICTIM/.profile" "$SHARED/audit-victim" &&
		for i in 1 2 3; do mkdir "$SHARED/vendord-exec-$i" && ln -s "$HOME/loot" "$SHARED/vendord-exec-1$i" || exit 1; done`); err != nil {
		t.Fatalf("planting: %v, %s", err, out)
	}
	in := func(name string) string { return filepath.Join(shared, name) }
	config := filepath.Join(u.dir, "etc", "vendord.toml")
	serve := func(more ...string) []string {
		return append([]string{"serve", "--config", config}, more...)
	}
	state, socket := filepath.Join(home, "state"), filepath.Join(home, "run", "control.sock")
	for _, test := range []struct {
		name, want string
		args       []string
	}{
		{"a state directory", in("state"), serve("--socket", socket, "--state-dir", in("state"))},
		{"a link for a state directory", in("linked"), serve("--socket", socket, "--state-dir", in("linked"))},
		{"a directory for the control socket", "control socket", serve("--socket", in("run/control.sock"), "--state-dir", state)},
		{"a link to a directory for the control socket", "control socket", serve("--socket", in("linked/control.sock"), "--state-dir", state)},
		{"a record", in("audit"), serve("--socket", socket, "--state-dir", state, "--audit-log", in("audit"))},
		{"a link for a record", in("audit-link"), serve("--socket", socket, "--state-dir", state, "--audit-log", in("audit-link"))},
		{"a link to the user's own file for a record", in("audit-victim"), serve("--socket", socket, "--state-dir", state, "--audit-log", in("audit-victim"))},
		{"a pipe for a record", in("audit-pipe"), serve("--socket", socket, "--state-dir", state, "--audit-log", in("audit-pipe"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := *u
			v.t = t
			v.refused(agent, test.want, test.args...)
		})
	}

	t.Run("temporary directories, and a runtime directory after su", func(t *testing.T) {
		u.start(agent, serve("--socket", socket, "--state-dir", state)...)
		run := u.command(agent, "--socket", socket, "exec", "company1-hr-readonly", "--", "sh", "-c", `dirname "$AWS_CONFIG_FILE"; stat -c %a:%u "$(dirname "$AWS_CONFIG_FILE")"`)
		run.Env = append(run.Env, "TMPDIR="+shared, "XDG_RUNTIME_DIR="+in("xdg"))
		out, err := run.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), in("vendord-exec-")) || !strings.HasSuffix(string(out), "\n700:54321\n") {
			t.Errorf("exec: got %q, %v, want a private directory of the user's own", out, err)
		}
	})
	t.Run("a link for a token file", func(t *testing.T) {
		u.refused(agent, "token file "+in("token"), "--socket", socket, "env", "agent", "--file", in("token"))
		if out := u.works(agent, "--socket", socket, "token", "list", "agent"); strings.Contains(out, "agent") {
			t.Errorf("the token that was not written lives on: %s", out)
		}
	})
	if loot, err := os.ReadDir(filepath.Join(theirs, "loot")); err != nil || len(loot) > 0 {
		t.Errorf("the thief's directory: got %v, %v, want it empty", loot, err)
	}
	for _, name := range []string{"vendord-exec-1", "vendord-exec-2", "vendord-exec-3", "state", "run", "xdg"} {
		if found, err := os.ReadDir(in(name)); err != nil || len(found) > 0 {
			t.Errorf("%s, which is the thief's: got %v, %v, want it empty", name, found, err)
		}
	}
	if info, err := os.Stat(in("audit")); err != nil || info.Size() > 0 {
		t.Errorf("the thief's record: got %v, %v, want it empty", info, err)
	}
	if _, err := os.Stat(filepath.Join(home, ".profile")); err == nil {
		t.Error("the user's own file was written through the thief's link")
	}
}
