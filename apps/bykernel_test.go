package apps_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

const twoApps = `
[apps.web]
profiles = ["one"]
match = {unit = "web.service"}
[apps.everybody]
profiles = ["two"]
match = {group = "all"}
[apps.tool]
profiles = ["three"]
match = {user = "#4003", exe = "/bin/sh"}
`

// Who could be more than one app, whom nobody can look up now, and who is not
// there any more.
func TestByKernelRefusals(t *testing.T) {
	gone := errors.New("gone")
	b := openSystem(t, "", twoApps)
	web := "/system.slice/web.service"
	for _, row := range []struct {
		name         string
		r            apps.Request
		class        session.Class
		public, hint string
		near         string
	}{
		{"two apps match", apps.Request{Caller: (&program{uid: 4001, cgroup: web}).caller()}, session.Refused,
			"caller: more than one app matches it", seeWhy, `apps "everybody" and "web" both match it`},
		{"nobody can say which groups", apps.Request{Caller: (&program{uid: 4999, cgroup: "/x"}).caller()}, session.Retry,
			"caller: its name and groups are not known now", "ask again: the user database did not answer", `app "everybody": "directory: no answer"`},
		{"nobody can say its name, which the session has", apps.Request{Caller: (&program{uid: 4999, cgroup: web}).caller()}, session.Retry,
			"caller: its name and groups are not known now", "ask again: the user database did not answer", ""},
		{"a token", apps.Request{Token: "vnd_x", Caller: (&program{uid: 4001}).caller()}, session.Unrecognised,
			"token: not for this path, which asks the kernel who you are", "ask /v1/credentials, or send no token", ""},
		{"nobody looked", apps.Request{}, session.Unrecognised, "caller: this path knows no users", "ask /v1/credentials with a token", ""},
		{"nobody can look", apps.Request{Caller: &apps.Caller{UID: 4001}}, session.Unrecognised, "caller: this path knows no users", "ask /v1/credentials with a token", ""},
		{"another network namespace", apps.Request{Caller: &apps.Caller{Err: gone, Kernel: &program{}}}, session.Unrecognised,
			"caller: its user is not known here", "ask from this machine, or /v1/credentials with a token", ""},
		{"nobody, or a user of another namespace", apps.Request{Caller: &apps.Caller{Err: fmt.Errorf("socket: %w", peer.ErrNobody), Kernel: &program{}}},
			session.Unrecognised, "caller: its user is not known here",
			"it runs as 65534, nobody, or in another user namespace: run it under a user of this machine", ""},
		{"closed meanwhile", apps.Request{Caller: (&program{uid: 4001, cgroup: "/x", gone: gone}).caller()}, session.Unrecognised,
			"caller: gone, or not the one who asked", "ask again, over a new connection", ""},
		{"another profile", apps.Request{Profile: "one", Caller: (&program{uid: 4001, cgroup: "/x"}).caller()}, session.Refused,
			`profile "one": not the one this app has now`, "ask /v1/process/credentials, without a name", ""},
	} {
		row.r.Route = apps.ByKernel
		g, err := b.Decide(row.r)
		refusal(t, row.name, err, row.class, row.public, row.hint)
		if g.Near != row.near || g.Session != (session.Key{}) {
			t.Errorf("%s: Decide: got %+v, want no session, and near %q", row.name, g, row.near)
		}
	}
	busy := &program{uid: 4003, cgroup: "/x", slow: fmt.Errorf("processes: %w", peer.ErrBusy)}
	b.Set(system(t, strings.Replace(twoApps, `group = "all"`, `group = "none"`, 1)))
	_, err := b.ask(busy, nil)
	refusal(t, "too many to look into", err, session.Limited, "caller: too many of its connections have to be looked into",
		"use one SDK client: it keeps its connection; or try again in a second")
}

// Who is two apps' by its executable does not become one's by having us look too
// often.
func TestBusyIsNobody(t *testing.T) {
	b := openSystem(t, "", "[apps.any]\nprofiles = [\"one\"]\nmatch = {user = \"#4001\"}\n[apps.exe]\nprofiles = [\"two\"]\nmatch = {user = \"#4001\", exe = \"/bin/sh\"}\n")
	_, err := b.ask(&program{uid: 4001, slow: fmt.Errorf("processes: %w", peer.ErrBusy)}, nil)
	refusal(t, "Decide", err, session.Limited, "caller: too many of its connections have to be looked into",
		"use one SDK client: it keeps its connection; or try again in a second")
}

