package mint_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

const (
	keyID = "AKIAIOSFODNN7EXAMPLE"
	// Recognisable in any output: see secrets_test.go.
	secretKey = "CANARY/SourceSecretKey/0123456789abcdef"
	roleARN   = "arn:aws:iam::629470240201:role/JohnUploadRole"

	newKeyID  = "ASIAIOSFODNN7EXAMPLE"
	newSecret = "CANARY/NewSecretKey/0123456789abcdefgh"
	newToken  = "CANARY/NewSessionToken/0123456789abcdefgh"
)

// keysEnviron is an environment with the keys of the tests' source.
func keysEnviron(more ...string) []string {
	return append([]string{"AWS_ACCESS_KEY_ID=" + keyID, "AWS_SECRET_ACCESS_KEY=" + secretKey}, more...)
}

// request asks for an hour of the role, with the keys of the environment.
func request(endpoint string) session.Request {
	return session.Request{
		Source:    session.Source{Name: "john", Type: session.Environment},
		Operation: session.AssumeRole, RoleARN: roleARN, SessionName: "john-uploader",
		Region: "eu-west-1", Endpoint: endpoint, Duration: time.Hour,
	}
}

// seen is one request that a stub got.
type seen struct {
	form   url.Values
	header http.Header
}

// stub is an STS that says what a test wants.
type stub struct {
	*httptest.Server
	mu  sync.Mutex // guards got
	got []seen
}

func newSTS(t *testing.T, answer http.HandlerFunc) *stub {
	t.Helper()
	s := &stub{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Errorf("reading the form: %v", err)
		}
		s.mu.Lock()
		s.got = append(s.got, seen{r.PostForm, r.Header.Clone()})
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *stub) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.got...)
}

// only is the one request that a stub got.
func (s *stub) only(t *testing.T) seen {
	t.Helper()
	got := s.requests()
	if len(got) != 1 {
		t.Fatalf("requests: got %d, want 1", len(got))
	}
	return got[0]
}

// credentials is AWS's form of issued credentials.
func credentials(key, secret, token, expiration string) string {
	return "<Credentials><AccessKeyId>" + key + "</AccessKeyId><SecretAccessKey>" + secret + "</SecretAccessKey><SessionToken>" +
		token + "</SessionToken><Expiration>" + expiration + "</Expiration></Credentials>"
}

// result wraps the result of an operation.
func result(operation, inner string) string {
	return fmt.Sprintf(`<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult>%[2]s</%[1]sResult>`+
		`<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></%[1]sResponse>`, operation, inner)
}

const assumedUser = `<AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:john-uploader</AssumedRoleId>` +
	`<Arn>arn:aws:sts::629470240201:assumed-role/JohnUploadRole/john-uploader</Arn></AssumedRoleUser>`

// says answers always the same.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// grants answers AssumeRole with credentials for as long as was asked.
func grants(w http.ResponseWriter, r *http.Request) {
	life, err := time.ParseDuration(r.PostForm.Get("DurationSeconds") + "s")
	if err != nil {
		http.Error(w, "DurationSeconds is missing", http.StatusTeapot)
		return
	}
	says(200, result(r.PostForm.Get("Action"), credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(life)))+assumedUser))(w, r)
}

// refuses answers with an error in AWS's form.
func refuses(status int, code, message string) http.HandlerFunc {
	return says(status, errorXML(code, message))
}

func errorXML(code, message string) string {
	return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + code +
		`</Code><Message>` + message + `</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// newMinter returns a Minter with the tests' environment, and its log, debug
// lines and all.
func newMinter(t *testing.T, c mint.Config) (*mint.Minter, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	c.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if c.Environ == nil {
		c.Environ = keysEnviron()
	}
	m, err := mint.New(c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return m, log
}

// mustMint mints and fails the test where AWS would not.
func mustMint(t *testing.T, c mint.Config, r session.Request) (*session.Credentials, string) {
	t.Helper()
	m, log := newMinter(t, c)
	got, err := m.Mint(t.Context(), r)
	if err != nil {
		t.Fatalf("Mint: %v (%v)", err, errors.Unwrap(err))
	}
	noSecrets(t, log.String()+fmt.Sprintf("%v %+v %#v", got, got, got), &session.Error{})
	return got, log.String()
}

// refused mints and returns the failure, which every failure must be.
func refused(t *testing.T, c mint.Config, r session.Request) *session.Error {
	t.Helper()
	return refusedWithin(t, t.Context(), c, r)
}

func refusedWithin(t *testing.T, ctx context.Context, c mint.Config, r session.Request) *session.Error {
	t.Helper()
	m, log := newMinter(t, c)
	got, err := m.Mint(ctx, r)
	if err == nil || got != nil {
		t.Fatalf("Mint: got %v, %v, want a failure", got, err)
	}
	failure, ok := errors.AsType[*session.Error](err)
	if !ok {
		t.Fatalf("Mint: got an error of type %T, want *session.Error", err)
	}
	noSecrets(t, log.String(), failure)
	return failure
}

// noSecrets looks for the tests' secrets in all that a failure prints.
func noSecrets(t *testing.T, log string, e *session.Error) {
	t.Helper()
	for what, text := range map[string]string{"log": log, "public line": e.Public, "hint": e.Hint, "code": e.Code,
		"cause": fmt.Sprintf("%v %+v %#v", e.Err, e.Err, e.Err), "printed error": fmt.Sprintf("%+v %#v", e, *e)} {
		if strings.Contains(text, "CANARY") {
			t.Errorf("%s: got a secret in %q", what, text)
		}
	}
}

// wantError compares a failure with what a person should read.
func wantError(t *testing.T, got *session.Error, class session.Class, public, hint string) {
	t.Helper()
	if got.Class != class {
		t.Errorf("class: got %v, want %v", got.Class, class)
	}
	if got.Public != public {
		t.Errorf("public line:\n got %s\nwant %s", got.Public, public)
	}
	if got.Hint != hint {
		t.Errorf("hint:\n got %s\nwant %s", got.Hint, hint)
	}
}

const mfaSerial = "arn:aws:iam::629470240201:mfa/john"

// types is a person who has typed a code, again and again.
func types(code string) func(context.Context, session.Request) (string, error) {
	return func(context.Context, session.Request) (string, error) { return code, nil }
}
