package server_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vendord/vendord/session"
)

func TestEveryClassOfError(t *testing.T) {
	for _, test := range []struct {
		class  session.Class
		status int
		code   string
	}{
		{session.Unrecognised, 401, "NotRecognized"},
		{session.Refused, 403, "ProfileRefused"},
		{session.Limited, 429, "SlowDown"},
		{session.Configuration, 403, "ConfigurationError"},
		{session.Person, 403, "LoginNeeded"},
		{session.Administrator, 403, "DeniedByAWS"},
		{session.Retry, 503, "NotReady"},
	} {
		t.Run(test.class.String(), func(t *testing.T) {
			w := start(t, failing(&session.Error{Class: test.class, Code: "AWSs", Public: "upload: wrong", Hint: "mend it", Err: errors.New(canarySecret)}))
			got := w.ask(plain)
			if want := problem(test.code, "upload: wrong; hint: mend it"); got.status != test.status || got.body != want {
				t.Errorf("got %d %s, want %d %s", got.status, got.body, test.status, want)
			}
			if known := test.class != session.Unrecognised; got.closes == known {
				t.Errorf("the connection was closed: %v, want %v", got.closes, !known)
			}
			if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" || got.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("got the headers %v", got.header)
			}
		})
	}
}

// What AWS will mend has a hint all the same: that nobody need do anything.
func TestWhatMayComeRightSaysSo(t *testing.T) {
	got := start(t, failing(&session.Error{Class: session.Retry, Public: "STS: no answer in time"})).ask(plain)
	want := problem("NotReady", "STS: no answer in time; hint: try again soon: vendord does so by itself")
	if got.status != 503 || got.body != want {
		t.Errorf("got %d %s, want %s", got.status, got.body, want)
	}
}

func TestErrorsThatAreNotOurs(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		log  string
	}{
		{"without a class", errors.New("dial " + canarySecret), "type=*errors.errorString"},
		{"of a class that is none", &session.Error{Public: canarySecret}, "type=*session.Error"},
		{"of a class to come", &session.Error{Class: 99, Public: canarySecret}, "type=*session.Error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := start(t, failing(test.err))
			got := w.ask(plain)
			if want := problem("NotReady", "vendord: internal error; hint: see its log"); got.status != 503 || got.body != want {
				t.Errorf("got %d %s, want 503 %s", got.status, got.body, want)
			}
			if log := w.log.String(); !strings.Contains(log, "server: an error without a class") || !strings.Contains(log, test.log) || strings.Contains(log, "canary") {
				t.Errorf("log: got %s, want %s in it, and no secret", log, test.log)
			}
		})
	}
}

func TestMessagesAreShortAndPlain(t *testing.T) {
	long := strings.Repeat("längliches ", 100)
	for _, test := range []struct{ name, public, hint, want string }{
		{"short", "a: b", "c", "a: b; hint: c"},
		{"no hint", "a: b", "", "a: b"},
		{"quotes and brackets", `a: "b" <c> & \d`, "", `a: "b" <c> & \d`},
		{"control characters", "a\x1b[2Jb\nc\u009bd", "e\tf", "a [2Jb c d; hint: e f"},
		{"text turned right to left", "a\u202eb", "", "a b"},
		{"bytes that are no UTF-8", "a\xffb", "", "a\ufffdb"},
		{"a long problem, without a hint", long, "", strings.Repeat("längliches ", 16) + "läng…"},
		{"a long problem keeps its remedy", long, "run vendord login john", strings.Repeat("längliches ", 13) + "längliches…; hint: run vendord login john"},
		{"a long remedy of a short problem", "a: b", long, "a: b; hint: " + strings.Repeat("längliches ", 15) + "läng…"},
		{"both too long", long, long, strings.Repeat("längliches ", 7) + "läng…; hint: " + strings.Repeat("längliches ", 8) + "l…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := start(t, failing(&session.Error{Class: session.Person, Public: test.public, Hint: test.hint})).ask(plain)
			var p map[string]string
			if err := json.Unmarshal([]byte(got.body), &p); err != nil || len(p) != 4 {
				t.Fatalf("got %s: %v", got.body, err)
			}
			if p["message"] != test.want || p["Message"] != test.want {
				t.Errorf("got  %q\nwant %q", p["message"], test.want)
			}
			if len(p["message"]) > 200 || !utf8.ValidString(got.body) {
				t.Errorf("got %d bytes: %q", len(p["message"]), got.body)
			}
		})
	}
}