// A user database that fails keeps nobody waiting whose rule does not need it.
func TestLookupsThatFailAreTheirRulesAlone(t *testing.T) {
	b := openSystem(t, "", "[apps.all]\nprofiles = [\"one\"]\nmatch = {group = \"all\"}\n[apps.mine]\nprofiles = [\"two\"]\nmatch = {user = \"#4999\"}\n")
	if g, err := b.ask(&program{uid: 4999}, nil); err != nil || g.App != "mine" || g.User != "#4999" {
		t.Errorf("Decide: got %+v, %v, want mine's grant", g, err)
	}
}

// The nearest rule is the one of which most keys hold.
func TestNearest(t *testing.T) {
	b := openSystem(t, "", `
[apps.a]
profiles = ["one"]
match = {user = "#4001", unit = "a.service"}
[apps.b]
profiles = ["one"]
match = {user = "#4002", unit = "b.service", cgroup = "/system.slice"}
[apps.c]
profiles = ["one"]
match = {unit = "c.service"}
`)
	for _, row := range []struct {
		p    *program
		near string
	}{
		{&program{uid: 4001, cgroup: "/x.slice/ssh.service"}, `app "a": its unit is "ssh.service", not "a.service"`},
		{&program{uid: 4002, cgroup: "/system.slice/ssh.service"}, `app "b": its unit is "ssh.service", not "b.service"`},
		{&program{uid: 4003, cgroup: "/x.slice/ssh.service"}, `app "c": its unit is "ssh.service", not "c.service"`},
		{&program{uid: 4003, cgroup: "/" + strings.Repeat("é\x00", 9000)}, `app "c": its control group "/` + strings.Repeat(`é\x00`, 49) + `é" is of no unit, and not of "c.service"`},
	} {
		if g, err := b.ask(row.p, nil); err == nil || g.Near != row.near {
			t.Errorf("Decide: got near %q, %v, want %q", g.Near, err, row.near)
		}
	}
}

// Over a connection that is kept the kernel is asked once, as long as nothing
// has changed; about executables each time.
func TestByKernelOverOneConnection(t *testing.T) {
	exe, runs := self(t, 4003)
	text := strings.Replace(twoApps, "/bin/sh", exe, 1)
	text = strings.Replace(text, `group = "all"`, `group = "#5001"`, 1)
	b := openSystem(t, "", text)
	web, memo := &program{uid: 4002, cgroup: "/system.slice/web.service"}, new(apps.Memo)
	caller := web.caller()
	ask := func() error {
		_, err := b.Decide(apps.Request{Route: apps.ByKernel, Caller: caller, Memo: memo, Now: b.now})
		return err
	}
	for range 3 {
		if err := ask(); err != nil || web.asked.Load() != 1 {
			t.Fatalf("Decide: %v, asked the kernel %d times, want once", err, web.asked.Load())
		}
	}
	b.pass(time.Minute)
	if err := ask(); err != nil || web.asked.Load() != 2 {
		t.Errorf("a minute later: %v, asked the kernel %d times, want once more", err, web.asked.Load())
	}
	b.Set(system(t, strings.Replace(text, "web.service", "other.service", 1)))
	if err := ask(); err == nil {
		t.Error("after a reload by which another unit matches: got a grant")
	}
	tool, memo := &program{uid: 4003, cgroup: "/x", processes: []peer.Process{runs}}, new(apps.Memo)
	b.Set(system(t, text))
	caller = tool.caller()
	ask = func() error {
		_, err := b.Decide(apps.Request{Route: apps.ByKernel, Caller: caller, Memo: memo, Now: b.now})
		return err
	}
	if err := ask(); err != nil {
		t.Fatalf("Decide: %v", err)
	}
	tool.processes[0].Exe = "/bin/sh" // exec
	if err := ask(); err == nil {
		t.Error("after the process runs something else: got a grant")
	}
}

