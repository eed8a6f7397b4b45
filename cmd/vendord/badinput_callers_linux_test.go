package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// callers is the stage's vendord.toml with more apps.
func (s *inputStage) callers(more string) { s.write("vendord.toml", s.config("", "")+more) }

// TestCallersRefusedAtLoad: what nobody, or everybody, could match is refused by a
// reload, in words, and what was loaded before goes on as it was.
func TestCallersRefusedAtLoad(t *testing.T) {
	sandbox(t)
	s := setInputStage(t, badInput{name: "callers at load"})
	var sdk chain
	if _, err := sdk.patiently(s, "bad-app"); err != nil {
		t.Fatal(err)
	}
	const app = "[apps.more]\nprofiles = [\"fine\"]\n"
	for _, row := range []struct{ name, more, key, problem, hint string }{
		{"an empty match", app + "match = {}", "apps.more.match", "empty: every program would match", `write match = { user = "…" }`},
		{"an empty value", app + `match = { user = "" }`, "apps.more.match.user", "empty", "write what is to be matched, or remove the key"},
		{"nobody", app + `match = { user = "nobody" }`, "apps.more.match.user", "nobody cannot be recognised: everybody of another user namespace looks the same", ""},
		{"no number", app + `match = { user = "#-1" }`, "apps.more.match.user", `"#-1" is no number of a user`, `write "#1234", or a name`},
		{"no unit", app + `match = { unit = "nightly" }`, "apps.more.match.unit", `"nightly" is not the name of a unit`, ""},
		{"all units", app + `match = { unit = "*.service" }`, "apps.more.match.unit", "only the instances of a template can be meant by *", ""},
		{"part of a container's id", app + `match = { container = "0123456789ab" }`, "apps.more.match.container", "is not the id of a container: 64 hexadecimal digits", ""},
		{"a contradiction", app + `match = { unit = "a.service", container = "` + strings.Repeat("a", 64) + `", cgroup = "/b" }`, "apps.more.match.", "nobody would match", "keep one of them"},
		{"both without a match", app + `require = "both"`, "apps.more.require", "there is no match", ""},
		{"this machine's own network", app + `from = ["127.0.0.0/8"]`, "apps.more.from[0]", "127.0.0.0/8 has loopback addresses", "callers on this machine have a user"},
		{"every network", app + `from = ["0.0.0.0/0"]`, "apps.more.from[0]", "is every address", "unidentified = true"},
		{"no app's profile", "[profiles.admin]\nextends = \"fine\"\nprotected = true\n" + app + "[apps.other]\nprofiles = [\"admin\"]", "apps.other.profiles[0]", `profile "admin" is protected`, ""},
		{"a record without a place", "[audit]\nrequired = true", "audit.required", "there is nothing to record to", `write file = "…"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.callers(row.more)
			_, err := s.client.Reload(t.Context())
			if s.told(err); err == nil || !strings.Contains(err.Error(), ": "+row.key) || !strings.Contains(err.Error(), row.problem) || !strings.Contains(hintOf(err), row.hint) {
				t.Errorf("Reload: got %v, hint %q, want %s: …%s…, hint with %q", err, hintOf(err), row.key, row.problem, row.hint)
			}
			if status, _ := s.get("bad-app"); status != http.StatusOK {
				t.Errorf("GET: got HTTP %d, want what was loaded before", status)
			}
		})
	}
	s.search()
}

// TestCallersWhoDoNotExist: one userdel stops that user's programs, and nobody
// else's; the owner is told when it is loaded, and by why.
func TestCallersWhoDoNotExist(t *testing.T) {
	sandbox(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := setInputStage(t, badInput{name: "callers who do not exist"})
	for _, row := range []struct{ name, match, says, near string }{
		{"user", `user = "no-such-user"`, `apps.more.match.user: there is no user "no-such-user": nobody matches`, `"no-such-user"`},
		{"group", `group = "no-such-group"`, `apps.more.match.group: there is no group "no-such-group": nobody matches`, `"no-such-group"`},
		{"unit", `unit = "no-such.service", user = "` + me.Username + `"`, "", `"no-such.service"`},
		{"executable", `exe = "/no/such/program", user = "` + me.Username + `"`, "apps.more.match.exe: /no/such/program: no such file: nobody matches", `not "/no/such/program"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.callers("[apps.more]\nprofiles = [\"fine\"]\nmatch = { " + row.match + " }\n")
			lines, err := s.client.Reload(t.Context())
			if said := strings.Join(lines, "\n"); err != nil || !strings.Contains(said, row.says) {
				t.Fatalf("Reload: got %q, %v, want %q", said, err, row.says)
			}
			status, d := s.process()
			why, err := s.client.Why(t.Context(), "", 1)
			for range 100 { // a child that another test starts has all files of ours, until it becomes its program
				if err != nil || len(why) != 1 || !strings.Contains(why[0].Near, "its connection too") {
					break
				}
				status, d = s.process()
				why, err = s.client.Why(t.Context(), "", 1)
			}
			if want := `caller: not recognised; hint: whoever runs vendord sees with "vendord why" what was missing`; status != http.StatusUnauthorized || d.Message != want {
				t.Errorf("GET: got HTTP %d %q, want 401 %q", status, d.Message, want)
			}
			if err != nil || len(why) != 1 || !strings.Contains(why[0].Near, row.near) {
				t.Errorf("why: got %+v, %v, want near %q", why, err, row.near)
			} else {
				t.Log(why[0].Near)
			}
			if status, _ := s.get("bad-app"); status != http.StatusOK {
				t.Errorf("GET by token: got HTTP %d, want 200, as before", status)
			}
		})
	}
}

