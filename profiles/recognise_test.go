package profiles_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
)

// app is a configuration with one app.
func app(keys string) string { return one("[apps.a]\nprofiles = [\"x\"]\n" + keys) }

// loadOn loads a configuration of the system service on a machine.
func loadOn(t *testing.T, m *profiles.Machine, text string) *profiles.Config {
	t.Helper()
	o := options(write(t, map[string]string{"vendord.toml": text}))
	o.System, o.Machine = true, m
	c, err := profiles.Load(o)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

func TestApp(t *testing.T) {
	const x = "[apps.a]\nprofiles = [\"x\"]\n"
	for _, test := range []struct {
		keys string
		want profiles.App
	}{
		{"", profiles.App{}},
		{`match = { user = "agent" }`, profiles.App{Match: profiles.Match{User: "agent", UID: 70001, Known: true}}},
		{`match = { user = "#70001" }`, profiles.App{Match: profiles.Match{User: "agent", UID: 70001, Known: true}}},
		{`match = { user = "#70007" }`, profiles.App{Match: profiles.Match{User: "#70007", UID: 70007, Known: true}}},
		{`match = { user = "ghost" }`, profiles.App{Match: profiles.Match{User: "ghost"}}},
		{`match = { group = "admins" }`, profiles.App{Match: profiles.Match{Group: "wheel"}}},
		{`match = { group = "#10" }`, profiles.App{Match: profiles.Match{Group: "wheel"}}},
		{`match = { group = "#11" }`, profiles.App{Match: profiles.Match{Group: "#11"}}},
		{`match = { group = "ghosts" }`, profiles.App{Match: profiles.Match{Group: "ghosts"}}},
		{`match = { unit = "build@*.service", cgroup = "/system.slice", exe = "/x" }`,
			profiles.App{Match: profiles.Match{Unit: "build@*.service", Cgroup: "/system.slice", Exe: "/x"}}},
		{"match = { user = \"agent\" }\nrequire = \"both\"", profiles.App{Both: true, Match: profiles.Match{User: "agent", UID: 70001, Known: true}}},
		{"from = [\"172.18.0.0/16\", \"fd00::/8\"]\nselect = true", profiles.App{Select: true,
			From: []netip.Prefix{netip.MustParsePrefix("172.18.0.0/16"), netip.MustParsePrefix("fd00::/8")}}},
		{"unidentified = true", profiles.App{Unidentified: true}},
		{"match = { user = \"agent\" }\nimdsv1 = true", profiles.App{MetadataV1: true, Match: profiles.Match{User: "agent", UID: 70001, Known: true}}},
		{"match = { user = \"agent\" }\nimdsv1 = false", profiles.App{Match: profiles.Match{User: "agent", UID: 70001, Known: true}}},
		{"imdsv1 = false", profiles.App{}},
	} {
		t.Run(test.keys, func(t *testing.T) {
			test.want.Name, test.want.Profiles = "a", []string{"x"}
			if got := loadOn(t, machine(), app(test.keys)).Apps["a"]; !reflect.DeepEqual(got, test.want) {
				t.Errorf("Apps: got %+v, want %+v", got, test.want)
			}
		})
	}
	t.Run("user mode", func(t *testing.T) {
		want := profiles.Match{User: "john", UID: uint32(daemonUID), Known: true, UserUnit: "a.service"}
		if got := load(t, one(x+`match = { user_unit = "a.service" }`)).Apps["a"].Match; got != want {
			t.Errorf("Match: got %+v, want %+v", got, want)
		}
	})
}

func TestAuditAndEndpoints(t *testing.T) {
	c := load(t, one(""))
	if want := (profiles.Audit{MaxSize: 100_000_000, Keep: 5}); c.Audit != want || len(c.Endpoints) > 0 {
		t.Errorf("Load: got %+v and %v, want %+v and no address", c.Audit, c.Endpoints, want)
	}
	for text, want := range map[string]int64{`"100MB"`: 100_000_000, `"65536"`: 65536, "65536": 65536, `"64 KiB"`: 65536, `"100kB"`: 100_000,
		`"2MiB"`: 2 << 20, `"3GB"`: 3_000_000_000, `"1GiB"`: 1 << 30, `"70000B"`: 70000, "0": 0} {
		if got := load(t, one("[audit]\nmax_size = "+text)).Audit.MaxSize; got != want {
			t.Errorf("max_size = %s: got %d, want %d", text, got, want)
		}
	}
	for _, text := range []string{`"-1"`, "-1", `"9999999999GB"`, `"99999999999999999999"`, `"1.5MB"`, `""`, `"MB"`, `"1 0MB"`, `"1mb"`, `"1  MB"`} {
		_, err := profiles.Load(options(write(t, map[string]string{"vendord.toml": one("[audit]\nmax_size = " + text)})))
		if want := fmt.Sprintf("audit.max_size: %q is no size", strings.Trim(text, `"`)); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("max_size = %s: got %v, want %s", text, err, want)
		}
	}
	dir := write(t, map[string]string{"vendord.toml": one("[audit]\nfile = \"log/audit\"\nkeep = 0\nrequired = true\n[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n")})
	c, err := profiles.Load(options(dir))
	if err != nil {
		t.Fatal(err)
	}
	if want := (profiles.Audit{File: filepath.Join(dir, "log/audit"), Required: true, MaxSize: 100_000_000}); c.Audit != want || len(c.Endpoints) != 1 || c.Endpoints[0].Listen.String() != "169.254.170.2:80" {
		t.Errorf("Load: got %+v and %v, want %+v", c.Audit, c.Endpoints, want)
	}
}

