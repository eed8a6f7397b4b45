package server_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

// inBand is a document without credentials.
func inBand(code, message string) string {
	return `{"Code":"` + code + `","Message":"` + message + `","LastUpdated":"2026-11-21T12:00:00Z"}`
}

// TestMetadataRefusals: what a program is told, and what the record has of it.
func TestMetadataRefusals(t *testing.T) {
	two := self("") + "[apps.two]\nprofiles = [\"upload\"]\n" + self("")[len("[apps.self]\nprofiles = [\"upload\", \"readonly\"]\n"):]
	const noRole = "role: not the one that this program has; hint: ask /latest/meta-data/iam/security-credentials/ for its name"
	const unknown = `caller: not recognised; hint: whoever runs vendord sees with "vendord why" what was missing`
	fails := func(class session.Class, public, hint string) get {
		return failing(&session.Error{Class: class, Public: public, Hint: hint})
	}
	for _, row := range []struct {
		name, apps string
		answer     get
		path       string
		status     int
		body       string
		recorded   audit.Event // Status 0: nothing is
	}{
		{"a stranger", "", nil, roles, 404, unknown, audit.Event{Status: 404, Code: "NotRecognized"}},
		{"a stranger who knows a name", "", nil, roles + "upload", 404, unknown, audit.Event{Status: 404, Code: "NotRecognized"}},
		{"a stranger who asks for the region", "", nil, "/latest/meta-data/placement/region", 404, unknown, audit.Event{Status: 404, Code: "NotRecognized"}},
		{"a stranger, where nothing is", "", nil, "/latest/user-data", 404, unknown, audit.Event{Status: 404, Code: "NotRecognized"}},
		{"who is two apps", two, nil, roles, 404, strings.Replace(unknown, "not recognised", "more than one app matches it", 1), audit.Event{Status: 404, Code: "ProfileRefused"}},
		{"a profile that nobody has", self(""), nil, roles + "none", 404, noRole, audit.Event{Status: 404, Code: "ProfileRefused", App: "self", Profile: "upload"}},
		{"the extended path", self(""), nil, "/latest/meta-data/iam/security-credentials-extended/", 404, nothingHere, audit.Event{}},
		{"user data", self(""), nil, "/latest/user-data", 404, nothingHere, audit.Event{}},
		{"a signature", self(""), nil, "/latest/dynamic/instance-identity/pkcs7", 404, nothingHere, audit.Event{}},
		{"AWS denies it", self(""), fails(session.Administrator, "upload: AccessDenied", "ask"), roles + "upload", 200,
			inBand("AssumeRoleUnauthorizedAccess", "upload: AccessDenied; hint: ask"), audit.Event{Status: 403, Code: "DeniedByAWS", App: "self", Profile: "upload"}},
		{"a login is needed", self(""), fails(session.Person, "john: keys expired", "run aws login"), roles + "upload/", 200,
			inBand("LoginNeeded", "john: keys expired; hint: run aws login"), audit.Event{Status: 403, Code: "LoginNeeded", App: "self", Profile: "upload"}},
		{"the configuration is wrong", self(""), fails(session.Configuration, "upload: malformed", "mend it"), roles + "upload", 200,
			inBand("ConfigurationError", "upload: malformed; hint: mend it"), audit.Event{Status: 403, Code: "ConfigurationError", App: "self", Profile: "upload"}},
		{"AWS is away", self(""), fails(session.Retry, "still asking AWS", ""), roles + "upload", 503,
			"still asking AWS; hint: try again soon: vendord does so by itself", audit.Event{Status: 503, Code: "NotReady", App: "self", Profile: "upload"}},
		{"credentials that are over", self(""), always(credentials(func(c *session.Credentials) { c.Life = time.Second })), roles + "upload", 503,
			"vendord: internal error; hint: see its log", audit.Event{Status: 503, Code: "NotReady", App: "self", Profile: "upload"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := startMetadata(t, row.answer, row.apps)
			got := w.read(row.path)
			if got.status != row.status || got.body != row.body || got.header.Get("Content-Type") != "text/plain" {
				t.Errorf("got %d %q, want %d %q", got.status, got.body, row.status, row.body)
			}
			events := w.audit.Refusals("")
			if want := row.recorded; want.Status == 0 && len(events) > 0 {
				t.Errorf("record: got %+v, want nothing", events)
			} else if want.Status != 0 && (len(events) != 1 || events[0].Status != want.Status || events[0].Code != want.Code ||
				events[0].App != want.App || events[0].Profile != want.Profile || events[0].Path != row.path || events[0].KeyID != "") {
				t.Errorf("record: got %+v, want one of %+v", events, want)
			}
			w.wroteNoSecret(t)
		})
	}
}