// process asks where the kernel recognises.
func (s *inputStage) process() (status int, d answerDocument) {
	response, err := http.Get(strings.Replace(s.url, "/v1/", "/v1/process/", 1))
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&d); err != nil {
		s.Error(err)
	}
	return response.StatusCode, d
}

// TestTokensOfAVanishedApp: they get a reason, never another app's profile, and are
// good again when it is back.
func TestTokensOfAVanishedApp(t *testing.T) {
	sandbox(t)
	s := setInputStage(t, badInput{name: "vanished"})
	var sdk chain
	first, err := sdk.patiently(s, "bad-app")
	if err != nil {
		t.Fatal(err)
	}
	whole := s.config("", "")
	without, _, _ := strings.Cut(whole, "[apps.bad-app]")
	s.write("vendord.toml", without)
	lines, err := s.client.Reload(t.Context())
	if want := `app "bad-app" is gone, its programs get 403`; err != nil || !strings.Contains(strings.Join(lines, "\n"), want) {
		t.Errorf("Reload: got %q, %v, want %q", lines, err, want)
	}
	want := `ProfileRefused: app "bad-app": gone from the configuration; hint: put it back and run vendord reload`
	if _, err := sdk.program(s, "bad-app"); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("SDK: got %v, want %q", err, want)
	}
	s.write("vendord.toml", whole)
	s.reload()
	if again, err := sdk.patiently(s, "bad-app"); err != nil || again == first {
		t.Errorf("SDK, when it is back: got %q, %v, want a session, and not that which was dropped", again, err)
	}
	s.search()
}

// TestStateFileDamaged: a daemon starts with all of its tokens or not at all, says
// what to do, and leaves the file alone.
func TestStateFileDamaged(t *testing.T) {
	sandbox(t)
	s := setInputStage(t, badInput{name: "state"})
	whole, err := os.ReadFile(filepath.Join(s.dir, "state", "tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	const again = "move it away; its tokens have to be issued again"
	for name, row := range map[string]struct{ text, problem, hint string }{
		"empty":             {"", "damaged: unexpected end of JSON input", again},
		"cut in the middle": {string(whole[:len(whole)/2]), "damaged: unexpected end of JSON input", again},
		"cut by a byte":     {string(whole[:len(whole)-1]), "damaged: unexpected end of JSON input", again},
		"zeroes":            {strings.Repeat("\x00", len(whole)), `damaged: invalid character '\x00' looking for beginning of value`, again},
		"another's token":   {strings.Replace(string(whole), `"bad-app"`, `"cli"`, 1), "damaged: ", again},
		"version 5":         {strings.Replace(string(whole), `"version": 3`, `"version": 5`, 1), "version 5: written by a newer vendord", "start that one, or move the file away and issue its tokens again"},
		"version 1":         {strings.Replace(string(whole), `"version": 3`, `"version": 1`, 1), "version 1: written by an older vendord, whose tokens were good for any user", "move it away, and issue its tokens again"},
	} {
		t.Run(name, func(t *testing.T) {
			o := s.daemon.options
			o.state = filepath.Join(s.dir, "state-"+strings.ReplaceAll(name, " ", "-"))
			path := filepath.Join(o.state, "tokens.json")
			if err := os.Mkdir(o.state, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			d, err := newDaemon(o)
			if err == nil {
				d.Close()
			}
			if want := "file " + path + ": " + row.problem; err == nil || !strings.HasPrefix(err.Error(), want) || hintOf(err) != row.hint {
				t.Errorf("newDaemon: got %v, hint %q, want %s, hint %q", err, hintOf(err), want, row.hint)
			}
			if text, err := os.ReadFile(path); err != nil || string(text) != row.text {
				t.Errorf("the file: got %d bytes, %v, want it left alone", len(text), err)
			}
		})
	}
}
