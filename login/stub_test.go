package login_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

const redirect = "http://127.0.0.1:41234/oauth/callback"

// corp is a sign-in that the tests share; the stub answers at AWS's own names.
func corp() session.SignIn {
	return session.SignIn{Session: "corp", StartURL: "https://corp.awsapps.com/start", Region: "eu-west-1"}
}

// center is an Identity Center in memory. It issues tokens that are numbered,
// and takes each code and each refresh token once.
type center struct {
	mu  sync.Mutex // guards all below
	now func() time.Time
	// life is that of an access token, in seconds; registered of a client.
	life       int
	registered time.Duration
	// calls is what was asked, such as "register" and "token refresh_token".
	calls []string
	// fail answers a call in the place of the center, if it returns true.
	fail func(call string, w http.ResponseWriter) bool
	// challenges are those of authorized codes, by code.
	challenges map[string]string
	refreshes  []string // refresh tokens that are good
	issued     int
	ended      []string // access tokens that the portal was asked to end
	// approved says that the person is done with the device flow.
	approved bool
	// noRotation leaves the refresh token out of renewals.
	noRotation bool
}

func newCenter() *center {
	return &center{now: time.Now, life: 3600, registered: 90 * 24 * time.Hour, challenges: map[string]string{}}
}

func (c *center) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	_ = json.NewDecoder(r.Body).Decode(&in)
	call := strings.Trim(r.URL.Path, "/")
	if grant, ok := in["grantType"].(string); ok {
		call += " " + grant
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, call)
	w.Header().Set("Content-Type", "application/json")
	if c.fail != nil && c.fail(call, w) {
		return
	}
	text := func(key string) string { s, _ := in[key].(string); return s }
	switch call {
	case "client/register":
		reply(w, map[string]any{"clientId": "client", "clientSecret": "CANARYclient", "clientSecretExpiresAt": c.now().Add(c.registered).Unix()})
	case "device_authorization":
		reply(w, map[string]any{"deviceCode": "CANARYdevice", "userCode": "ABCD-EFGH", "verificationUri": "https://device.sso.eu-west-1.amazonaws.com/",
			"verificationUriComplete": "https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH", "expiresIn": 600, "interval": 1})
	case "token urn:ietf:params:oauth:grant-type:device_code":
		if !c.approved {
			refuse(w, "AuthorizationPendingException")
			return
		}
		c.token(w)
	case "token authorization_code":
		sum := sha256.Sum256([]byte(text("codeVerifier")))
		challenge, ok := c.challenges[text("code")]
		delete(c.challenges, text("code"))
		if !ok || challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || text("redirectUri") != redirect {
			refuse(w, "InvalidGrantException")
			return
		}
		c.token(w)
	case "token refresh_token":
		at := slices.Index(c.refreshes, text("refreshToken"))
		if at < 0 || text("clientId") != "client" || text("clientSecret") != "CANARYclient" {
			refuse(w, "InvalidGrantException")
			return
		}
		if !c.noRotation {
			c.refreshes = slices.Delete(c.refreshes, at, at+1)
		}
		c.token(w)
	case "logout":
		c.ended = append(c.ended, r.Header.Get("X-Amz-Sso_bearer_token"))
		c.refreshes = nil
	default:
		http.NotFound(w, r)
	}
}

// token issues the next one.
func (c *center) token(w http.ResponseWriter) {
	c.issued++
	out := map[string]any{"accessToken": fmt.Sprintf("CANARYaccess%d", c.issued), "expiresIn": c.life, "tokenType": "Bearer"}
	if !c.noRotation || c.issued == 1 {
		refresh := fmt.Sprintf("CANARYrefresh%d", c.issued)
		c.refreshes = append(c.refreshes, refresh)
		out["refreshToken"] = refresh
	}
	reply(w, out)
}

func reply(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

// refuse answers as AWS does.
func refuse(w http.ResponseWriter, code string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(http.StatusBadRequest)
	reply(w, map[string]string{"error": "x", "error_description": "CANARYdescription"})
}

// RoundTrip lets a center be asked without a socket, in a synctest bubble.
func (c *center) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	out := w.Result()
	out.Request = r
	return out, nil
}

func (c *center) count(call string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, seen := range c.calls {
		if seen == call {
			n++
		}
	}
	return n
}

// set changes the center under its lock.
func (c *center) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// browser signs in on a page of the center and returns what the callback gets.
func (c *center) browser(t *testing.T, page string) (code, state string) {
	t.Helper()
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Host != "oidc.eu-west-1.amazonaws.com" || u.Path != "/authorize" || q.Get("response_type") != "code" || q.Get("client_id") != "client" ||
		q.Get("redirect_uri") != redirect || q.Get("code_challenge_method") != "S256" || q.Get("scopes") != "sso:account:access" {
		t.Fatalf("URL: got %s", page)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	code = fmt.Sprintf("code%d", len(c.calls))
	c.challenges[code] = q.Get("code_challenge")
	return code, q.Get("state")
}

// newLogins returns logins that ask a center, and their log.
func newLogins(t *testing.T, c *center, config login.Config) (*login.Logins, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	config.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if config.HTTP == nil {
		config.HTTP = &http.Client{Transport: c}
	}
	config.NotFound = errNotFound
	l, err := login.New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if strings.Contains(log.String(), "CANARY") {
			t.Errorf("log: has a secret: %s", log)
		}
	})
	return l, log
}

func start(t *testing.T, l *login.Logins, s session.SignIn, o login.Options) login.Pending {
	t.Helper()
	p, err := l.Start(t.Context(), s, o)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	return p
}

var inBrowser = login.Options{Port: 41234}

// signIn signs somebody in with the browser.
func signIn(t *testing.T, l *login.Logins, c *center, s session.SignIn) {
	t.Helper()
	p := start(t, l, s, inBrowser)
	code, state := c.browser(t, p.URL)
	if err := l.Finish(t.Context(), p.ID, code, state); err != nil {
		t.Fatalf("Finish: %v", err)
	}
}

func wantToken(t *testing.T, l *login.Logins, s session.SignIn, want string) {
	t.Helper()
	if got, known, err := l.Token(t.Context(), s); got != want || !known || err != nil {
		t.Errorf("Token: got %q, %v, %v, want %q", got, known, err, want)
	}
}

// wantError compares a failure with what a person is to see.
func wantError(t *testing.T, call string, err error, class session.Class, public, hint string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: got no error, want %q", call, public)
		return
	}
	got := session.AsError(err)
	if got.Class != class || got.Public != public || got.Hint != hint {
		t.Errorf("%s: got %v, %q, hint %q, want %v, %q, hint %q", call, got.Class, got.Public, got.Hint, class, public, hint)
	}
	if text := fmt.Sprintf("%+v %#v %v", got, got, got.Err); strings.Contains(text, "CANARY") {
		t.Errorf("%s: the error has a secret: %s", call, text)
	}
}

// wantNeedsLogin is the failure of a sign-in that waits for a person.
func wantNeedsLogin(t *testing.T, l *login.Logins, s session.SignIn, problem string) {
	t.Helper()
	token, known, err := l.Token(t.Context(), s)
	if token != "" || !known {
		t.Errorf("Token: got %q, known %v, want none, known", token, known)
	}
	wantError(t, "Token", err, session.Person, `sso-session "corp": `+problem, "run: vendord login corp")
}

// dir is a directory for logins that is yet to be made.
func dir(t *testing.T) string { return filepath.Join(t.TempDir(), "logins") }

// me is how the package names whose files these are.
func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}
