package apps_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// program is what the kernel says of a caller.
type program struct {
	uid       uint32
	cgroup    string
	processes []peer.Process
	gone      error // from Still
	slow      error // from Processes
	asked     atomic.Int64
}

func (p *program) Cgroup() (string, error) {
	p.asked.Add(1)
	if p.cgroup == "" {
		return "", errors.New("control groups: not told \x1b[2J")
	}
	return p.cgroup, nil
}

func (p *program) Processes() ([]peer.Process, error) {
	p.asked.Add(1)
	return p.processes, p.slow
}

func (p *program) Still() error { return p.gone }

func (p *program) caller() *apps.Caller { return &apps.Caller{UID: p.uid, Kernel: p} }

// system is a configuration of the system service with these apps.
func system(t testing.TB, text string) *profiles.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vendord.toml")
	b := &strings.Builder{}
	b.WriteString(source)
	for _, name := range []string{"one", "two", "three"} {
		fmt.Fprintf(b, "[profiles.%s]\n"+role, name, name)
	}
	b.WriteString("[profiles.secret]\nprotected = true\n" + fmt.Sprintf(role, "secret"))
	if err := os.WriteFile(path, []byte(b.String()+text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := profiles.Load(profiles.Options{Path: path, System: true, UID: os.Geteuid(), Home: t.TempDir(), Host: "h"})
	if err != nil {
		t.Fatalf("loading a configuration: %v", err)
	}
	return c
}

// people are the users of these tests: user N is called uN and is in group gN and
// in "all". The database fails for user 4999.
func people(uid uint32) (string, []string, error) {
	if uid == 4999 {
		return "", nil, errors.New("directory: no answer")
	}
	return fmt.Sprintf("u%d", uid), []string{fmt.Sprintf("#%d", uid+1000), "all"}, nil
}

// openSystem opens apps for such a configuration.
func openSystem(t testing.TB, dir, text string) book {
	t.Helper()
	c := &clock{start}
	a, err := apps.Open(apps.Config{Profiles: system(t, text), StateDir: dir, User: people, Now: func() time.Time { return c.now }})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return book{a, c, t}
}

// ask asks as a program whom the kernel alone recognises.
func (b book) ask(p *program, memo *apps.Memo) (apps.Grant, error) {
	return b.Decide(apps.Request{Route: apps.ByKernel, Caller: p.caller(), Memo: memo, Now: b.now})
}

const (
	container = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	stranger  = "caller: not recognised"
	seeWhy    = `whoever runs vendord sees with "vendord why" what was missing`
	again     = "restart the program: its executable was replaced since it started"
)

// self is this test's own executable, and a process that runs it.
func self(t testing.TB, uid uint32) (string, peer.Process) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("x"), 0o700); err != nil {
		t.Fatal(err)
	}
	device, inode := apps.FileOf(t, path)
	return path, peer.Process{PID: 1, UID: uid, Exe: path, Device: device, Inode: inode}
}

