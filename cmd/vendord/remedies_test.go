package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/profiles"
)

// somebody is refused: another user's program, of a unit.
func somebody(message string, change ...func(*audit.Event)) audit.Event {
	e := audit.Event{Message: message, UID: "1001", User: "jane", PID: 7, Exe: "/usr/bin/aws", Status: 401}
	for _, f := range change {
		f(&e)
	}
	return e
}

func app(name string) func(*audit.Event) { return func(e *audit.Event) { e.App = name } }

func sentTo(endpoint, path string) func(*audit.Event) {
	return func(e *audit.Event) { e.Endpoint, e.Path = endpoint, path }
}

// fixes is a configuration in which each kind of app is there.
func fixes(system bool) remedies {
	return remedies{system: system, own: 1000, login: func(audit.Event) string { return "vendord login me" }, config: &profiles.Config{
		Endpoints: []profiles.Endpoint{{Kind: profiles.IMDS, App: "both", Listen: netip.MustParseAddrPort("127.0.0.1:9254")},
			{Kind: profiles.IMDS, App: "unit", Listen: netip.MustParseAddrPort("127.0.0.1:9255")}},
		Profiles: map[string]profiles.Profile{"read": {Name: "read", Policy: `{"Version":"2012-10-17","Statement":[]}`}, "write": {Name: "write"},
			"other": {Name: "other"}, "admin": {Name: "admin", Protected: true}},
		Apps: map[string]profiles.App{
			"agent":  {Name: "agent", Profiles: []string{"read", "write"}},
			"bridge": {Name: "bridge", Profiles: []string{"read"}, From: []netip.Prefix{netip.MustParsePrefix("172.18.0.0/16")}},
			"both":   {Name: "both", Profiles: []string{"read"}, Both: true, Match: profiles.Match{User: "svc", UID: 999, Known: true}},
			"unit":   {Name: "unit", Profiles: []string{"read"}, Match: profiles.Match{User: "svc", UID: 999, Known: true, Unit: "svc.service"}},
		}}}
}