// TestProtected: what extends a protected profile may be as much.
func TestProtected(t *testing.T) {
	c := load(t, one("protected = true\n[profiles.child]\nextends = \"x\"\n[profiles.lifted]\nextends = \"x\"\nprotected = false\n[profiles.grandchild]\nextends = \"lifted\"\n"))
	for name, want := range map[string]bool{"x": true, "child": true, "lifted": false, "grandchild": false} {
		if got := c.Profiles[name].Protected; got != want {
			t.Errorf("Profiles[%s].Protected: got %v, want %v", name, got, want)
		}
	}
}

// TestReloadResolvesAgain: a user who was made again can have another number.
func TestReloadResolvesAgain(t *testing.T) {
	o := options(write(t, map[string]string{"vendord.toml": app(`match = { user = "agent" }`)}))
	for _, want := range []uint32{70001, 80001} {
		o.Machine.UserID = func(string) (uint32, error) { return want, nil }
		if c, err := profiles.Load(o); err != nil || c.Apps["a"].Match.UID != want {
			t.Errorf("Load: got %+v, %v, want user %d", c.Apps["a"], err, want)
		}
	}
}

// TestUserDatabase: one that does not answer is no reason to stop all others, and
// none to wait for long.
func TestUserDatabase(t *testing.T) {
	keys := app("match = { user = \"agent\", group = \"agents\" }\n[apps.b]\nprofiles = [\"x\"]\nmatch = { user = \"worker\" }")
	down := errors.New("number of user \"agent\": connection refused")
	t.Run("down", func(t *testing.T) {
		m := machine()
		m.UserID = func(string) (uint32, error) { return 0, down }
		m.GroupID = func(string) (uint32, error) { return 0, errors.New("number of group \"agents\": connection refused") }
		c := loadOn(t, m, keys)
		wantWarnings(t, c, `apps.a.match.user: number of user "agent": connection refused: nobody matches`,
			`apps.a.match.group: number of group "agents": connection refused: nobody matches`,
			`apps.b.match.user: number of user "agent": connection refused: nobody matches`)
		if c.Apps["a"].Match.Known {
			t.Error("Match: got a known user, want none")
		}
	})
	t.Run("slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, done := machine(), make(chan struct{})
			m.UserID = func(name string) (uint32, error) {
				if name == "agent" {
					<-done
				}
				return 70002, nil
			}
			started := time.Now()
			c := loadOn(t, m, keys)
			if waited := time.Since(started); waited != 5*time.Second {
				t.Errorf("Load: waited %v, want 5s", waited)
			}
			wantWarnings(t, c, "apps.a.match.user: the user database does not answer: nobody matches")
			if a, b := c.Apps["a"].Match, c.Apps["b"].Match; a.Known || !b.Known || b.UID != 70002 {
				t.Errorf("Match: got %+v and %+v, want only the second known", a, b)
			}
			close(done)
		})
	})
}

