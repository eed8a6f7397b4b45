package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// liveSessions counts the sessions that have credentials.
func (d *testDaemon) liveSessions() (n int) {
	for _, st := range d.cache.Status() {
		if st.KeyID != "" {
			n++
		}
	}
	return n
}

// Whoever puts other keys at a source gets sessions of those; a file that is
// being written is no other identity.
func TestAnotherIdentityAtASource(t *testing.T) {
	d := startDaemon(t)
	_, spec := newToken(control.TokenSpec{App: profiles.CLI, Profile: "company1-hr-readonly", Warm: true})
	held, err := d.client.Hold(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	file := filepath.Join(d.dir, "aws-credentials")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before := d.book.Config()
	for _, test := range []struct {
		name, text string
		live       int
	}{
		{"nothing changed", string(text), 1},
		{"the file is empty for a moment", "", 1},
		{"another secret, of the same key", strings.ReplaceAll(string(text), exampleKey().Secret, "other"), 1},
		{"another key", strings.ReplaceAll(string(text), exampleKey().ID, "AKIAI44QH8DHBEXAMPLE"), 0},
	} {
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		d.look(t.Context())
		if got := d.liveSessions(); got != test.live {
			t.Errorf("%s: got %d live sessions, want %d", test.name, got, test.live)
		}
	}
	if d.book.Config() == before || !strings.Contains(d.log.String(), "another identity at a source: its sessions begin anew") {
		t.Errorf("another key: got the same configuration, or no word in the log")
	}
}

// A session's lineage is all that signs for it, to the one that the source signs.
func TestLineage(t *testing.T) {
	r := session.Request{Operation: session.AssumeRole, SessionName: "child"}
	grand := session.Request{Operation: session.GetSessionToken, MFASerial: mfaSerial, Source: session.Source{Name: "john"}}
	parent := session.Request{Operation: session.AssumeRole, SessionName: "parent", Parent: grand.Canonical()}
	r.Parent = parent.Canonical()
	var names []string
	for ancestor := range lineage(r) {
		names = append(names, ancestor.SessionName+ancestor.MFASerial)
	}
	if got := strings.Join(names, " "); got != "child parent "+mfaSerial {
		t.Errorf("lineage: got %q, want the child, its parent and the session with MFA", got)
	}
	if origin(r) != grand || !descends(typed)(r) || descends(typed)(session.Request{}) {
		t.Errorf("origin and descends: got another's")
	}
}
