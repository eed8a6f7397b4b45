package apps_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

// ports are apps with a port of their own, owner and builder, which one user matches,
// and others without: agent, which is an executable of that user's, and a unit.
func ports(exe string) string {
	text := ""
	for i, app := range []string{"owner", "builder"} {
		text += fmt.Sprintf("[[endpoints.imds]]\nlisten = \"127.0.0.1:%d\"\napp = %q\n", 9254+i, app)
	}
	return text + "[[endpoints.imds]]\nlisten = \"127.0.0.1:9253\"\n" +
		"[apps.owner]\nprofiles = [\"one\"]\nmatch = {user = \"#4001\"}\nimdsv1 = true\n" +
		"[apps.builder]\nprofiles = [\"two\"]\nmatch = {group = \"#5001\"}\n" +
		"[apps.agent]\nprofiles = [\"three\"]\nmatch = {user = \"#4001\", exe = \"" + exe + "\"}\n" +
		"[apps.unit]\nprofiles = [\"three\"]\nmatch = {unit = \"web.service\"}\n" +
		"[apps.both]\nprofiles = [\"three\"]\nmatch = {user = \"#4009\"}\nrequire = \"both\"\n"
}

// askAt asks at the port of an app, or at everybody's if it is empty.
func (b book) askAt(port string, p *program, memo *apps.Memo) (apps.Grant, error) {
	return b.Decide(apps.Request{Route: apps.ByKernel, App: port, Caller: p.caller(), Memo: memo, Now: b.now})
}

