package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/server"
)

var wholeToken = regexp.MustCompile(`^vnd_[0-9A-Za-z]{49}$`)

// Whenever the command is killed, the file has a whole token, the old one or the
// new, and the one that is in it is good.
func TestTokenFileOfAKilledCommand(t *testing.T) {
	d := startDaemon(t)
	file := filepath.Join(d.dir, "token")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	issue := func() *exec.Cmd {
		return &exec.Cmd{Path: self, Args: []string{"vendord", "token", "issue", "agent", "--file", file, "--socket", d.client.Path()},
			Env: []string{"HOME=" + d.dir, "GORACE=atexit_sleep_ms=0"}}
	}
	begun := time.Now()
	if out, err := issue().CombinedOutput(); err != nil {
		t.Fatalf("token issue: %v %s", err, out)
	}
	took, killed := time.Since(begun), 0
	for i := range 16 { // twenty live tokens are the most
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cmd := issue()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stop := time.AfterFunc(took*time.Duration(i+1)/16, func() { _ = cmd.Process.Kill() })
		if cmd.Wait() != nil {
			killed++
		}
		stop.Stop()
		after, err := os.ReadFile(file)
		if err != nil || !wholeToken.Match(after) {
			t.Fatalf("killed after %v of %v: got %q, %v, want a whole token", took*time.Duration(i+1)/16, took, after, err)
		}
		if string(before) == string(after) {
			continue
		}
		if _, err := server.Fetch(t.Context(), d.url, string(after)); err != nil {
			t.Errorf("a new token in the file: got %v, want it to be good", err)
		}
	}
	if killed == 0 {
		t.Errorf("killed: none in time, of commands that take %v", took)
	}
}

// Root writes a token for another user where only that user, and root, could
// exchange it, and nowhere that the user leads it to.
func TestTokenFileOfAnotherUser(t *testing.T) {
	needsRoot(t, "give a file to another user")
	dir, err := os.MkdirTemp("", "vendord-token-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	make := func(name string, uid int, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	make("roots", 0, 0o755)
	make("agents", agent, 0o700)
	make("thiefs", thief, 0o755)
	make("everybodys", 0, os.ModeSticky|0o777)
	make("agents/own", agent, 0o700)
	make("agents/roots", 0, 0o755)
	if err := os.Symlink(filepath.Join(dir, "roots"), filepath.Join(dir, "agents", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(filepath.Join(dir, "agents", "link"), agent, agent); err != nil {
		t.Fatal(err)
	}
	user := fmt.Sprintf("#%d", agent)
	for _, test := range []struct {
		name, path string
		uid        int
		want       string // "" is that it is written
	}{
		{"the user's own directory", "agents/token", 0, ""},
		{"one below", "agents/own/token", 0, ""},
		{"root's directory", "roots/token", 0, ""},
		{"another user's directory", "thiefs/token", 0, "thiefs: belongs to " + fmt.Sprint(thief)},
		{"everybody's directory", "everybodys/token", 0, "no such file, and others could create it there"},
		{"through a link of the user's to root's directory", "agents/link/token", 0, "belongs to " + fmt.Sprint(agent)},
		{"root's directory in the user's, who could rename it", "agents/roots/token", 0, "belongs to " + fmt.Sprint(agent)},
		{"by who is not root", "thiefs/token", thief, "only root can give a file to another user"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(dir, test.path)
			f, err := (&program{uid: test.uid, user: "somebody"}).openTokenFile(path, user, false)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) || hintOf(err) == "" {
					t.Errorf("openTokenFile: got %v (hint %q), want %q", err, hintOf(err), test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer f.close()
			if err := f.write("vnd_x"); err != nil {
				t.Fatal(err)
			}
			if err := f.commit(); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != agent {
				t.Errorf("the file: got %v, %v, want one of the user's, 0600", info, err)
			}
		})
	}
}
