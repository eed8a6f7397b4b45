package apps_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// reopen closes a book and opens its directory again, some time later.
func reopen(t *testing.T, b book, dir string, later time.Duration, list ...string) book {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	now := b.now.Add(later)
	c := &clock{now}
	a, err := apps.Open(apps.Config{Profiles: load(t, file(list...)), StateDir: dir, Now: func() time.Time { return c.now }})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return book{a, c, t}
}

func TestOpenAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "state")
	b := open(t, dir, "uploader=one", "claude=two")
	kept := b.issue("uploader", "john", nil)
	marys := b.issue("claude", "mary", nil)
	cli := b.issue(profiles.CLI, `DESKTOP\Jöhn Doe`, func(x *apps.Token) { x.Profile = "two" })
	asked := b.issue("uploader", "john", func(x *apps.Token) { x.Steer = false })
	short := b.issue("uploader", "ann", func(x *apps.Token) { x.Expires = start.Add(time.Minute) })
	held, token := b.token("uploader", "john")
	if _, err := b.Hold(token); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(b.Tokens(""))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(want), `"held":true`) {
		t.Errorf("Tokens: got %s, want a held one", want)
	}

	b = reopen(t, b, dir, time.Minute, "uploader=one", "claude=two")
	for secret, profile := range map[string]string{kept: "one", marys: "two", cli: "two", asked: "one"} {
		b.granted("after a restart", secret, profile)
	}
	for name, secret := range map[string]string{"expired": short, "held": held} {
		_, err := b.decide(secret)
		refusal(t, name, err, session.Unrecognised, notRecognised, newToken)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("state directory: got %v, %v, want mode 0700", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Join(dir, "tokens.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("token file: got %v, %v, want mode 0600", info.Mode(), err)
	}
	b.issue("claude", "mary", nil)
	text, err := os.ReadFile(filepath.Join(dir, "tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), `"ann"`) || !strings.Contains(string(text), `"john"`) {
		t.Errorf("token file: got %s, want the expired token dropped by the write and the others kept", text)
	}
	for _, secret := range []string{kept, marys, cli, asked, short, held} {
		if strings.Contains(string(text), secret[4:20]) {
			t.Errorf("token file: has a part of a secret in it")
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 {
		t.Errorf("state directory: got %v, want the lock and the tokens", left)
	}
}

// tokenFile returns a state directory with tokens, and its token file's text.
func tokenFile(t *testing.T) (dir, path, text string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b := open(t, dir, "uploader=one")
	b.issue("uploader", "john", func(x *apps.Token) { x.ID = "aaaaaaaa" })
	b.issue(profiles.CLI, "john", func(x *apps.Token) { x.ID, x.Profile = "bbbbbbbb", "one" })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "tokens.json")
	bytes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return dir, path, string(bytes)
}

// try opens a state directory with this text as its token file.
func try(t *testing.T, c *profiles.Config, dir, path, text string) error {
	t.Helper()
	_ = os.Remove(path) // ext4 waits for the disk when a file is emptied and filled again
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := apps.Open(apps.Config{Profiles: c, StateDir: dir, Now: func() time.Time { return start }})
	if err == nil {
		_ = a.Close()
	}
	if after, _ := os.ReadFile(path); string(after) != text {
		t.Errorf("Open: changed the token file")
	}
	return err
}

const moveAway = "move it away; its tokens have to be issued again"

// A file that was cut short, wherever, is never taken for one with fewer
// tokens.
func TestOpenTruncated(t *testing.T) {
	dir, path, text := tokenFile(t)
	c := load(t, file("uploader=one,two"))
	b := open(t, dir, "uploader=one,two")
	b.use("uploader", "two", 0)
	b.use("uploader", "one", time.Hour)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if used, err := os.ReadFile(path); err != nil || len(used) <= len(text) {
		t.Fatalf("token file: got %s, %v, want more than before", used, err)
	} else {
		text = string(used)
	}
	if err := try(t, c, dir, path, text); err != nil {
		t.Fatalf("Open of the whole file: %v", err)
	}
	for n := range len(text) {
		err := try(t, c, dir, path, text[:n])
		e, ok := errors.AsType[*session.Error](err)
		if !ok || !strings.HasPrefix(e.Public, "file "+path+": damaged: ") || e.Hint != moveAway {
			t.Errorf("Open of the first %d bytes: got %v, want damaged", n, err)
		}
	}
}

func TestOpenDamaged(t *testing.T) {
	dir, path, text := tokenFile(t)
	c := load(t, file("uploader=one"))
	// What version 2 wrote is read, and written as version 3 by the next change.
	second := strings.NewReplacer(`"version": 3`, `"version": 2`, "{\n      \"profile\": \"one\"\n    }", `"one"`).Replace(text)
	if err := try(t, c, dir, path, second); err != nil || second == text {
		t.Errorf("Open of version 2: %v", err)
	}
	replace := func(old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("token file: got %s, want %s in it", text, old)
		}
		return strings.Replace(text, old, new, 1)
	}
	const uploader = "\"uploader\": {\n      \"profile\": \"one\"\n    }"
	use := func(more string) string { return replace(uploader, `"uploader": {"profile": "one", `+more+`}`) }
	const unfit = `app "uploader": its current profile does not fit`
	for _, row := range []struct{ name, text, problem string }{
		{"empty after a crash", "", "unexpected end of JSON input"},
		{"cut short", text[:len(text)-1], "unexpected end of JSON input"},
		{"zeros after a crash", strings.Repeat("\x00", 100), `invalid character '\x00' looking for beginning of value`},
		{"text after the end", text + "{}", "invalid character '{' after top-level value"},
		{"no object", `[]`, "cannot unmarshal array into Go value of type struct { Version int }"},
		{"null", `null`, "version 0 was never written"},
		{"no version", `{"tokens":[]}`, "version 0 was never written"},
		{"no tokens", `{"version":2,"current":{}}`, "no tokens, not even none"},
		{"no current profiles", `{"version":2,"tokens":[]}`, "no current profiles, not even none"},
		{"an app's current profile missing", replace(uploader, ""), "token 1: its app has no current profile"},
		{"an app's current profile empty", replace(uploader, `"uploader": {"profile": ""}`), "token 1: its app has no current profile"},
		{"a current profile of another app", replace(uploader, uploader+`, "other": {"profile": "two"}`),
			`app "other" has a current profile and no token`},
		{"a current profile of cli", replace(uploader, uploader+`, "cli": {"profile": "two", "stay": true}`),
			`app "cli" has a current profile and no token`},
		{"a current profile that ends, and nothing after it", use(`"until": "2026-11-21T13:00:00Z"`), "token 1: its app has no current profile"},
		{"one that ends, and does not", use(`"back": "two"`), unfit},
		{"none until a time", replace(uploader, `"uploader": {"profile": "", "until": "2026-11-21T13:00:00Z", "back": "one"}`), unfit},
		{"a choice of nothing", replace(uploader, uploader+`, "other": {"profile": "x", "until": "2026-11-21T13:00:00Z", "stay": true}`),
			`app "other": its current profile does not fit`},
		{"an app without a name", replace(uploader, uploader+`, "": {"profile": "x", "stay": true}`), `app "" has a current profile and no token`},
		{"a time that is none", use(`"until": "soon"`), `parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"`},
		{"version 2 with what came later", strings.Replace(text, `"version": 3`, `"version": 2`, 1),
			"cannot unmarshal object into Go struct field .current of type string"},
		{"a rotation into nothing", replace(`"app": "uploader"`, `"rotated": "x", "app": "uploader"`), "token 1: it cannot have been issued like that"},
		{"a command's, adopted", replace(`"app": "cli"`, `"adopted": true, "app": "cli"`), "token 2: it cannot have been issued like that"},
		{"an id in a path, in a version that had none", replace(`"app": "uploader"`, `"path": true, "app": "uploader"`), "ids in paths, which its version has none of"},
		{"a command's in a path", strings.Replace(replace(`"app": "cli"`, `"path": true, "app": "cli"`), `"version": 3`, `"version": 4`, 1),
			"token 2: it cannot have been issued like that"},
		{"adopted, and in a path", strings.Replace(replace(`"app": "uploader"`, `"path": true, "adopted": true, "app": "uploader"`), `"version": 3`, `"version": 4`, 1),
			"token 1: it cannot have been issued like that"},
		{"an unknown field", replace(`"app"`, `"only_from":"x","app"`), `unknown field "only_from"`},
		{"an id twice", replace("bbbbbbbb", "aaaaaaaa"), "token 2: its id or hash is another's too"},
		{"a bad id", replace("bbbbbbbb", "BBBB"), "token 2: its id is not eight of a-z and 2-7"},
		{"half a hash", replace(`"hash": "`, `"hash": "00`), "token 1: its hash is not 64 hexadecimal digits"},
		{"no hash", replace(`"hash": "`, `"hash": "", "user": "`), "token 1: its hash is not 64 hexadecimal digits"},
		{"a hash of other digits", replace(`"hash": "`, `"hash": "x`), "token 1: its hash is not 64 hexadecimal digits"},
		{"no app", replace(`"app": "uploader"`, `"app": ""`), "token 1: its app and profile do not fit"},
		{"cli without a profile", replace(`"profile": "one",`, ""), "token 2: its app and profile do not fit"},
		{"nobody's, by nobody", replace("\"user\": \"john\",\n      \"profile\": \"one\",\n      \"steer\": true,", `"profile": "one",`), "token 2: its user is not a user's name"},
		{"an escape in a user", replace(`"john"`, `"\u001b[2J"`), "token 1: its user is not a user's name"},
		{"held", replace(`"app"`, `"held": true, "app"`), "token 1: it was held, not stored"},
		{"no end", replace("2026-11-21T13:00:00Z", "0001-01-01T00:00:00Z"), "token 1: its times do not fit"},
		{"an end far away", replace("2026-11-21T13:00:00Z", "9000-01-01T00:00:00Z"), "token 1: its times do not fit"},
		{"no time", replace("2026-11-21T13:00:00Z", "soon"), `parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"`},
	} {
		refusal(t, row.name, try(t, c, dir, path, row.text), session.Configuration, "file "+path+": damaged: "+row.problem, moveAway)
	}
	refusal(t, "an older version", try(t, c, dir, path, `{"version":1,"current":{},"tokens":[]}`), session.Configuration,
		"file "+path+": version 1: written by an older vendord, whose tokens were good for any user", "move it away, and issue its tokens again")
	refusal(t, "a newer version", try(t, c, dir, path, `{"version":5,"tokens":{"a":1}}`), session.Configuration,
		"file "+path+": version 5: written by a newer vendord", "start that one, or move the file away and issue its tokens again")
}

func TestOpenOddFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "tokens.json")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := apps.Open(apps.Config{Profiles: load(t, file("uploader=one")), StateDir: dir})
	refusal(t, "a directory", err, session.Configuration, "file "+path+": not a regular file", "move it away")
}