// TestTheRecordHasWhatIsHandedOut, once, and neither session tokens nor what programs
// ask besides, nor a HEAD.
func TestTheRecordHasWhatIsHandedOut(t *testing.T) {
	w := startMetadata(t, always(credentials(nil)), self("select = true"))
	token := w.session()
	for _, path := range []string{"/", "/latest/meta-data/", roles, roles + "readonly", "/latest/meta-data/placement/region", "/latest/user-data"} {
		w.ask(reading(path, token))
	}
	w.ask("HEAD" + reading(roles+"upload", token)[3:])
	lines := strings.Split(strings.TrimSpace(w.record()), "\n")
	var got audit.Event
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil || len(lines) != 1 {
		t.Fatalf("record: got %d lines, %v, %q, want one", len(lines), err, lines)
	}
	if got.Path != roles+"readonly" || got.App != "self" || got.Profile != "readonly" || got.KeyID != "ASIAEXAMPLE" || got.Status != 200 || got.How != "user" {
		t.Errorf("record: got %+v", got)
	}
	w.wroteNoSecret(t)
}

// TestMetadataWaitsNoLongerThanGo does: Go's SDK gives up after half a second.
func TestMetadataWaitsNoLongerThanGo(t *testing.T) {
	var waited atomic.Int64
	w := startMetadata(t, func(_ context.Context, _ session.Key, patience time.Duration) (*session.Credentials, error) {
		waited.Store(int64(patience))
		return credentials(nil), nil
	}, self(""))
	if w.read(roles + "upload"); time.Duration(waited.Load()) != 400*time.Millisecond {
		t.Errorf("patience: got %v, want 0.4 s", time.Duration(waited.Load()))
	}
}

// TestMetadataStrangersAreLimited to what strangers get elsewhere: session tokens, and refusals;
// while a program goes on.
func TestMetadataStrangersAreLimited(t *testing.T) {
	w := startMetadata(t, nil, "", is(4242))
	counts := map[int]int{}
	var token string
	for range 150 {
		got := w.ask(put)
		counts[got.status]++
		if got.status == 200 {
			token = got.body
		} else if got.status != 429 || got.header.Get("Retry-After") != "1" || !got.closes {
			t.Fatalf("PUT: got %d %q, closing %v, want 429", got.status, got.body, got.closes)
		}
	}
	if counts[200] != 100 || counts[429] != 50 {
		t.Errorf("150 PUTs: got %v, want 100 tokens", counts)
	}
	counts = map[int]int{}
	for range 150 {
		got := w.ask(reading(roles, token))
		counts[got.status]++
	}
	if counts[404] == 0 || counts[404] > 100 || counts[429] == 0 {
		t.Errorf("150 GETs: got %v, want some of each", counts)
	}
	if lines := strings.Count(w.record(), "\n"); lines > 110 {
		t.Errorf("record: got %d lines, want a hundred or so", lines)
	}
	entitled := startMetadata(t, always(credentials(nil)), self(""))
	for range 300 {
		if got := entitled.read(roles + "upload"); got.status != 200 {
			t.Fatalf("a program: got %d %q, want 200", got.status, got.body)
		}
	}
}

// TestARoleThatWasListedBefore: a client that goes on asking for the profile that its app
// used before gets the one of now, and the record says which that is.
func TestARoleThatWasListedBefore(t *testing.T) {
	w := startMetadata(t, always(credentials(nil)), self(""))
	if got := w.read(roles + "readonly"); got.status != 200 || !strings.Contains(got.body, `"Code":"Success"`) {
		t.Fatalf("got %d %s, want credentials", got.status, got.body)
	}
	if line := w.record(); strings.Count(line, "\n") != 1 || !strings.Contains(line, `"profile":"upload"`) {
		t.Errorf("record: got %s, want one line with the profile in use", line)
	}
}

// TestABadSessionTokenIsAlways401: by that alone SDKs know to ask for another, also
// after a hundred refusals of other programs of their user.
func TestABadSessionTokenIsAlways401(t *testing.T) {
	for name, apps := range map[string]string{"a program": self(""), "a stranger": ""} {
		w := startMetadata(t, always(credentials(nil)), apps)
		const over = "caller: refused too often lately; hint: mend what was refused: vendord status and the audit log say why"
		var told bool
		for range 150 {
			got := w.ask(reading(roles, strings.Repeat("A", 56)))
			told = told || got.body == over
			if got.status != 401 || !got.closes || got.body != badSession && got.body != over {
				t.Fatalf("%s: got %d %q, closing %v, want 401", name, got.status, got.body, got.closes)
			}
		}
		if lines := strings.Count(w.record(), "\n"); !told || lines > 110 {
			t.Errorf("%s, 150 times: got %d lines on record, told that it is too often: %v; want a hundred or so, and told", name, lines, told)
		}
		if got := w.read(roles); apps != "" && got.status != 200 {
			t.Errorf("%s, with another token: got %d %q, want 200", name, got.status, got.body)
		}
	}
}