// Each key of a match alone, and who has it. All others get 401, which says
// nothing of rules; near is what the owner is told.
func TestEachKeyOfAMatch(t *testing.T) {
	exe, runs := self(t, 4001)
	with := func(change func(*peer.Process)) []peer.Process {
		p := runs
		change(&p)
		return []peer.Process{p}
	}
	const user1 = "/user.slice/user-4001.slice/user@4001.service/"
	web := &program{uid: 4001, cgroup: "/system.slice/web.service/x", processes: []peer.Process{runs}}
	for _, row := range []struct {
		match string
		who   string
		p     *program
		how   string // "" if refused
		near  string
	}{
		{`user = "#4001"`, "the user", web, "user", ""},
		{`user = "#4001"`, "another user", &program{uid: 4002}, "", `its user is #4002, not "#4001"`},
		{`user = "#4001"`, "root, which may be a relay", &program{}, "", `its user is #0, not "#4001"`},
		{`user = "no-such-user-here"`, "root", &program{}, "", `its user is #0, and this machine has no user "no-such-user-here"`},
		{`group = "#5001"`, "a member", web, "group", ""},
		{`group = "#5001"`, "no member", &program{uid: 4002}, "", `its user #4002 is not in group "#5001"`},
		{`unit = "web.service"`, "the unit", web, "unit", ""},
		{`unit = "web.service"`, "another unit", &program{cgroup: "/system.slice/ssh.service"}, "", `its unit is "ssh.service", not "web.service"`},
		{`unit = "web.service"`, "a user's unit of that name", &program{uid: 4001, cgroup: user1 + "app.slice/web.service"}, "", `its unit is "user@4001.service", not "web.service"`},
		{`unit = "web.service"`, "no unit", &program{cgroup: "/docker/x/web.service"}, "", `its control group "/docker/x/web.service" is of no unit, and not of "web.service"`},
		{`unit = "web.service"`, "where control groups are not told", &program{}, "", `its control group is not known: "control groups: not told \x1b[2J"`},
		{`unit = "w@*.service"`, "an instance", &program{cgroup: "/system.slice/system-w.slice/w@7.service"}, "unit", ""},
		{`unit = "w@*.service"`, "no instance", &program{cgroup: "/system.slice/w@.service"}, "", `its unit is "w@.service", not "w@*.service"`},
		{`unit = "w@*.service"`, "another template", &program{cgroup: "/system.slice/wx@7.service"}, "", `its unit is "wx@7.service", not "w@*.service"`},
		{`user = "#4001", user_unit = "app.service"`, "the user's unit", &program{uid: 4001, cgroup: user1 + "app.slice/app.service"}, "user, user_unit", ""},
		{`user = "#4001", user_unit = "app.service"`, "another user's below whose manager it runs", &program{uid: 4001,
			cgroup: "/user.slice/user-4002.slice/user@4002.service/app.slice/app.service"}, "", `is of no user unit, and not of "app.service"`},
		{`cgroup = "/a/b"`, "that group", &program{cgroup: "/a/b"}, "cgroup", ""},
		{`cgroup = "/a/b"`, "one below", &program{cgroup: "/a/b/c"}, "cgroup", ""},
		{`cgroup = "/a/b"`, "one beside", &program{cgroup: "/a/bc"}, "", `its control group is "/a/bc", not "/a/b"`},
		{`cgroup = "/a/b"`, "the one above", &program{cgroup: "/a"}, "", `its control group is "/a", not "/a/b"`},
		{`container = "` + container + `"`, "the container", &program{cgroup: "/system.slice/docker-" + container + ".scope"}, "container", ""},
		{`container = "` + container + `"`, "one inside another", &program{cgroup: "/docker/" + strings.Repeat("f", 64) + "/" + container}, "",
			`its container is "` + strings.Repeat("f", 64) + `", not "` + container + `"`},
		{`container = "` + container + `"`, "a directory of that name in a user's own manager", &program{uid: 4001, cgroup: user1 + container}, "",
			`its control group is named for container "` + container + `" by unit "user@4001.service", which the rule would have to name`},
		{`user = "#4001", container = "` + container + `"`, "the user's own container", &program{uid: 4001, cgroup: user1 + "user.slice/libpod-" + container + ".scope"}, "user, container", ""},
		{`user = "#4001", container = "` + container + `"`, "a directory of that name in another's manager", &program{uid: 4001,
			cgroup: "/user.slice/user-4002.slice/user@4002.service/" + container}, "", `by unit "user@4002.service", which the rule would have to name`},
		{`container = "` + container + `"`, "a directory of that name in a service", &program{cgroup: "/system.slice/web.service/" + container}, "",
			`by unit "web.service", which the rule would have to name`},
		{`unit = "web.service", container = "` + container + `"`, "a service's container", &program{cgroup: "/system.slice/web.service/libpod-payload-" + container}, "unit, container", ""},
		{`user = "#4001", exe = "` + exe + `"`, "the executable", web, "user, exe", ""},
		{`user = "#4001", exe = "` + exe + `"`, "another", &program{uid: 4001, processes: with(func(p *peer.Process) { p.Exe = "/bin/\x1b[2Jsh" })}, "",
			`its executable is "/bin/\x1b[2Jsh", not "` + exe + `"`},
		{`user = "#4001", exe = "` + exe + `"`, "that path in another mount namespace", &program{uid: 4001, processes: with(func(p *peer.Process) { p.Inode++ })}, "",
			`its executable "` + exe + `" was replaced since it started: restart it`},
		{`user = "#4001", exe = "` + exe + `"`, "one that was replaced by an upgrade", &program{uid: 4001,
			processes: with(func(p *peer.Process) { p.Exe, p.Inode = exe+" (deleted)", p.Inode+1 })}, "", `its executable "` + exe + `" was replaced since it started: restart it`},
		{`user = "#4001", exe = "` + exe + `"`, "a name that says deleted", &program{uid: 4001, processes: with(func(p *peer.Process) { p.Exe = exe + " (deleted)" })}, "",
			`its executable "` + exe + `" was replaced since it started: restart it`},
		{`user = "#4001", exe = "` + exe + `"`, "two that disagree", &program{uid: 4001, processes: append(with(func(p *peer.Process) { p.Exe = "/bin/sh" }), runs)}, "",
			`processes with different executables hold its connection: "/bin/sh" and "` + exe + `"`},
		{`user = "#4001", exe = "` + exe + `"`, "a process of another user", &program{uid: 4001, processes: append(with(func(p *peer.Process) { p.UID = 0 }), runs)}, "",
			`a process of user #0 holds its connection too: "` + exe + `"`},
		{`user = "#4001", exe = "` + exe + `"`, "nobody seen", &program{uid: 4001}, "", "no process can be seen that holds its connection"},
		{`user = "#4001", exe = "` + exe + `"`, "where processes are not told", &program{uid: 4001, slow: errors.ErrUnsupported}, "", `its processes are not known: "unsupported operation"`},
		{`user = "#4001", exe = "/no/such/file"`, "a file that is gone", &program{uid: 4001, processes: with(func(p *peer.Process) { p.Exe = "/no/such/file" })}, "",
			`its executable "/no/such/file" cannot be found now`},
		{`user = "#4001", unit = "web.service"`, "both", web, "user, unit", ""},
		{`user = "#4001", unit = "web.service"`, "another user in the unit", &program{uid: 4002, cgroup: web.cgroup}, "", `its user is #4002, not "#4001"`},
		{`user = "#4001", unit = "web.service"`, "the user elsewhere", &program{uid: 4001, cgroup: "/user.slice/user-4001.slice/session-1.scope"}, "",
			`its unit is "session-1.scope", not "web.service"`},
	} {
		t.Run(row.match+"/"+row.who, func(t *testing.T) {
			b := openSystem(t, "", "[apps.web]\nprofiles = [\"one\"]\nmatch = {"+row.match+"}\n")
			g, err := b.ask(row.p, nil)
			if row.how != "" {
				if err != nil || g.App != "web" || g.Profile != "one" || g.How != row.how || g.TokenID != "" || g.Session == (session.Key{}) {
					t.Errorf("Decide: got %+v, %v, want web's grant by %s", g, err, row.how)
				}
				return
			}
			hint := seeWhy
			if strings.Contains(row.near, "replaced") {
				hint = again
			}
			refusal(t, "Decide", err, session.Unrecognised, stranger, hint)
			if !strings.HasPrefix(g.Near, `app "web": `) || !strings.HasSuffix(g.Near, row.near) || g != (apps.Grant{Near: g.Near}) {
				t.Errorf("Decide: got %+v, want nothing but that %s", g, row.near)
			}
		})
	}
}
