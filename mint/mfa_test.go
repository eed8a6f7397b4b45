//go:build unix

package mint_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

func withMFA(endpoint string, command ...string) session.Request {
	r := request(endpoint)
	r.MFASerial, r.MFACommand = mfaSerial, session.List(command)
	return r
}

// TestCodesAreUsedOnce: of a person or a command, and whatever became of the first.
func TestCodesAreUsedOnce(t *testing.T) {
	sts := newSTS(t, grants)
	now := func() time.Time { return time.Now().Truncate(30 * time.Second).Add(12 * time.Second) }
	m, log := newMinter(t, mint.Config{Code: types("271828"), Environ: keysEnviron("PATH=/bin:/usr/bin"), Now: now})
	mints := func(r session.Request, class session.Class, public, hint string) {
		t.Helper()
		_, err := m.Mint(t.Context(), r)
		if public == "" {
			if err != nil {
				t.Fatalf("Mint: %v", err)
			}
			return
		}
		failure := session.AsError(err)
		wantError(t, failure, class, public, hint)
		noSecrets(t, log.String(), failure)
	}
	mints(withMFA(sts.URL), 0, "", "")
	mints(withMFA(sts.URL), session.Person, source+"that MFA code has been used", "wait for the next one, then run: vendord login john")
	// The same device, by a command: the code is spent.
	mints(withMFA(sts.URL, "echo", "271828"), session.Retry, source+"its mfa_command still prints the code that was used last", "AWS takes a code once; the next one comes in 19s")
	mints(withMFA(sts.URL, "echo", "314159"), 0, "", "")
	mints(withMFA(sts.URL, "echo", "314159"), session.Retry, source+"its mfa_command still prints the code that was used last", "AWS takes a code once; the next one comes in 19s")
	other := withMFA(sts.URL, "echo", "314159")
	other.MFASerial += "2"
	mints(other, 0, "", "") // another device
	if n := len(sts.requests()); n != 3 {
		t.Errorf("requests: got %d, want 3", n)
	}
	for _, code := range []string{"271828", "314159"} {
		if strings.Contains(log.String(), code) {
			t.Errorf("log: got the code in %s", log)
		}
	}
}

func TestCodesThatCannotBe(t *testing.T) {
	own := &session.Error{Class: session.Person, Public: `source "john": it needs an MFA code`, Hint: "run: vendord login john"}
	list := `write it as a list: mfa_command = ["/usr/bin/tool", "argument"]`
	tests := map[string]struct {
		code         func(context.Context, session.Request) (string, error)
		command      []string
		class        session.Class
		public, hint string
	}{
		"nobody has typed one": {func(context.Context, session.Request) (string, error) { return "", own }, nil, own.Class, own.Public, own.Hint},
		"a failure of its own": {func(context.Context, session.Request) (string, error) { return "", errors.New("later") }, nil, session.Retry, "later", ""},
		"nobody can":           {nil, nil, session.Person, source + "AWS wants an MFA code, and nobody can give one here", "set mfa_command, or use a running daemon and vendord login"},
		"words":                {types("CANARY"), nil, session.Person, source + "the MFA code is not six digits", "run: vendord login john"},
		"other digits":         {types("１２３４５６"), nil, session.Person, source + "the MFA code is not six digits", "run: vendord login john"},
		"a command of words":   {nil, []string{"echo", "CANARY"}, session.Retry, source + "its mfa_command did not print six digits", look},
		"a command of two":     {nil, []string{"echo", "123456\n234567"}, session.Retry, source + "its mfa_command did not print six digits", look},
		"a command of much":    {nil, []string{"sh", "-c", "while :; do echo CANARY; done"}, session.Retry, source + "its mfa_command printed more than 1 KiB", look},
		"a command that fails": {nil, []string{"sh", "-c", "echo CANARY; echo CANARY >&2; exit 3"}, session.Retry, source + "its mfa_command failed (exit status 3, 7 bytes on standard error)", look},
		"a command not there":  {nil, []string{"/nowhere/tool"}, session.Configuration, source + `its mfa_command "/nowhere/tool" is not there, or cannot be run`, "give its absolute path: the daemon's PATH may be shorter than yours; then run: vendord reload"},
		"vendord":              {nil, []string{"vendord"}, session.Configuration, source + "its mfa_command is vendord itself", "a source is where vendord gets its own credentials from"},
		"an empty command":     {nil, []string{""}, session.Configuration, source + "it has no mfa_command", list},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, grants)
			wantError(t, refused(t, mint.Config{Code: test.code}, withMFA(sts.URL, test.command...)), test.class, test.public, test.hint)
			if n := len(sts.requests()); n != 0 {
				t.Errorf("requests: got %d, want none", n)
			}
		})
	}
}

// TestCodeIsRefused: a wrong code, or one that was used elsewhere, is a person's to
// mend. AWS is not asked again with it, nor where it may have taken it already.
func TestCodeIsRefused(t *testing.T) {
	device := role + "AWS does not take the code of its MFA device " + mfaSerial
	byHand, byCommand := "wait for the next one, then run: vendord login john", "mfa_command must print a code of that device which nobody has used, by a clock that is right"
	tests := map[string]struct {
		status       int
		code, text   string
		command      []string
		class        session.Class
		public, hint string
		requests     int
	}{
		"wrong":              {403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ", nil, session.Person, device, byHand, 1},
		"wrong, of a tool":   {403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ", []string{"echo", "271828"}, session.Person, device, byCommand, 1},
		"cannot be checked":  {403, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.", nil, session.Person, device, byHand, 1},
		"echoed":             {400, "ValidationError", "271828 is no code", nil, session.Configuration, role + "AWS refuses the request: [redacted] is no code", mend, 1},
		"AWS is ill":         {500, "InternalFailure", "sorry", nil, session.Retry, "{sts}: has trouble of its own: sorry", "", 1},
		"AWS is busy":        {400, "Throttling", "slower", nil, session.Retry, "{sts}: asks for fewer requests: slower", "", 3},
		"denied all the way": {403, "AccessDenied", "User: " + john + " is not authorized to perform: sts:AssumeRole on resource: x", nil, session.Administrator, role + "AWS denies sts:AssumeRole to " + john, denied, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sts := newSTS(t, refuses(test.status, test.code, test.text))
			wantError(t, refused(t, mint.Config{Code: types("271828")}, withMFA(sts.URL, test.command...)), test.class,
				strings.Replace(test.public, "{sts}", "STS at "+sts.URL, 1), test.hint)
			if n := len(sts.requests()); n != test.requests {
				t.Errorf("requests: got %d, want %d", n, test.requests)
			}
		})
	}
	sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	refused(t, mint.Config{Code: types("271828")}, withMFA(sts.URL))
	if n := len(sts.requests()); n != 1 {
		t.Errorf("after a broken connection: got %d requests, want 1", n)
	}
}

// TestNextCode: a person is told a time between 1 and 30 seconds.
func TestNextCode(t *testing.T) {
	sts := newSTS(t, grants)
	m, _ := newMinter(t, mint.Config{})
	for range 2 {
		_, err := m.Mint(t.Context(), withMFA(sts.URL, "echo", "161803"))
		if err != nil && !regexp.MustCompile(`^AWS takes a code once; the next one comes in ([1-9]|[12]\d|30)s$`).MatchString(session.AsError(err).Hint) {
			t.Errorf("hint: got %q", session.AsError(err).Hint)
		}
	}
}
