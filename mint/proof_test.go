//go:build unix

package mint_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// proven asks for the role with a proof in a file, or of a command.
func proven(kind, endpoint, path string, command ...string) session.Request {
	r := session.Request{Source: session.Source{Name: "john", Type: kind, File: path, Command: session.List(command)},
		Operation: session.AssumeRoleWithWebIdentity, RoleARN: roleARN, SessionName: "ci", Region: "eu-west-1", Endpoint: endpoint}
	if kind == session.SAML {
		r.Operation, r.SessionName, r.Source.ProviderARN = session.AssumeRoleWithSAML, "", provider
	}
	return r
}

// TestProofs: each way to give one, and what is put around it on the way.
func TestProofs(t *testing.T) {
	hostile(t)
	wrapped := strings.Join([]string{saml(roleARN)[:64], saml(roleARN)[64:]}, "\r\n") + "\n"
	tests := map[string]struct {
		kind, text, parameter, want string
	}{
		"a token":                       {session.WebIdentity, jwt("{}"), "WebIdentityToken", jwt("{}")},
		"a token with a line end":       {session.WebIdentity, jwt("{}") + "\n", "WebIdentityToken", jwt("{}")},
		"an assertion":                  {session.SAML, saml(roleARN), "SAMLAssertion", saml(roleARN)},
		"an assertion in lines":         {session.SAML, wrapped, "SAMLAssertion", saml(roleARN)},
		"the longest token":             {session.WebIdentity, longest(20_000), "WebIdentityToken", longest(20_000)},
		"an assertion without response": {session.SAML, base64.StdEncoding.EncodeToString([]byte("<Assertion/>")), "SAMLAssertion", base64.StdEncoding.EncodeToString([]byte("<Assertion/>"))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := file(t, test.text)
			for _, r := range []session.Request{proven(test.kind, "", path), proven(test.kind, "", "", "cat", path)} {
				sts := newSTS(t, grants)
				r.Endpoint = sts.URL
				mustMint(t, mint.Config{Environ: environ()}, r)
				if err := mint.CheckSource(r.Source, ""); err != nil {
					t.Errorf("CheckSource: got %v", err)
				}
				if got := sts.only(t); got.form.Get(test.parameter) != test.want || got.header.Get("Authorization") != "" {
					t.Errorf("%s: got %d characters and signature %q, want %d and none", test.parameter, len(got.form.Get(test.parameter)), got.header.Get("Authorization"), len(test.want))
				}
			}
		})
	}
}

// longest has the form of a token and n characters.
func longest(n int) string {
	base := jwt("{}")
	return base + strings.Repeat("x", n-len(base))
}

