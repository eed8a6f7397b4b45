package profiles_test

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

func TestDaemon(t *testing.T) {
	c := load(t, one(""))
	if want := (profiles.Daemon{Region: "eu-west-1", RequestsPerSecond: 5_000}); !reflect.DeepEqual(c.Daemon, want) {
		t.Errorf("Daemon: got %+v, want %+v", c.Daemon, want)
	}
	o := options(write(t, map[string]string{"vendord.toml": one("")}))
	o.System = true
	c, err := profiles.Load(o)
	if err != nil || c.Daemon.Listen != "127.0.0.1:9797" {
		t.Errorf("Daemon of a system service: got %+v, %v, want it to listen on 127.0.0.1:9797", c.Daemon, err)
	}
}

func TestSourcePaths(t *testing.T) {
	dir := write(t, map[string]string{"home/.aws/config": "", "creds": "", "bin/print": "", "vendord.toml": `
[daemon]
region = "eu-west-1"
[sources.a]
config_file = "~/.aws/config"
credentials_file = "creds"
profile = "john"
[sources.b]
type = "process"
command = ["bin/print", "~/x", "./y"]
[sources.c]
type = "environment"
[profiles.x]
source = "a"
role_arn = "arn:aws:iam::123456789012:role/App"
`})
	c, err := profiles.Load(options(dir))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	a := c.Sources["a"]
	if a.ConfigFile != filepath.Join(dir, "home/.aws/config") || a.CredentialsFile != filepath.Join(dir, "creds") || a.Profile != "john" {
		t.Errorf("Sources: got %+v, want paths in %s", a, dir)
	}
	if got, want := c.Sources["b"].Command, session.List([]string{filepath.Join(dir, "bin/print"), "~/x", "./y"}); got != want {
		t.Errorf("Command: got %s, want %s", got, want)
	}
	if got := c.Sources["c"]; got.Type != "environment" || got.Profile != "" {
		t.Errorf("Sources: got %+v, want the environment and no profile", got)
	}
}

func TestHomeIsUnknown(t *testing.T) {
	o := options(write(t, map[string]string{"vendord.toml": one("policy_file = \"~/p.json\"")}))
	o.Home = ""
	_, err := profiles.Load(o)
	want := `vendord.toml:8: profiles.x.policy_file: ~/ cannot be used: the daemon's user has no home directory`
	if err == nil || err.Error() != want {
		t.Errorf("Load: got %v, want %s", err, want)
	}
}

func TestExtends(t *testing.T) {
	c := load(t, `
[daemon]
region = "eu-west-1"
[sources.john]
[profiles.base]
source = "john"
duration = "2h"
tags = { team = "a", project = "b" }
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
[profiles.a]
extends = "base"
role_arn = "arn:aws:iam::123456789012:role/App"
session_name = "fixed"
per_app = true
`+statement("s3:GetObject", "*")+`
[profiles.b]
extends = "a"
tags = { owner = "c" }
per_app = false
[profiles.c]
extends = "b"
policy_arns = ["arn:aws:iam::123456789012:policy/P"]
[apps.app]
profiles = ["b", "a"]
`)
	if _, vended := c.Profiles["base"]; vended || len(c.Profiles) != 3 {
		t.Fatalf("Profiles: got %v, want a, b and c; base is only a base", slices.Sorted(maps.Keys(c.Profiles)))
	}
	a, b, child := c.Profiles["a"], c.Profiles["b"], c.Profiles["c"]
	if a.Policy == "" || a.PolicyARNs != nil || a.Duration != 2*time.Hour || a.Tags["project"] != "b" || !a.PerApp {
		t.Errorf("a: got %+v, want its own policy alone, and duration and tags of base", a)
	}
	if want := map[string]string{"owner": "c"}; !maps.Equal(b.Tags, want) || b.Policy != a.Policy || b.PerApp || b.SessionName != "fixed" {
		t.Errorf("b: got %+v, want tags %v, not per app, and the rest of a", b, want)
	}
	if child.Policy != "" || len(child.PolicyARNs) != 1 || child.Extends != "b" {
		t.Errorf("c: got %+v, want the managed policy alone", child)
	}
	if got, want := c.Apps["app"].Profiles, []string{"b", "a"}; !slices.Equal(got, want) {
		t.Errorf("Apps: got %v, want %v in the order of the file", got, want)
	}
}

func TestFind(t *testing.T) {
	for _, test := range []struct {
		name    string
		system  bool
		environ []string
		want    string
	}{
		{"of a user", false, nil, "/home/john/.config/vendord/vendord.toml"},
		{"of the system", true, []string{"XDG_CONFIG_HOME=/xdg"}, "/etc/vendord/vendord.toml"},
		{"XDG", false, []string{"XDG_CONFIG_HOME=/xdg"}, "/xdg/vendord/vendord.toml"},
		{"XDG must be absolute", false, []string{"XDG_CONFIG_HOME=xdg"}, "/home/john/.config/vendord/vendord.toml"},
		{"named", true, []string{"VENDORD_CONFIG=/a.toml", "VENDORD_CONFIG=b.toml"}, "b.toml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := filepath.ToSlash(profiles.Find(test.system, test.environ, "/home/john")); got != test.want {
				t.Errorf("Find: got %s, want %s", got, test.want)
			}
		})
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "large.toml"), make([]byte, 8<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "vendord.toml"), "error: $DIR/vendord.toml: no such file\nhint: vendord init prints a first one, or name another file with --config or $VENDORD_CONFIG\n"},
		{"a directory", dir, "error: " + filepath.Base(dir) + ": not a regular file\n"},
		{"too large", filepath.Join(dir, "large.toml"), "error: large.toml: larger than 8388608 bytes\n"},
		{"no path", "", "error: : no configuration: its path is not known\nhint: name the file with --config or $VENDORD_CONFIG\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(dir)
			o.Path = test.path
			_, err := profiles.Load(o)
			if got := told("error", dir, profiles.Problems(err)); got != test.want {
				t.Errorf("Load: got %swant %s", got, test.want)
			}
		})
	}
}

func TestProblemsOfAnotherError(t *testing.T) {
	if got := profiles.Problems(os.ErrNotExist); got != nil {
		t.Errorf("Problems: got %v, want none", got)
	}
}

func TestChanged(t *testing.T) {
	const text, policy = "policy_file = \"p.json\"\n", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`
	for _, test := range []struct {
		name   string
		change func(dir string) error
		want   bool
	}{
		{"nothing", func(string) error { return nil }, false},
		{"touched", func(dir string) error {
			return os.Chtimes(filepath.Join(dir, "p.json"), time.Time{}, time.Now().Add(time.Hour))
		}, false},
		{"written again", func(dir string) error { return os.WriteFile(filepath.Join(dir, "p.json"), []byte(policy), 0o600) }, false},
		{"the file", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "vendord.toml"), []byte(one(text)+"# more"), 0o600)
		}, true},
		{"a policy", func(dir string) error { return os.WriteFile(filepath.Join(dir, "p.json"), []byte(policy+" "), 0o600) }, true},
		{"gone", func(dir string) error { return os.Remove(filepath.Join(dir, "p.json")) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, map[string]string{"vendord.toml": one(text), "p.json": policy})
			c, err := profiles.Load(options(dir))
			if err != nil {
				t.Fatalf("Load: %v", err)
			}
			if err := test.change(dir); err != nil {
				t.Fatal(err)
			}
			if got := c.Changed(); got != test.want {
				t.Errorf("Changed: got %v, want %v", got, test.want)
			}
		})
	}
}
