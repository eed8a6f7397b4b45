package mint_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// bubble is when every synctest bubble begins: in it a retry costs no time.
var bubble = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// sourceToken is the session token of the fuzz tests' source.
const sourceToken = "CANARY//SourceSessionToken/0123456789abcdef=="

// roundTrip is AWS, or whoever is in between, without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(status int, header http.Header, body string) *http.Response {
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status, " X"), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, ContentLength: -1, Body: io.NopCloser(strings.NewReader(body))}
}

// checkFailure checks what people and logs are told: one of the classes that
// AWS's answers have, in lines of a bounded length that move no cursor and hold
// no secret.
func checkFailure(t *testing.T, log string, err error, secrets ...string) {
	t.Helper()
	e, ok := errors.AsType[*session.Error](err)
	if !ok {
		t.Fatalf("got an error of type %T, want *session.Error", err)
	}
	if e.Class < session.Configuration || e.Class > session.Retry {
		t.Errorf("class: got %v, want one that AWS's answers have", e.Class)
	}
	lines := []string{e.Public, e.Hint, e.Code}
	if e.Err != nil {
		lines = append(lines, e.Err.Error())
	}
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > mostInALine || !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("got a line of %d characters, %.700q", n, line)
		}
	}
	if e.Public == "" {
		t.Error("got an empty public line")
	}
	checkNoSecret(t, log+strings.Join(lines, "\n"), secrets...)
}

// mostInALine is what a message may have: the names of a role and of a
// principal, and a quotation.
const mostInALine = 700

func checkNoSecret(t *testing.T, said string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(said, secret) {
			t.Errorf("got the secret %s in %.900s", secret, said)
		}
	}
}

// checkMinted checks what a program would be given.
func checkMinted(t *testing.T, c *session.Credentials, asked time.Duration) {
	t.Helper()
	secret, token := c.Reveal()
	for _, field := range []string{c.KeyID, secret, token} {
		if field == "" || strings.ContainsFunc(field, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("got the field %q", field)
		}
	}
	if left := c.Left(time.Now()); left <= 0 || left > asked || c.Life > asked {
		t.Errorf("got credentials of which %v are left, life %v, asked %v", left, c.Life, asked)
	}
	for _, name := range []string{c.Principal, c.AccountID, c.RoleARN} {
		if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("got the name %q", name)
		}
	}
}

// fakeAnswers are the answers that fakeaws writes, good and bad.
func fakeAnswers(f *testing.F) (bodies []string, statuses []int) {
	fake, err := fakeaws.New(fakeaws.Config{State: fakeaws.Example(), Now: func() time.Time { return bubble }})
	if err != nil {
		f.Fatal(err)
	}
	take := roundTrip(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		r.RequestURI = "/"
		fake.ServeHTTP(w, r)
		bodies, statuses = append(bodies, w.Body.String()), append(statuses, w.Code)
		return w.Result(), nil
	})
	c := johns()
	c.HTTP, c.Now = &http.Client{Transport: take}, func() time.Time { return bubble }
	m, err := mint.New(c)
	if err != nil {
		f.Fatal(err)
	}
	r := request("http://127.0.0.1:1")
	_, _ = m.Mint(f.Context(), r)
	for _, kind := range []fakeaws.FaultKind{fakeaws.AccessDenied, fakeaws.Garbage, fakeaws.Truncated, fakeaws.EmptyKey, fakeaws.PastExpiry, fakeaws.FarExpiry} {
		fake.Inject(fakeaws.Fault{Kind: kind, Count: 1})
		_, _ = m.Mint(f.Context(), r)
	}
	r.RoleARN, r.Policy = "arn:aws:iam::629470240201:role/Nobody", "{}"
	_, _ = m.Mint(f.Context(), r)
	if len(bodies) < 8 {
		f.Fatalf("fakeaws: got %d answers, want 8", len(bodies))
	}
	return bodies, statuses
}

