package server

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/peer"
)

// What others chose, a path or the name of a unit, is cut and cannot write to a
// terminal, and a token in it is not kept.
func TestWhatIsRecordedOfAProcess(t *testing.T) {
	for _, test := range []struct{ is, want string }{
		{"/usr/bin/aws", "/usr/bin/aws"},
		{"/nix/store/0123456789abcdfghijklmnpqrsvwxyz-awscli2-2.31.0/bin/aws", "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-awscli2-2.31.0/bin/aws"},
		{"/home/zoë/aws (deleted)", "/home/zoë/aws (deleted)"},
		{"/tmp/\x1b[2J\n\u202eaws", "/tmp/ [2J  aws"},
		{"/tmp/vnd_" + strings.Repeat("0", 49), "/tmp/[redacted]"},
		{"/" + strings.Repeat("p", 4095), "/" + strings.Repeat("p", longestName-4) + "…"},
		{"", ""},
	} {
		if got := word(test.is); got != test.want {
			t.Errorf("word(%q): got %q, want %q", test.is, got, test.want)
		}
	}
	for path, want := range map[string]string{
		"/system.slice/sshd.service/x":                                      "sshd.service",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/a.service": "user@1000.service/a.service",
		"/user.slice/user-1000.slice/session-2.scope":                       "session-2.scope",
		"/": "",
	} {
		if got := unitOf(path); got != want {
			t.Errorf("unitOf(%q): got %q, want %q", path, got, want)
		}
	}
}

// Strangers who have us look for longer than there is time use up what there is for
// strangers.
func TestStrangersUseUpNobodyElsesLooks(t *testing.T) {
	s := New(Config{Recorded: true})
	stolen, stranger, granted := &audit.Event{App: "a", Status: 401}, &audit.Event{Status: 403}, &audit.Event{App: "a", Status: 200}
	s.budget(stranger).at, s.budget(stranger).spent = time.Now(), time.Hour
	left := func(e *audit.Event) time.Duration {
		l := s.budget(e)
		l.process(&peer.Client{Err: errors.ErrUnsupported})
		return l.spent
	}
	for _, e := range []*audit.Event{stranger, stolen} {
		if got := left(e); got < time.Minute {
			t.Errorf("%d of %q: got %v spent, want an hour, less a moment", e.Status, e.App, got)
		}
	}
	if got := left(granted); got > time.Second {
		t.Errorf("granted: got %v spent, want what one look takes", got)
	}
}