// FuzzTokensFile gives Open any token file: it opens, and then writes the same
// tokens, or it refuses, and neither takes a second nor panics.
func FuzzTokensFile(f *testing.F) {
	c := load(f, file("uploader=one"))
	f.Add([]byte(`{"version":2,"current":{},"tokens":[]}`))
	f.Add([]byte(`{"version":2,"current":{"uploader":"two"},"tokens":[]}`))
	f.Add([]byte(`{"version":2,"current":{"uploader":"one"},"tokens":[{"id":"aaaaaaaa","app":"uploader","user":"john","uid":1000,"steer":true,"issued":"2026-11-21T12:00:00Z","expires":"2026-11-21T13:00:00Z","hash":"` +
		strings.Repeat("ab", 32) + `"},{"id":"bbbbbbbb","app":"cli","profile":"one","uid":1000,"steer":true,"issued":"2026-11-21T12:00:00.5+01:00","expires":"2026-11-21T13:00:00Z","hash":"` +
		strings.Repeat("cd", 32) + `"}]}`))
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`{"version":3,"current":{"uploader":{"profile":"x","until":"2026-11-21T12:30:00.5+01:00","back":"one","stay":true},"b":{"profile":"y","stay":true},"c":{"profile":"z","until":"9999-12-31T23:59:59-23:00"}},"tokens":[]}`))
	f.Add([]byte(`{"version":3,"current":{"uploader":{"profile":"one","until":"2026-11-21T13:30:00Z"}},"tokens":[]}`))
	f.Add([]byte(`{"version":2,"tokens":[{"hash":"é"}]}`))
	f.Add([]byte(`{"version":4,"current":{"uploader":{"profile":"one"}},"tokens":[{"id":"aaaaaaaa","app":"uploader","user":"john","uid":1000,"path":true,"steer":true,"issued":"2026-11-21T12:00:00Z","expires":"2026-11-21T13:00:00Z","hash":"` +
		strings.Repeat("ab", 32) + `"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "tokens.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		config := apps.Config{Profiles: c, StateDir: dir, Now: func() time.Time { return start }}
		a, err := apps.Open(config)
		if err != nil {
			return
		}
		secret, hash := apps.NewSecret()
		if err := a.Issue(apps.Token{App: "uploader", User: "fuzz", Steer: true, Hash: hash, Expires: start.Add(time.Hour)}); err != nil {
			t.Fatalf("Issue: %v", err)
		}
		before, profile, state := a.Tokens(""), a.Current("uploader"), a.State("uploader")
		_ = a.Close()
		if a, err = apps.Open(config); err != nil {
			t.Fatalf("Open of what was written: %v", err)
		}
		defer a.Close()
		if after := a.Tokens(""); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("Open of what was written: got %v, want %v", after, before)
		}
		if g, w := fmt.Sprint(a.State("uploader")), fmt.Sprint(state); g != w {
			t.Errorf("State after Open of what was written: got %s, want %s", g, w)
		}
		g, err := a.Decide(apps.Request{Route: apps.ByToken, Token: secret, Caller: new(apps.Caller)})
		if g.Profile != profile || (profile == "one") != (err == nil) {
			t.Errorf("Decide: got profile %q, %v, want %q, refused unless it is one", g.Profile, err, profile)
		}
	})
}