// FuzzSTSAnswer has AWS, or a stranger at its address, say anything to
// AssumeRole and to AssumeRoleWithWebIdentity. It becomes credentials that live,
// or an error that is fit to print.
func FuzzSTSAnswer(f *testing.F) {
	date := bubble.Format(http.TimeFormat)
	good := result("AssumeRole", credentials(newKeyID, newSecret, newToken, stamp(bubble.Add(time.Hour)))+assumedUser)
	f.Add(200, date, "", good)
	f.Add(200, bubble.Add(3*time.Hour).Format(http.TimeFormat), "", good)
	f.Add(200, bubble.Add(-300*time.Hour).Format(http.TimeFormat), "1", good)
	f.Add(200, "Mon, 01 Jan 0001 00:00:00 GMT", "", good)
	f.Add(200, date, "", strings.Replace(good, newSecret, "&#x9b;2J", 1))
	bodies, statuses := fakeAnswers(f)
	for i, body := range bodies {
		f.Add(statuses[i], date, "", body)
	}
	for _, row := range []struct {
		status        int
		code, message string
	}{
		{403, "SignatureDoesNotMatch", "The request signature does not match. The Canonical String should have been 'POST\n/\n\nx-amz-security-token:" + sourceToken + "\n'"},
		{403, "SignatureDoesNotMatch", "Signature expired: 20000101T000000Z is now earlier than 20000101T010000Z"},
		{403, "AccessDenied", "User: arn:aws:iam::629470240201:user/john is not authorized to perform: sts:AssumeRole on resource: " + roleARN},
		{403, "AccessDenied", "User: {causes} is not authorized to perform: {message} with an explicit deny {clock}"},
		{400, "MalformedPolicyDocument", "&#x202e;&#x85;&#x9b;31m" + strings.Repeat("&#xe9;", 300)},
		{400, "ExpiredToken", sourceToken[:20] + "&#10;" + sourceToken[20:]},
		{400, strings.Repeat("Throttling", 100), ""},
		{500, "InternalFailure", "{hint}"},
		{403, "UnknownError", ""},
	} {
		f.Add(row.status, date, "", errorXML(row.code, row.message))
	}
	dir := f.TempDir()
	web := writeWebIdentity(f, dir)
	f.Fuzz(func(t *testing.T, status int, date, age, body string) {
		if status < 200 || status > 599 {
			return // net/http does not let those through
		}
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				calls++
				header := http.Header{"Date": {date}, "Content-Type": {"text/xml"}}
				if age != "" {
					header.Set("Age", age)
				}
				return answering(status, header, body), nil
			})}
			c := mint.Config{Environ: keysEnviron("AWS_SESSION_TOKEN=" + sourceToken), Home: dir, HTTP: client}
			for _, source := range []session.Source{{Name: "john", Type: session.Environment}, web} {
				m, log := newMinter(t, c)
				r := request("http://127.0.0.1:1")
				r.Source = source
				before := calls
				got, err := m.Mint(t.Context(), r)
				switch {
				case (got == nil) == (err == nil):
					t.Fatalf("Mint: got %v and %v", got, err)
				case err != nil:
					checkFailure(t, log.String(), err, issuedIn(body, secretKey, sourceToken, webToken)...)
				default:
					checkMinted(t, got, time.Hour)
					checkNoSecret(t, log.String(), issuedIn(body, secretKey, sourceToken, webToken)...)
				}
				if n := calls - before; n > 6 {
					t.Errorf("Mint: got %d calls, want 3 for each of two operations at most", n)
				}
			}
		})
	})
}

// webToken proves who a pod is.
const webToken = "CANARY.eyJzdWIiOiJwb2QifQ.c2lnbmF0dXJl"

// writeWebIdentity makes a home whose profile pod has a web identity token.
func writeWebIdentity(f *testing.F, dir string) session.Source {
	f.Helper()
	put(f, dir+"/token", webToken)
	put(f, dir+"/.aws/config", "[profile pod]\nrole_arn = arn:aws:iam::111111111111:role/Pod\nweb_identity_token_file = "+dir+"/token\n")
	return shared("pod")
}

// issuedIn returns secrets, and with them those that an answer issues, unless
// it says the same as an error's text.
func issuedIn(body string, secrets ...string) []string {
	if strings.Contains(body, "<Message") || strings.Contains(body, "<Code") || strings.Contains(body, `"message"`) {
		return secrets
	}
	return slices.Concat(secrets, []string{newSecret, newToken})
}