// TestProofsThatAreNone: AWS is not asked with them, what they hold is not shown, and
// they are read again at the next try.
func TestProofsThatAreNone(t *testing.T) {
	hostile(t)
	const three, parts = "no web identity token, or half of one: a JWT has three parts", "no web identity token, or half of one: its header and claims must be JSON in base64url"
	const lines = "no web identity token, or half of one: a JWT has no spaces, no line breaks and nothing but ASCII"
	tests := map[string]struct{ kind, text, problem string }{
		"nothing":                  {session.WebIdentity, "\n", "nothing"},
		"words":                    {session.WebIdentity, "CANARY", three},
		"half a token":             {session.WebIdentity, jwt("{}")[:strings.LastIndex(jwt("{}"), ".")+1], three},
		"a third of a token":       {session.WebIdentity, jwt("{}")[:10], three},
		"not base64":               {session.WebIdentity, "CANARY!.CANARY.CANARY", parts},
		"not JSON":                 {session.WebIdentity, "Q0FOQVJZ.Q0FOQVJZ.CANARY", parts},
		"broken over two lines":    {session.WebIdentity, jwt("{}")[:10] + "\n" + jwt("{}")[10:], lines},
		"a signature with a space": {session.WebIdentity, jwt("{}") + " CANARY", lines},
		"too long":                 {session.WebIdentity, longest(20_001), "more than the 20000 characters that AWS takes"},
		"far too long":             {session.WebIdentity, longest(60_000), "more than the 20000 characters that AWS takes"},
		"no assertion":             {session.SAML, " ", "nothing"},
		"an assertion in XML":      {session.SAML, "<CANARY/>", "no SAML assertion, or half of one: it must be base64"},
		"half an assertion":        {session.SAML, saml(roleARN)[:200], "no SAML assertion, or half of one: it must be XML in base64"},
		"base64 of something else": {session.SAML, "Q0FOQVJZ", "no SAML assertion, or half of one: it must be XML in base64"},
		"XML of something else":    {session.SAML, "PGh0bWw+PC9odG1sPg==", "no SAML assertion, or half of one: it must be a SAML response"},
		"an endless assertion":     {session.SAML, strings.Repeat("CANARYCA", 15_000), "more than the 100000 characters that AWS takes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := file(t, test.text)
			keys := map[string][2]string{session.WebIdentity: {"token_file", "token_command"}, session.SAML: {"assertion_file", "assertion_command"}}[test.kind]
			r := proven(test.kind, "http://127.0.0.1:1", path)
			public, hint := source+keys[0]+" "+path+": it holds "+test.problem, "whatever writes it must do so readably for vendord's user; it is read again at each try"
			wantError(t, refused(t, mint.Config{}, r), session.Retry, public, hint)
			wantError(t, session.AsError(mint.CheckSource(r.Source, "")), session.Retry, public, hint)
			problem := "printed " + test.problem
			if name == "far too long" {
				problem = "printed more than 39 KiB"
			}
			wantError(t, refused(t, mint.Config{Environ: environ()}, proven(test.kind, "http://127.0.0.1:1", "", "cat", path)), session.Retry, source+"its "+keys[1]+" "+problem, look)
		})
	}
}

func TestProofsThatCannotBeRead(t *testing.T) {
	hint := "whatever writes it must do so readably for vendord's user; it is read again at each try"
	dir := t.TempDir()
	for path, problem := range map[string]string{filepath.Join(dir, "none"): "no such file or directory", dir: "it is not a regular file"} {
		r := proven(session.WebIdentity, "http://127.0.0.1:1", path)
		wantError(t, refused(t, mint.Config{}, r), session.Retry, source+"token_file "+path+": "+problem, hint)
	}
	for name, test := range map[string]struct {
		command []string
		class   session.Class
		problem string
		hint    string
	}{
		"fails":     {[]string{"sh", "-c", "echo CANARY; echo CANARY >&2; exit 3"}, session.Retry, "its assertion_command failed (exit status 3, 7 bytes on standard error)", look},
		"endless":   {[]string{"sh", "-c", "while :; do echo CANARYCANARY; done"}, session.Retry, "its assertion_command printed more than 195 KiB", look},
		"not there": {[]string{"/nowhere/idp"}, session.Configuration, `its assertion_command "/nowhere/idp" is not there, or cannot be run`, "give its absolute path: the daemon's PATH may be shorter than yours; then run: vendord reload"},
		"vendord":   {[]string{"vendord"}, session.Configuration, "its assertion_command is vendord itself", "a source is where vendord gets its own credentials from"},
		"none":      {nil, session.Configuration, "it has no assertion_command", `write it as a list: assertion_command = ["/usr/bin/tool", "argument"]`},
	} {
		r := proven(session.SAML, "http://127.0.0.1:1", "", test.command...)
		t.Run(name, func(t *testing.T) {
			wantError(t, refused(t, mint.Config{Environ: environ()}, r), test.class, source+test.problem, test.hint)
		})
	}
}