func TestRemedies(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	const notRecognised = "caller: not recognised"
	const newApp = "have an app for it, with the profile that it is to have, and: vendord reload\n"
	const notHere = "caller: its user is not known here, and the token is one user's"
	const relay = "it may be a relay (docker-proxy, ssh -L): then whoever reaches it is let in too. Best run it as another user; else "
	roots := func(e *audit.Event) { e.UID, e.User = "0", "root" }
	unknown := func(e *audit.Event) { e.User, e.UID, e.PID, e.Exe, e.From = "", "", 0, "", "172.19.0.2" }
	for _, test := range []struct {
		name string
		e    audit.Event
		user bool // user mode
		want string
	}{
		{"no app matches: a user", somebody(notRecognised), false, newApp + "[apps.jane]\nprofiles = [\"PROFILE\"]\nmatch = { user = \"jane\" }\n"},
		{"no app matches: root, or who came through a relay of root's", somebody(notRecognised, roots), false,
			relay + newApp + "[apps.root]\nprofiles = [\"PROFILE\"]\nmatch = { user = \"root\" }\n"},
		{"the token's app does not match root", somebody("caller: the token's app does not recognise it", app("agent"), roots), false,
			relay + "if that is the program that is meant, have the app match it, and: vendord reload\n[apps.agent]\nmatch = { user = \"root\" }\n"},
		{"no app matches: a container in a unit", somebody(notRecognised, func(e *audit.Event) { e.Unit, e.Container = "web.service", strings.Repeat("a", 64) }), false,
			newApp + "[apps.container-aaaaaaaaaaaa]\nprofiles = [\"PROFILE\"]\nmatch = { user = \"jane\", unit = \"web.service\", container = \"" + strings.Repeat("a", 64) + "\" }\n"},
		{"no app matches: a unit of the user's own, named like the system's", somebody(notRecognised, func(e *audit.Event) { e.Unit = "user@1000.service/web.service" }), false,
			newApp + "[apps.jane]\nprofiles = [\"PROFILE\"]\nmatch = { user = \"jane\" }\n"},
		{"no app matches: a unit", somebody(notRecognised, func(e *audit.Event) { e.Unit = "sync@1.service" }), false,
			newApp + "[apps.sync-1]\nprofiles = [\"PROFILE\"]\nmatch = { user = \"jane\", unit = \"sync@1.service\" }\n"},
		{"no app matches: a user's shell", somebody(notRecognised, func(e *audit.Event) { e.Unit = "session-3.scope" }), false,
			newApp + "[apps.jane]\nprofiles = [\"PROFILE\"]\nmatch = { user = \"jane\" }\n"},
		{"no app matches: a user's manager", somebody(notRecognised, func(e *audit.Event) { e.Unit = "user@1001.service" }), false,
			newApp + "[apps.jane]\nprofiles = [\"PROFILE\"]\nmatch = { user = \"jane\" }\n"},
		{"no app matches: a container", somebody(notRecognised, func(e *audit.Event) { e.Container, e.Unit = id, "docker.service" }), false,
			newApp + "[apps.container-0123456789ab]\nprofiles = [\"PROFILE\"]\nmatch = { user = \"jane\", unit = \"docker.service\", container = \"" + id + "\" }\n"},
		{"no app matches: one's own", somebody(notRecognised, func(e *audit.Event) { e.UID = "1000" }), true,
			newApp + "[apps.aws]\nprofiles = [\"PROFILE\"]\nmatch = { exe = \"/usr/bin/aws\" }\n"},
		{"no app matches: a name that is taken, and odd", somebody(notRecognised, func(e *audit.Event) { e.User = `ACME\agent` }), false,
			newApp + "[apps.ACME-agent]\nprofiles = [\"PROFILE\"]\nmatch = { user = \"ACME\\\\agent\" }\n"},
		{"no app matches: a name that is taken", somebody(notRecognised, func(e *audit.Event) { e.User = "agent" }), false,
			newApp + "[apps.agent-2]\nprofiles = [\"PROFILE\"]\nmatch = { user = \"agent\" }\n"},
		{"no app matches: nobody is known", somebody(notRecognised, unknown), false, ""},
		{"the token's app does not match", somebody("caller: the token's app does not recognise it", app("agent")), false,
			"if that is the program that is meant, have the app match it, and: vendord reload\n[apps.agent]\nmatch = { user = \"jane\" }\n"},
		{"two apps match", somebody("caller: more than one app matches it", func(e *audit.Event) { e.Near = `apps "a" and "b" both match it` }), false,
			"add a key to the match of one that the other's programs do not have, or remove one: apps \"a\" and \"b\" both match it\n"},
		{"two apps match, each with a port of its own", somebody("caller: more than one app matches it", func(e *audit.Event) { e.Near = `apps "both" and "unit" both match it` }), false,
			"have it ask at its own app's port, by AWS_EC2_METADATA_SERVICE_ENDPOINT: http://127.0.0.1:9254 of app both, http://127.0.0.1:9255 of app unit\n"},
		{"no user here", somebody(notHere, unknown, app("agent")), false,
			"let tokens of no user come from there, vendord reload, and then: vendord token issue agent\n[apps.agent]\nfrom = [\"172.19.0.2/32\"]\n"},
		{"no user here, another network", somebody("caller: the token's app is not for callers from there", unknown, app("bridge")), false,
			"let tokens of no user come from there, vendord reload, and then: vendord token issue bridge\n[apps.bridge]\nfrom = [\"172.18.0.0/16\", \"172.19.0.2/32\"]\n"},
		{"no user here, and on this machine", somebody(notHere, unknown, app("agent"), func(e *audit.Event) { e.From = "127.0.0.1" }), false, ""},
		{"another user's token", somebody("token: of another user", app("agent")), false,
			"issue a token, for the program to present\nvendord token issue agent --user jane\n"},
		{"another user's token, of an odd name", somebody("token: of another user", app("agent"), func(e *audit.Event) { e.User = "o'neil $(id)" }), false,
			"issue a token, for the program to present\nvendord token issue agent --user 'o'\\''neil $(id)'\n"},
		{"another user's command", somebody("token: of another user", app("cli")), false, ""},
		{"nobody's token in a user's hands", somebody("token: of no user, and the caller's is known here", app("bridge")), false,
			"issue a token, for the program to present\nvendord token issue bridge --user jane\n"},
		{"another user's token in root's hands, or a relay's", somebody("token: of another user", app("agent"), roots), false,
			relay + "issue a token, for the program to present\nvendord token issue agent --user root\n"},
		{"another user's token, of an app that is that user's alone", somebody("token: of another user", app("both")), false,
			"run it as user svc, whom [apps.both] match is of\n"},
		{"no app matches but one that needs a token too", somebody(notRecognised, func(e *audit.Event) {
			e.User, e.Near = "svc", `app "both": it matches, and has to show a token as well`
		}), false, "issue it a token, to show at /v1/credentials\nvendord token issue both --user svc\n"},
		{"its own token, expired, is root's", somebody("token: expired 2026-11-21 12:00:00 UTC", app("agent"), roots), false,
			"issue a token, for the program to present\nvendord token issue agent --user root\n"},
		{"expired", somebody("token: expired 2026-11-21 12:00:00 UTC"), false,
			"issue a token for the app that it is: vendord token issue APP --user jane\n"},
		{"unknown token", somebody("token: not recognised"), false, "issue a token for the app that it is: vendord token issue APP --user jane\n"},
		{"no token, of a program that the kernel recognises", somebody("token: none was sent", func(e *audit.Event) { e.UID, e.User, e.Unit = "999", "svc", "svc.service" }), false,
			"if it is app \"unit\", which the kernel recognises: have it ask /v1/process/credentials\n"},
		{"no token, of another unit of such a user's", somebody("token: none was sent", func(e *audit.Event) { e.UID, e.User, e.Unit = "999", "svc", "x.service" }), false,
			"issue a token for the app that it is: vendord token issue APP --user svc\n"},
		{"no token", somebody("token: none was sent"), false, "issue a token for the app that it is: vendord token issue APP --user jane\n"},
		{"an unknown id", somebody("id: not recognised"), false, "issue an id for the app that it is: vendord token issue APP --path --user jane\n"},
		{"an expired id", somebody("id: expired 2026-11-21 12:00:00 UTC", app("agent")), false,
			"issue an id, for the path that the program asks for\nvendord token issue agent --path --user jane\n"},
		{"an id in a header", somebody("token: an id for a path, and good for nothing in a header", app("agent"), unknown), false,
			"issue an id, for the path that the program asks for\nvendord token issue agent --path\n"},
		{"a token beside an id", somebody("token: not for this path, whose id says who you are"), false,
			"take the token from the program, which has an id in its path\nunset AWS_CONTAINER_AUTHORIZATION_TOKEN AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\n"},
		{"no session token, and known", somebody("session token: missing", app("unit")), false,
			"if its SDK cannot be a newer one, let it ask without a session token, and: vendord reload\n[apps.unit]\nimdsv1 = true\n"},
		{"the metadata service, for vendord's own address", somebody("session token: missing", app("unit"), sentTo("imds", "/v1/credentials")), false,
			"it asks the metadata service for what is at vendord's own address: see \"asked at\" of vendord status, and set AWS_CONTAINER_CREDENTIALS_FULL_URI to that\n"},
		{"vendord's own address, for the metadata service", somebody("method: only GET is answered", sentTo("loopback", "/latest/api/token")), false,
			"it takes this address for EC2's metadata service: set AWS_EC2_METADATA_SERVICE_ENDPOINT to http://127.0.0.1:9254 (app both) or http://127.0.0.1:9255 (app unit)\n"},
		{"the metadata service, where nothing is", somebody("path: nothing is here", sentTo("imds", "/latest/user-data")), false, ""},
		{"another method", somebody("method: only GET is answered", sentTo("loopback", "/v1/credentials")), false, ""},
		{"no session token, and unknown", somebody("session token: missing"), false, ""},
		{"at another app's port", somebody(notRecognised, func(e *audit.Event) { e.Near = `app "unit": it matches, and asks at the port of app "both"` }), false,
			"it is app \"unit\": have it ask at an address that is not app \"both\"'s own\n"},
		{"damaged", somebody("token: damaged, its checksum does not match"), false,
			"have it written where the program reads it, and not copied: vendord token issue APP --user jane --file PATH\n"},
		{"not ours", somebody("token: not one of vendord's", app("agent")), false,
			"have it written where the program reads it, and not copied: vendord token issue agent --user jane --file PATH\n"},
		{"a token where none is", somebody("token: not for this path, which needs none"), false,
			"take the token from the program, which the kernel recognises there\nunset AWS_CONTAINER_AUTHORIZATION_TOKEN AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\n"},
		{"another profile of the list, a wider one", somebody(`profile "write": not the one this token has now`, app("agent")), false,
			"have the app use it for an hour\nvendord use write --app agent --for 1h\n"},
		{"the first of the list", somebody(`profile "read": not the one this app has now`, app("agent")), false,
			"have the app use it\nvendord use read --app agent\n"},
		{"a profile that is not in the list", somebody(`profile "other": not one of this app's`, app("agent")), false,
			"allow it, vendord reload, and then: vendord use other --app agent\n[apps.agent]\nprofiles = [\"read\", \"write\", \"other\"]\n"},
		{"a protected profile", somebody(`profile "admin": not the one this token has now`, app("agent")), false, ""},
		{"a profile that is not there", somebody(`profile "nope": not the one this token has now`, app("agent")), false, ""},
		{"no right any more", somebody(`app "agent": user "jane" has no right to it any more`, app("agent")), false,
			"issue a token, for the program to present\nvendord token issue agent --user jane\n"},
		{"no right to a profile any more", somebody(`profile "read": user "jane" has no right to it any more`, app("cli"), func(e *audit.Event) { e.Profile = "read" }), false,
			"start it again, as the user that it runs as\nvendord exec read -- COMMAND\n"},
		{"a profile that is gone", somebody(`app "agent": its profile "old" is gone from the configuration`, app("agent")), false,
			"have the app use the first of its list\nvendord use --app agent --back\n"},
		{"protected by now", somebody(`profile "admin": protected, only a command under vendord exec gets it`, app("cli")), false,
			"run a command with it\nvendord exec admin -- COMMAND\n"},
		{"too fast", somebody(`app "agent": more than 5000 requests a second`, app("agent")), false,
			"if the program cannot keep what it is given, allow it more, and: vendord reload\n[daemon]\nrequests_per_second = 10000\n"},
		{"locked", somebody("vendord is locked", app("agent"), func(e *audit.Event) { e.Code = "LoginNeeded" }), false, "let vendord vend again\nvendord unlock\n"},
		{"a login", somebody(`source "me": nobody is signed in`, app("agent"), func(e *audit.Event) { e.Code = "LoginNeeded" }), false, "sign in\nvendord login me\n"},
		{"what AWS denies", somebody("role x: AWS denies sts:AssumeRole", app("agent"), func(e *audit.Event) { e.Code = "DeniedByAWS" }), false, ""},
		{"refused too often", somebody("caller: refused too often lately"), false, ""},
		{"gone", somebody("caller: gone, or not the one who asked"), false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if fix := fixes(!test.user).of(test.e); fix != nil {
				got = fix.Does + "\n" + fix.TOML + fix.Command
				if fix.Command != "" {
					got += "\n"
				}
			}
			if got != test.want {
				t.Errorf("remedy:\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

// Where there is only one app of tokens, or one profile, it is the one that is
// meant.
func TestTheOnlyOneIsMeant(t *testing.T) {
	r := fixes(true)
	delete(r.config.Apps, "bridge")
	delete(r.config.Apps, "both")
	if fix := r.of(somebody("token: none was sent")); fix == nil || fix.Command != "vendord token issue agent --user jane" {
		t.Errorf("one app of tokens: got %+v, want its token", fix)
	}
	delete(r.config.Profiles, "write")
	delete(r.config.Profiles, "other")
	if fix := r.of(somebody("caller: not recognised")); fix == nil || !strings.Contains(fix.TOML, `profiles = ["read"]`) {
		t.Errorf("one profile: got %+v, want it", fix)
	}
}

// What is to be pasted is a configuration that can be read, whatever a program
// calls itself.
func FuzzMatchOf(f *testing.F) {
	f.Add("jane", "a.service", "/usr/bin/aws", "", "1001")
	f.Add("a\"b\\c\n]", "x\x1b[2J.service", "/tmp/\u202e", "cc", "1000")
	f.Fuzz(func(t *testing.T, user, unit, exe, container, uid string) {
		e := audit.Event{Message: "caller: not recognised", User: user, Unit: unit, Exe: exe, Container: container, UID: json.Number(uid)}
		for _, system := range []bool{true, false} {
			fix := fixes(system).of(e)
			if fix == nil {
				continue
			}
			lines := strings.Split(strings.TrimSuffix(fix.TOML, "\n"), "\n")
			if len(lines) != 3 || !sourceName.MatchString(strings.TrimSuffix(strings.TrimPrefix(lines[0], "[apps."), "]")) {
				t.Errorf("%+v: got %q, want three lines", e, fix.TOML)
			}
		}
	})
}

// Every message with which apps and server refuse a request is in the table: who
// adds one decides whether something can be done about it.
func TestEveryMessageHasARemedy(t *testing.T) {
	found := 0
	files := []string{"apps/bykernel.go", "apps/bytoken.go", "apps/decide.go", "apps/facts.go", "apps/meter.go", "apps/secret.go", "apps/snapshot.go"}
	ofServer, err := filepath.Glob("../../server/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range ofServer {
		if name := filepath.Base(file); name != "fetch.go" && !strings.HasSuffix(name, "_test.go") { // fetch is a client's side
			files = append(files, "server/"+name)
		}
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), "../../"+file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			var public ast.Expr
			switch n := n.(type) {
			case *ast.CallExpr:
				if name, ok := n.Fun.(*ast.Ident); ok && (name.Name == "refused" || name.Name == "unrecognised") && len(n.Args) == 2 {
					public = n.Args[0]
				}
			case *ast.KeyValueExpr:
				if name, ok := n.Key.(*ast.Ident); ok && name.Name == "Public" {
					public = n.Value
				}
			}
			message := exampleOf(public)
			if message == "" || strings.HasPrefix(message, "listen ") { // that is at the start
				return true
			}
			found++
			for _, one := range remedyTable {
				if one.message.MatchString(message) {
					return true
				}
			}
			t.Errorf("%s: %q is in no line of remedyTable", file, message)
			return true
		})
	}
	if found < 30 {
		t.Errorf("messages: got %d, want all of them: are they written in another way now?", found)
	}
}

// exampleOf returns a message that an expression can be, with x for what is not
// written there, or "".
func exampleOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.BinaryExpr:
		left, right := exampleOf(e.X), exampleOf(e.Y)
		if left == "" {
			return ""
		}
		return left + right + map[bool]string{true: "x"}[right == ""]
	case *ast.CallExpr: // fmt.Sprintf
		if len(e.Args) == 0 {
			return ""
		}
		format := exampleOf(e.Args[0])
		switch format { // whose subject or problem is a variable
		case `%s: user %q has no right to it any more`:
			format = `app "x": user %q has no right to it any more`
		case `profile %.66q: %s`:
			format = `profile "x": not one of this app's`
		}
		return strings.NewReplacer("%q", `"x"`, "%.66q", `"x"`, "%d", "5", "%s", "x").Replace(format)
	}
	return ""
}