// Whatever is asked by whomever: no grant where any key of the match is false.
func TestNoGrantWithoutEveryKey(t *testing.T) {
	exe, runs := self(t, 0)
	values := map[string][]string{
		"user": {"#4001", "#4002"}, "group": {"#5001", "#5002", "all"}, "unit": {"a.service", "b.service", "c@*.service"},
		"cgroup": {"/system.slice", "/other"}, "container": {container, strings.Repeat("a", 64)}, "exe": {exe, "/bin/sh"},
	}
	keys := slices.Sorted(maps.Keys(values))
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	granted := 0
	for range 40 {
		rules, config := map[string]map[string]string{}, system(t, "")
		for i := range 1 + random.IntN(3) {
			name, match := fmt.Sprintf("app%d", i), map[string]string{}
			for _, key := range keys {
				if random.IntN(3) == 0 {
					match[key] = pick(values[key])
				}
			}
			if len(match) == 0 {
				continue
			}
			rules[name] = match
			m := profiles.Match{User: match["user"], Known: match["user"] != "", Group: match["group"], Unit: match["unit"],
				Cgroup: match["cgroup"], Container: match["container"], Exe: match["exe"]}
			if m.Known {
				_, _ = fmt.Sscanf(m.User, "#%d", &m.UID)
			}
			config.Apps[name] = profiles.App{Name: name, Profiles: []string{"one"}, Match: m}
		}
		b := openSystem(t, "", "")
		b.Set(config)
		for range 200 {
			p := &program{uid: 4001 + uint32(random.IntN(3)), cgroup: pick([]string{"/system.slice/a.service", "/other/b.service", "/system.slice/c@1.service",
				"/system.slice/docker-" + container + ".scope", "/system.slicer/a.service"})}
			here := runs
			here.UID, here.Exe = p.uid, pick([]string{exe, "/bin/sh"})
			p.processes = []peer.Process{here}
			_, groups, _ := people(p.uid)
			fits := map[string]bool{}
			for name, match := range rules {
				fits[name] = true
				for key, want := range match {
					ok := map[string]bool{"user": fmt.Sprintf("#%d", p.uid) == want, "group": slices.Contains(groups, want),
						"unit":   peer.SystemUnit(p.cgroup) == want || want == "c@*.service" && strings.HasSuffix(p.cgroup, "c@1.service"),
						"cgroup": p.cgroup == want || strings.HasPrefix(p.cgroup, want+"/"), "container": containerOf(p.cgroup) == want,
						"exe": here.Exe == want && want == exe}[key]
					fits[name] = fits[name] && ok
				}
			}
			maps.DeleteFunc(fits, func(_ string, ok bool) bool { return !ok })
			g, err := b.ask(p, nil)
			if want := len(fits) == 1; (err == nil) != want || err == nil && !fits[g.App] {
				t.Fatalf("Decide(%d %s %s): got %+v, %v, want one of %v, if it is one; rules %v", p.uid, p.cgroup, here.Exe, g, err, fits, rules)
			}
			if err == nil {
				granted++
			}
		}
	}
	if granted < 500 {
		t.Errorf("grants: got %d, want more, or nothing is tested", granted)
	}
}

// Who is recognised by a rule without a user is remembered, in bounds: it owns
// something, and its session stays.
func TestSeen(t *testing.T) {
	b := openSystem(t, "", twoApps)
	count := func() (n int) {
		for _, g := range b.Grants() {
			if g.App == "web" {
				n++
			}
		}
		return n
	}
	ask := func(uid uint32) {
		t.Helper()
		b := b
		if g, err := b.ask(&program{uid: uid, cgroup: "/system.slice/web.service"}, nil); err != nil || g.User != fmt.Sprintf("u%d", uid) {
			t.Fatalf("Decide: got %+v, %v, want a grant", g, err)
		}
	}
	b.Set(system(t, strings.Replace(twoApps, `group = "all"`, `group = "none"`, 1)))
	if b.Owns(5000) || !b.Owns(4003) {
		t.Errorf("Owns: got %t and %t, want not who was never seen, and whom a rule names", b.Owns(5000), b.Owns(4003))
	}
	for i := range uint32(1025) {
		if i >= 100 { // as many as may be new at once
			_, err := b.ask(&program{uid: 5000 + i, cgroup: "/system.slice/web.service"}, nil)
			refusal(t, "one more", err, session.Limited, `app "web": too many users, one after another`, "try again in a second; or have it run as one user")
			b.now = b.now.Add(time.Second)
		}
		ask(5000 + i)
	}
	if b.Owns(5000) || !b.Owns(5001) || !b.Owns(6024) || count() != 1024 {
		t.Errorf("after 1025: got %d grants, and %t for the first, want 1024, and the first forgotten", count(), b.Owns(5000))
	}
	b.Set(system(t, strings.Replace(twoApps, `group = "all"`, `group = "none"`, 1)))
	if count() != 1024 {
		t.Errorf("after a reload: got %d grants, want 1024", count())
	}
	b.Set(system(t, strings.Replace(twoApps, "web.service", "other.service", 1)))
	if count() != 0 || b.Owns(5001) {
		t.Errorf("after another rule: got %d grants, want none", count())
	}
}

