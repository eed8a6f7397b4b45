package apps_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// TestMain lets the test binary be another vendord on the same state directory.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "another-vendord" {
		c, err := profiles.Load(profiles.Options{Path: os.Args[2], UID: os.Geteuid(), Home: "/"})
		if err == nil {
			_, err = apps.Open(apps.Config{Profiles: c, StateDir: os.Args[3]})
		}
		fmt.Println("open:", err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	if len(os.Args) == 4 && os.Args[1] == "using-vendord" {
		useAllTheTime(os.Args[2], os.Args[3])
		return
	}
	os.Exit(m.Run())
}

// useAllTheTime changes the profile of the app "a" until it is killed.
func useAllTheTime(config, dir string) {
	c, err := profiles.Load(profiles.Options{Path: config, System: true, UID: os.Geteuid(), Home: "/"})
	if err != nil {
		panic(err)
	}
	a, err := apps.Open(apps.Config{Profiles: c, StateDir: dir})
	if err != nil {
		panic(err)
	}
	_ = os.WriteFile(filepath.Join(dir, "using"), nil, 0o600)
	for i := range 1_000_000 {
		change, err := a.Change("a", []string{"two", "three"}[i%2])
		if err == nil {
			err = a.Use(change, time.Time{})
		}
		if err != nil {
			panic(err)
		}
	}
}

// another starts another process that opens the state directory, and returns
// what it said.
func another(t *testing.T, config, dir string) (*exec.Cmd, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "another-vendord", config, dir)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("another vendord: %v", err)
	}
	return cmd, strings.TrimSpace(line)
}

const (
	source = "[daemon]\nregion = \"eu-west-1\"\nrequests_per_second = 0\n[sources.s]\ntype = \"environment\"\n"
	role   = "source = \"s\"\nrole_arn = \"arn:aws:iam::123456789012:role/%s\"\n"
)

// file is a vendord.toml: "app=profile,profile" for each app, with a role of
// its name for each profile.
func file(list ...string) string {
	b := &strings.Builder{}
	b.WriteString(source)
	seen := map[string]bool{}
	for _, row := range list {
		app, names, _ := strings.Cut(row, "=")
		var quoted []string
		for name := range strings.SplitSeq(names, ",") {
			quoted = append(quoted, fmt.Sprintf("%q", name))
			if !seen[name] {
				fmt.Fprintf(b, "[profiles.%s]\n"+role, name, name)
			}
			seen[name] = true
		}
		fmt.Fprintf(b, "[apps.%s]\nprofiles = [%s]\n", app, strings.Join(quoted, ", "))
	}
	return b.String()
}

// load loads a configuration from a real file.
func load(t testing.TB, text string) *profiles.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vendord.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := profiles.Load(profiles.Options{Path: path, UID: os.Geteuid(), Home: t.TempDir(), Host: "h"})
	if err != nil {
		t.Fatalf("loading a configuration: %v", err)
	}
	return c
}

// start is where the clock of these tests stands at first.
var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// clock is a clock that tests move.
type clock struct{ now time.Time }

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

// book is an open Apps with its clock.
type book struct {
	*apps.Apps
	*clock
	t testing.TB
}

// open opens apps on a directory, or in memory if dir is empty.
func open(t testing.TB, dir string, list ...string) book {
	t.Helper()
	c := &clock{start}
	a, err := apps.Open(apps.Config{Profiles: load(t, file(list...)), StateDir: dir, Now: func() time.Time { return c.now }})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return book{a, c, t}
}

// token is an hour's token with a fresh secret, from somebody who may steer.
func (b book) token(app, user string) (string, apps.Token) {
	secret, hash := apps.NewSecret()
	return secret, apps.Token{App: app, User: user, Hash: hash, Steer: true, Expires: b.now.Add(time.Hour)}
}

// issue stores a token of token, changed by change if that is not nil.
func (b book) issue(app, user string, change func(*apps.Token)) string {
	b.t.Helper()
	secret, token := b.token(app, user)
	if change != nil {
		change(&token)
	}
	if err := b.Issue(token); err != nil {
		b.t.Fatalf("Issue: %v", err)
	}
	return secret
}

// decide asks for the credentials of a token.
func (b book) decide(secret string) (apps.Grant, error) {
	return b.Decide(apps.Request{Route: apps.ByToken, Token: secret, Now: b.now, Caller: new(apps.Caller)})
}

// granted checks that a token gets a profile.
func (b book) granted(when, secret, profile string) {
	b.t.Helper()
	g, err := b.decide(secret)
	if err != nil || g.Profile != profile {
		b.t.Errorf("%s: Decide: got profile %q, %v, want %q", when, g.Profile, err, profile)
	}
}

// refusal checks an error of this package, word by word.
func refusal(t testing.TB, what string, err error, class session.Class, public, hint string) {
	t.Helper()
	e, ok := errors.AsType[*session.Error](err)
	if !ok {
		t.Errorf("%s: got %v, want %q", what, err, public)
		return
	}
	if e.Class != class || e.Public != public || e.Hint != hint {
		t.Errorf("%s: got %s %q (hint %q), want %s %q (hint %q)", what, e.Class, e.Public, e.Hint, class, public, hint)
	}
}