// TestProofsThatAWSRefuses, each with who can mend it. What AWS echoes of a proof is
// taken out.
func TestProofsThatAWSRefuses(t *testing.T) {
	const other = "arn:aws:iam::629470240201:role/Other"
	token, text := jwt("{}"), saml(other)
	again := "whoever issues it must issue a new one; it is asked for again at each try"
	tests := map[string]struct {
		kind         string
		status       int
		code, text   string
		class        session.Class
		public, hint string
	}{
		"token expired":  {session.WebIdentity, 400, "ExpiredTokenException", "Token expired: " + token, session.Person, source + "its web identity token has expired", again},
		"other audience": {session.WebIdentity, 400, "InvalidIdentityToken", "Incorrect token audience", session.Person, source + "AWS refuses its web identity token: Incorrect token audience", "the token, its audience or its issuer is not what the role's account expects"},
		"revoked":        {session.WebIdentity, 403, "IDPRejectedClaim", "revoked", session.Person, source + "AWS refuses its web identity token: revoked", "the token, its audience or its issuer is not what the role's account expects"},
		"part echoed":    {session.WebIdentity, 400, "InvalidIdentityToken", "cannot verify CANARYsignature", session.Person, source + "AWS refuses its web identity token: cannot verify [redacted]", "the token, its audience or its issuer is not what the role's account expects"},
		"another role's": {session.WebIdentity, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", session.Administrator, role + `AWS denies sts:AssumeRoleWithWebIdentity to source "john": Not authorized to perform sts:AssumeRoleWithWebIdentity`,
			`one of: the role's trust policy does not allow sts:AssumeRoleWithWebIdentity to source "john"; there is no such role`},
		"provider is down":  {session.WebIdentity, 400, "IDPCommunicationError", "timeout", session.Retry, source + "AWS cannot reach its identity provider: timeout", ""},
		"assertion expired": {session.SAML, 400, "ExpiredTokenException", "expired " + text, session.Person, source + "its SAML assertion has expired", again},
		"bad signature":     {session.SAML, 400, "InvalidIdentityToken", "Response signature invalid", session.Person, source + "AWS refuses its SAML assertion: Response signature invalid", "the assertion, its audience or its signature is not what provider_arn expects"},
		"for another role": {session.SAML, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML", session.Administrator, role + `AWS denies sts:AssumeRoleWithSAML to source "john": Not authorized to perform sts:AssumeRoleWithSAML`,
			"one of: the assertion is for other roles, such as " + other + "; there is no such role"},
		"longer than the role allows": {session.SAML, 400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", session.Configuration, role + "AWS refuses a session of 1h: the role allows less", "lower duration, or raise the role's maximum session duration in IAM"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sts := newSTS(t, refuses(test.status, test.code, test.text))
			path := file(t, map[string]string{session.WebIdentity: token, session.SAML: text}[test.kind])
			got := refused(t, mint.Config{}, proven(test.kind, sts.URL, path))
			wantError(t, got, test.class, test.public, test.hint)
			if test.code != "IDPCommunicationError" && len(sts.requests()) != 1 {
				t.Errorf("requests: got %d, want 1", len(sts.requests()))
			}
		})
	}
}

// TestTokenIsReadAgain: at each mint, and once more where AWS says that it has expired
// while somebody wrote the next one.
func TestTokenIsReadAgain(t *testing.T) {
	path := file(t, jwt(`{"n":1}`))
	sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
		if r.PostForm.Get("WebIdentityToken") != jwt(`{"n":1}`) {
			grants(w, r)
			return
		}
		next := filepath.Join(filepath.Dir(path), "next") // as kubelet does: never half a file
		if os.WriteFile(next, []byte(jwt(`{"n":2}`)), 0o600) != nil || os.Rename(next, path) != nil {
			t.Error("writing the next token")
		}
		refuses(400, "ExpiredTokenException", "expired")(w, r)
	})
	m, _ := newMinter(t, mint.Config{})
	for range 2 {
		if _, err := m.Mint(t.Context(), proven(session.WebIdentity, sts.URL, path)); err != nil {
			t.Fatalf("Mint: %v", err)
		}
	}
	if n := len(sts.requests()); n != 3 {
		t.Errorf("requests: got %d, want 3: the old token once", n)
	}
	start := time.Now()
	sts = newSTS(t, refuses(400, "ExpiredTokenException", "expired"))
	refused(t, mint.Config{}, proven(session.WebIdentity, sts.URL, path))
	if n := len(sts.requests()); n != 1 || time.Since(start) > 20*time.Second {
		t.Errorf("requests: got %d, want 1: the file has not changed", n)
	}
}