// Each of them is metered alone, and over a reload.
func TestSeenAreMetered(t *testing.T) {
	config := func() *profiles.Config {
		c := system(t, "[apps.web]\nprofiles = [\"one\"]\nmatch = {unit = \"web.service\"}\n")
		c.Daemon.RequestsPerSecond = 100
		return c
	}
	b := openSystem(t, "", "")
	b.Set(config())
	asks := func(uid uint32) (n int) {
		for range 1000 {
			if _, err := b.ask(&program{uid: uid, cgroup: "/system.slice/web.service"}, nil); err != nil {
				refusal(t, "too fast", err, session.Limited, `app "web": more than 100 requests a second`,
					"use one SDK client: it keeps credentials; or raise daemon.requests_per_second")
				return n
			}
			n++
		}
		return n
	}
	if one, two, again := asks(4001), asks(4002), asks(4001); one != 200 || two != 200 || again != 0 {
		t.Errorf("at once: got %d, %d of another, %d again, want 200, 200, 0", one, two, again)
	}
	b.Set(config())
	if n := asks(4001); n != 0 {
		t.Errorf("after a reload: got %d, want 0", n)
	}
}

// Whoever comes over many connections at once, and was not seen before, is metered
// once all the same.
func TestSeenAtOnceAreMeteredTogether(t *testing.T) {
	c := system(t, "[apps.web]\nprofiles = [\"one\"]\nmatch = {unit = \"web.service\"}\n")
	c.Daemon.RequestsPerSecond = 1
	b := openSystem(t, "", "")
	b.Set(c)
	for uid := range uint32(100) {
		var granted atomic.Int64
		var asking sync.WaitGroup
		begin := make(chan struct{})
		for range 16 {
			asking.Go(func() {
				memo, p := new(apps.Memo), &program{uid: 5000 + uid, cgroup: "/system.slice/web.service"}
				r := apps.Request{Route: apps.ByKernel, Caller: p.caller(), Memo: memo, Now: b.now}
				<-begin
				for range 3 {
					if _, err := b.Decide(r); err == nil {
						granted.Add(1)
					}
				}
			})
		}
		close(begin)
		asking.Wait()
		if n := granted.Load(); n != 2 {
			t.Fatalf("user %d, over 16 connections: got %d grants, want 2", 5000+uid, n)
		}
	}
}

// containerOf is the id of a container that the service manager, or an engine of
// root's, has named.
func containerOf(cgroup string) string {
	id, within := peer.Container(cgroup)
	if within != "" {
		return ""
	}
	return id
}

// slowly is a program whose processes take so long to find that something happens.
type slowly struct {
	*program
	meanwhile func()
}

func (p slowly) Processes() ([]peer.Process, error) {
	if p.meanwhile != nil {
		p.meanwhile()
	}
	return p.program.Processes()
}

// What is revoked, or taken out of the configuration, while the kernel is asked gets
// nothing any more.
func TestChangedWhileTheKernelIsAsked(t *testing.T) {
	exe, own := self(t, 4001)
	kernel := "[apps.tool]\nprofiles = [\"one\"]\nmatch = {user = \"#4001\", exe = \"" + exe + "\"}\n"
	both := strings.Replace(kernel, "match", "require = \"both\"\nmatch", 1)
	const other = "[apps.other]\nprofiles = [\"one\"]\nmatch = {user = \"#4002\"}\n"
	b := openSystem(t, "", both)
	secret := b.issue("tool", "john", asUser)
	ask := func(route apps.Route, secret string, meanwhile func()) error {
		p := slowly{&program{uid: 4001, processes: []peer.Process{own}}, meanwhile}
		_, err := b.Decide(apps.Request{Route: route, Token: secret, Caller: &apps.Caller{UID: 4001, Kernel: p}})
		return err
	}
	if err := ask(apps.ByToken, secret, nil); err != nil {
		t.Fatal(err)
	}
	err := ask(apps.ByToken, secret, func() { _, _ = b.Revoke("tool", "") })
	refusal(t, "a token", err, session.Unrecognised, "token: not recognised", `run the program under "vendord exec", or issue a new token`)
	b.Set(system(t, kernel))
	if err := ask(apps.ByKernel, "", nil); err != nil {
		t.Fatal(err)
	}
	without := system(t, other)
	err = ask(apps.ByKernel, "", func() { b.Set(without) })
	refusal(t, "a match", err, session.Unrecognised, stranger, seeWhy)
}