// A port of an app's own chooses among the apps that match, and lets nobody in.
func TestPortsOfAnAppsOwn(t *testing.T) {
	exe, agent := self(t, 4001)
	shell := peer.Process{PID: 2, UID: 4001, Exe: "/bin/sh"}
	b := openSystem(t, "", ports(exe))
	const two = "caller: more than one app matches it"
	user := &program{uid: 4001, cgroup: "/x.slice/a.service", processes: []peer.Process{shell}}
	for _, row := range []struct {
		name, port string
		p          *program
		app        string // "" if refused
		class      session.Class
		public     string
		near       string
	}{
		{"the owner's programs at the owner's port", "owner", user, "owner", 0, "", ""},
		{"the same at the builder's, which they match as well", "builder", user, "builder", 0, "", ""},
		{"the same at everybody's", "", user, "", session.Refused, two, `apps "builder" and "owner" both match it`},
		{"the agent's executable, at the owner's port", "owner", &program{uid: 4001, cgroup: "/x", processes: []peer.Process{agent}}, "",
			session.Refused, two, `apps "agent" and "owner" both match it`},
		{"the agent's executable, at the builder's", "builder", &program{uid: 4001, cgroup: "/x", processes: []peer.Process{agent}}, "",
			session.Refused, two, `apps "agent" and "builder" both match it`},
		{"the agent's executable, and nobody can look", "owner", &program{uid: 4001, cgroup: "/x", slow: fmt.Errorf("x: %w", peer.ErrBusy)}, "",
			session.Limited, "caller: too many of its connections have to be looked into", `app "agent": "x: too much asked at once"`},
		{"the unit of the owner's user, at the owner's port", "owner", &program{uid: 4001, cgroup: "/system.slice/web.service", processes: []peer.Process{shell}}, "",
			session.Refused, two, `apps "owner" and "unit" both match it`},
		{"another app's programs at the owner's port", "owner", &program{uid: 4002, cgroup: "/system.slice/web.service"}, "",
			session.Unrecognised, stranger, `app "unit": it matches, and asks at the port of app "owner"`},
		{"the same at everybody's", "", &program{uid: 4002, cgroup: "/system.slice/web.service"}, "unit", 0, "", ""},
		{"a stranger at the owner's port", "owner", &program{uid: 4002, cgroup: "/x"}, "",
			session.Unrecognised, stranger, `app "owner": its user is #4002, not "#4001"`},
		{"root at the owner's port", "owner", &program{cgroup: "/x"}, "", session.Unrecognised, stranger, `app "owner": its user is #0, not "#4001"`},
		{"who needs a token, at the owner's port", "owner", &program{uid: 4009, cgroup: "/x"}, "",
			session.Unrecognised, stranger, `app "both": it matches, and has to show a token as well`},
		{"a member of the builder's group alone, at the owner's port", "owner", &program{uid: 4003, cgroup: "/x"}, "",
			session.Unrecognised, stranger, `app "owner": its user is #4003, not "#4001"`},
		{"anybody, at the port of an app that there is not", "gone", user, "",
			session.Unrecognised, stranger, `app "gone": this port is its own, and the kernel alone does not recognise it any more`},
		{"the unit, at that port", "gone", &program{uid: 4002, cgroup: "/system.slice/web.service"}, "",
			session.Unrecognised, stranger, `app "unit": it matches, and asks at the port of app "gone"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, err := b.askAt(row.port, row.p, nil)
			if row.app == "" {
				if g.Near != row.near || g.Session != (session.Key{}) || g.App != "" {
					t.Errorf("Decide: got %+v, want no grant, near %s", g, row.near)
				}
				hint := map[session.Class]string{session.Limited: "use one SDK client: it keeps its connection; or try again in a second"}[row.class]
				if hint == "" {
					hint = seeWhy
				}
				refusal(t, "Decide", err, row.class, row.public, hint)
				return
			}
			if err != nil || g.App != row.app || g.Session == (session.Key{}) || g.MetadataV1 != (row.app == "owner") {
				t.Errorf("Decide: got %+v, %v, want %s's grant", g, err, row.app)
			}
		})
	}
}

// A connection is remembered for the port that it is of: what one opens is not what
// another does.
func TestAMemoIsOfOnePort(t *testing.T) {
	b := openSystem(t, "", strings.ReplaceAll(ports("/no/such"), "exe = \"/no/such\"", "cgroup = \"/agents\""))
	p, memo := &program{uid: 4001, cgroup: "/x"}, new(apps.Memo)
	c := p.caller()
	for _, port := range []string{"owner", "builder", "", "owner", "gone", "builder"} {
		g, err := b.Decide(apps.Request{Route: apps.ByKernel, App: port, Caller: c, Memo: memo, Now: b.now})
		if want := strings.TrimPrefix(port, "gone"); g.App != want || (err == nil) != (want != "") {
			t.Errorf("Decide at the port of %q: got %+v, %v", port, g, err)
		}
	}
}

// A reload in which an app loses its port, its match, or another one gets a port,
// holds at once for ports that stay open until the next start.
func TestPortsOverAReload(t *testing.T) {
	text := ports("/no/such/agent")
	b := openSystem(t, "", text)
	p := &program{uid: 4001, cgroup: "/x", processes: []peer.Process{{PID: 1, UID: 4001, Exe: "/bin/sh"}}}
	if g, err := b.askAt("owner", p, nil); err != nil || g.App != "owner" {
		t.Fatalf("Decide: got %+v, %v, want owner's grant", g, err)
	}
	b.Set(system(t, strings.Replace(text, "app = \"builder\"\n", "", 1)))
	if g, err := b.askAt("owner", p, nil); err == nil {
		t.Errorf("Decide after builder has lost its port: got %+v, want a refusal", g)
	}
	b.Set(system(t, strings.Replace(text, "app = \"owner\"\n", "", 1)))
	if g, err := b.askAt("owner", p, nil); err == nil {
		t.Errorf("Decide at owner's port after owner has lost it, and builder matches as well: got %+v, want a refusal", g)
	}
	if g, err := b.askAt("builder", p, nil); err == nil {
		t.Errorf("Decide at builder's port meanwhile: got %+v, want a refusal", g)
	}
	b.Set(system(t, strings.Replace(strings.Replace(text, "app = \"owner\"\n", "", 1), "match = {user = \"#4001\"}\nimdsv1 = true", "match = {user = \"#4001\"}\nrequire = \"both\"", 1)))
	g, err := b.askAt("owner", p, nil)
	if err == nil || g.Session != (session.Key{}) {
		t.Errorf("Decide after owner needs a token: got %+v, %v, want a refusal", g, err)
	}
}

// A token is of one app, and its port answers no other's.
func TestTokensAtPorts(t *testing.T) {
	b := openSystem(t, "", "[apps.a]\nprofiles = [\"one\"]\n[apps.b]\nprofiles = [\"one\"]\n")
	secret := b.issue("a", "u4001", func(t *apps.Token) { t.UID = 4001 })
	c := (&program{uid: 4001}).caller()
	if g, err := b.Decide(apps.Request{Route: apps.ByToken, App: "a", Token: secret, Caller: c, Now: b.now}); err != nil || g.App != "a" {
		t.Errorf("Decide: got %+v, %v, want a's grant", g, err)
	}
	_, err := b.Decide(apps.Request{Route: apps.ByToken, App: "b", Token: secret, Caller: c, Now: b.now})
	refusal(t, "at another app's port", err, session.Unrecognised, "token: not of the app whose port this is", seeWhy)
}

// A user database that fails refuses for the moment, at a port as elsewhere; and what
// another app's rule needs of it keeps nobody waiting there.
func TestPortsAndAUserDatabaseThatFails(t *testing.T) {
	b := openSystem(t, "", "[[endpoints.imds]]\nlisten = \"127.0.0.1:9254\"\napp = \"members\"\n[[endpoints.imds]]\nlisten = \"127.0.0.1:9255\"\napp = \"mine\"\n"+
		"[apps.members]\nprofiles = [\"one\"]\nmatch = {group = \"all\"}\n[apps.mine]\nprofiles = [\"two\"]\nmatch = {user = \"#4999\"}\n")
	p := &program{uid: 4999, cgroup: "/x"}
	if g, err := b.askAt("mine", p, nil); err != nil || g.App != "mine" {
		t.Errorf("Decide at mine: got %+v, %v, want its grant", g, err)
	}
	_, err := b.askAt("members", p, nil)
	refusal(t, "at members", err, session.Retry, "caller: its name and groups are not known now", "ask again: the user database did not answer")
	p.gone = errors.New("gone")
	_, err = b.askAt("mine", p, nil)
	refusal(t, "closed meanwhile", err, session.Unrecognised, "caller: gone, or not the one who asked", "ask again, over a new connection")
}

// A role's name stays good for what the app uses now: clients such as s3fs keep the one
// that they began with. It opens nothing besides, and at no other path.
func TestARoleKeepsItsName(t *testing.T) {
	const text = "[apps.plain]\nprofiles = [\"one\", \"two\"]\nmatch = {user = \"#4001\"}\n" +
		"[apps.choosy]\nprofiles = [\"one\", \"two\"]\nmatch = {user = \"#4002\"}\nselect = true\n"
	b := openSystem(t, "", text)
	for _, row := range []struct {
		name    string
		uid     uint32
		role    bool
		profile string
		want    string // "" if refused
	}{
		{"another of the list, as a role", 4001, true, "two", "one"},
		{"the one in use, as a role", 4001, true, "one", "one"},
		{"one that is not in the list, as a role", 4001, true, "three", ""},
		{"one that there is not, as a role", 4001, true, "none", ""},
		{"another of the list, by its path", 4001, false, "two", ""},
		{"another of the list, which select chooses", 4002, true, "two", "two"},
		{"one that is not in the list, with select", 4002, true, "three", ""},
	} {
		p := &program{uid: row.uid, cgroup: "/x.slice/a.service"}
		g, err := b.Decide(apps.Request{Route: apps.ByKernel, Role: row.role, Profile: row.profile, Caller: p.caller(), Now: b.now})
		if granted := err == nil; granted != (row.want != "") || granted && g.Profile != row.want {
			t.Errorf("%s: Decide: got %q, %v, want %q", row.name, g.Profile, err, row.want)
		}
	}
}
