package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/session"
)

// row is a session of a profile that lives, and failed last time if class is not 0.
func row(profile string, class session.Class) control.SessionRow {
	r := control.SessionRow{Profiles: []string{profile}, Expires: time.Now().Add(time.Hour)}
	if class != 0 {
		r.Last = &session.Error{Class: class, Public: "what AWS said\x1b[2J, at length"}
	}
	return r
}

func TestSummary(t *testing.T) {
	dead := row("hr-read", session.Administrator)
	dead.Expires = time.Time{}
	login := row("ops", session.Person)
	login.Login = "vendord login ops"
	signs, alone := row("ops", session.Person), row("other", session.Retry)
	signs.Parent, alone.Parent = "MFA session", "MFA session"
	several := row("a", session.Configuration)
	several.Profiles = []string{"a", "b", "c"}
	rows := func(rows ...control.SessionRow) condition { return condition{sessions: rows} }
	for _, test := range []struct {
		name        string
		in          condition
		line        string
		reason      string
		ready, well bool
	}{
		{"nothing yet", rows(), "no sessions", "", true, true},
		{"one", rows(row("hr-read", 0)), "1 session", "", true, true},
		{"two, of which one fails", rows(row("a", 0), row("hr-read", session.Administrator)), "2 sessions, 1 unwell: hr-read: denied by AWS", "hr-read: denied by AWS", true, false},
		{"one that never lived", rows(dead), "no sessions, 1 unwell: hr-read: denied by AWS", "hr-read: denied by AWS", true, false},
		{"each reason", rows(login, row("keys", session.Person), several, row("net", session.Retry)),
			"4 sessions, 4 unwell: ops: needs login; keys: needs a person; a and 2 others: configuration error; net: fails, tried again",
			"ops: needs login; keys: needs a person; a and 2 others: configuration error; net: fails, tried again", true, false},
		{"what signs says what its child says", rows(login, signs), "1 session, 1 unwell: ops: needs login", "ops: needs login", true, false},
		{"what signs is alone in failing", rows(row("x", 0), alone), "1 session, 1 unwell: other: fails, tried again", "other: fails, tried again", true, false},
		{"two users' sessions of one profile", rows(row("x", session.Retry), row("x", session.Retry)), "2 sessions, 2 unwell: x: fails, tried again", "x: fails, tried again", true, false},
		{"starting", condition{starting: true}, "starting; no sessions", "starting", false, false},
		{"locked", condition{locked: true}, "locked, until vendord unlock; no sessions", "locked, until vendord unlock", false, false},
		{"no record", condition{unrecorded: true}, "nothing is vended: the record cannot be written; no sessions", "nothing is vended: the record cannot be written", false, false},
		{"something hangs", condition{failing: []string{"cache: no answer within 5s"}, locked: true}, "cache: no answer within 5s; no sessions", "cache: no answer within 5s", false, false},
		{"another file", condition{changed: true, sessions: []control.SessionRow{row("a", session.Retry)}},
			"1 session, 1 unwell: a: fails, tried again; changed on disk, not loaded", "a: fails, tried again", true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.in.line(); got != test.line {
				t.Errorf("line:\n got %s\nwant %s", got, test.line)
			}
			got := test.in.ready()
			if got.Summary != test.line || got.Reason != test.reason || got.Ready != test.ready || got.Well != test.well {
				t.Errorf("ready: got %+v, want %v, %v, %q", got, test.ready, test.well, test.reason)
			}
		})
	}
}

// A thousand profiles fail, of long names, and one that nobody should have let in.
func TestSummaryIsOneShortLine(t *testing.T) {
	c := condition{changed: true}
	for i := range 1000 {
		c.sessions = append(c.sessions, row(fmt.Sprintf("profile-%d-%s", i, strings.Repeat("x", 40)), session.Retry))
	}
	got := c.line()
	if len(got) > maxSummary || !strings.HasPrefix(got, "1000 sessions, 1000 unwell: profile-0-") || !strings.HasSuffix(got, "; …; changed on disk, not loaded") {
		t.Errorf("line: got %d bytes: %s", len(got), got)
	}
	c = condition{failing: []string{strings.Repeat("é", 300)}, sessions: []control.SessionRow{row("\x1b[2J\n\u202e", session.Retry)}}
	if got = c.line(); len(got) > maxSummary || strings.ContainsAny(got, "\x1b\n\u202e") || !strings.HasSuffix(got, "é…") {
		t.Errorf("line: got %d bytes: %q", len(got), got)
	}
	if got = (condition{sessions: c.sessions}).line(); strings.ContainsAny(got, "\x1b\n\u202e") {
		t.Errorf("line: got %q", got)
	}
}