// wantWarnings checks warnings by their keys and problems.
func wantWarnings(t *testing.T, c *profiles.Config, want ...string) {
	t.Helper()
	var got []string
	for _, w := range c.Warnings {
		got = append(got, w.Key+": "+w.Problem)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Warnings: got %q, want %q", got, want)
	}
}

// TestUntold: what the system does not tell, nobody matches.
func TestUntold(t *testing.T) {
	keys := app(`match = { user = "agent", group = "agents", unit = "agent.service", exe = "` + ownExecutable(t) + `" }`)
	const convenience = "apps.a.match.exe: a convenience, not a boundary: any program of the unit can start it for any purpose"
	for _, test := range []struct {
		tells []peer.Ability
		want  []string
	}{
		{[]peer.Ability{peer.Users, peer.Cgroup, peer.Processes}, []string{convenience}},
		{[]peer.Ability{peer.Users}, []string{"apps.a.match.unit: this system does not tell the control groups of a connection: nobody matches",
			"apps.a.match.exe: this system does not tell the processes of a connection: nobody matches", convenience}},
		{nil, []string{"apps.a.match: this system does not tell whose a connection is: nobody matches", convenience}},
	} {
		t.Run(fmt.Sprint(test.tells), func(t *testing.T) {
			m := machine()
			m.CanTell = func(a peer.Ability) bool { return slices.Contains(test.tells, a) }
			wantWarnings(t, loadOn(t, m, keys), test.want...)
		})
	}
}

// ownExecutable is a file that is no script and no link.
func ownExecutable(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err == nil {
		exe, err = filepath.EvalSymlinks(exe)
	}
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(exe)
}

// TestExe: processes are seen by the file that they run.
func TestExe(t *testing.T) {
	dir := write(t, map[string]string{"script": "#!/usr/bin/python3\n", "program": "\x7fELF", "short": "#"})
	if err := os.Symlink(filepath.Join(dir, "program"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"program": "", "short": "", "script": "is a script: its processes run its interpreter, and nobody matches",
		"link": "is a link: its processes are seen as " + dir + "/program, and nobody matches", "none": "no such file: nobody matches"} {
		c := loadOn(t, machine(), app(`match = { exe = "`+dir+"/"+name+`" }`))
		if got := c.Warnings[0].Problem; want != "" && !strings.HasSuffix(got, want) || want == "" && len(c.Warnings) > 1 {
			t.Errorf("Warnings of %s: got %v, want %q", name, c.Warnings, want)
		}
	}
}

// TestManyApps: a thousand units of one user are compared with one another, and two
// thousand are not.
func TestManyApps(t *testing.T) {
	for n, want := range map[int]bool{1_000: false, 2_000: true} {
		var b strings.Builder
		b.WriteString(one(""))
		for i := range n {
			fmt.Fprintf(&b, "[apps.a%d]\nprofiles = [\"x\"]\nmatch = { user = \"#70009\", unit = \"run-%d.scope\" }\n", i, i)
		}
		c := loadOn(t, machine(), b.String())
		const told = "too many apps of one user to tell whether a program can match two of them"
		if got := slices.ContainsFunc(c.Warnings, func(p profiles.Problem) bool { return p.Problem == told }); got != want {
			t.Errorf("Warnings of %d apps: got %v, want %v: %q", n, got, want, told)
		}
	}
}

// BenchmarkApps loads apps that the kernel recognises, of one user and of many.
func BenchmarkApps(b *testing.B) {
	for _, user := range []string{"#70009", "#%d"} {
		var text strings.Builder
		text.WriteString(one(""))
		for i := range 1_000 {
			fmt.Fprintf(&text, "[apps.a%d]\nprofiles = [\"x\"]\nmatch = { user = \"%s\", unit = \"run-%d.scope\" }\n", i, strings.ReplaceAll(user, "%d", fmt.Sprint(80_000+i)), i)
		}
		o := options(write(b, map[string]string{"vendord.toml": text.String()}))
		o.System = true
		b.Run(user, func(b *testing.B) {
			for b.Loop() {
				if _, err := profiles.Load(o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
