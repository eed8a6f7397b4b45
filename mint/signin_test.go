package mint_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

const ssoScopes = ssoSession + "sso_registration_scopes = sso:account:access, codewhisperer:completions\n[sso-session other]\nsso_registration_scopes=x\n"

func TestSignInOf(t *testing.T) {
	hostile(t)
	corp := session.SignIn{Session: "corp", StartURL: "https://corp.awsapps.com/start", Region: "us-east-2"}
	scoped, legacy, shared2 := corp, corp, corp
	scoped.Scopes, legacy.Session = session.List([]string{"sso:account:access", "codewhisperer:completions"}), ""
	shared2.Share, shared2.Endpoint = true, "http://127.0.0.1:1"
	chained := "[profile john]\nrole_arn=arn:aws:iam::1:role/R\nsource_profile=base\n" + strings.Replace(ssoSession, "profile john", "profile base", 1)
	for name, test := range map[string]struct {
		config string
		change func(*session.Source)
		want   session.SignIn
		needed bool
	}{
		"a session":              {ssoSession, nil, corp, true},
		"its scopes":             {ssoScopes, nil, scoped, true},
		"the old way":            {ssoLegacy, nil, legacy, true},
		"below a role":           {chained, nil, corp, true},
		"shared, of an emulator": {ssoSession, func(s *session.Source) { s.ShareSignIn, s.Endpoint = true, "http://127.0.0.1:1" }, shared2, true},
		"keys":                   {strings.Replace(johnsKeys, "[john]", "[profile john]", 1), nil, session.SignIn{}, false},
		"aws login":              {loginOnce, nil, session.SignIn{}, false},
		"another source":         {ssoSession, func(s *session.Source) { s.Type = session.Environment }, session.SignIn{}, false},
	} {
		s := shared("john")
		if test.change != nil {
			test.change(&s)
		}
		if got, needed, err := mint.SignInOf(s, home(t, test.config, "")); got != test.want || needed != test.needed || err != nil {
			t.Errorf("%s: got %+v, %v, %v, want %+v, %v", name, got, needed, err, test.want, test.needed)
		}
	}
	_, _, err := mint.SignInOf(shared("nobody"), home(t, ssoSession, ""))
	if failure := session.AsError(err); failure == nil || failure.Class != session.Configuration {
		t.Errorf("a profile that is not there: got %v, want class configuration", err)
	}
}

// TestSignedIn: who signed in through vendord comes first, and then nobody else; the
// AWS CLI's login counts only where nobody ever did.
func TestSignedIn(t *testing.T) {
	hostile(t)
	over := &session.Error{Class: session.Person, Public: `source "john": its sign-in is over`, Hint: "run: vendord login john"}
	asked := func(token string, known bool, err error) func(context.Context, session.SignIn) (string, bool, error) {
		return func(_ context.Context, in session.SignIn) (string, bool, error) {
			if in.Session != "corp" || in.Region != "us-east-2" {
				t.Errorf("SignedIn: asked for %+v", in)
			}
			return token, known, err
		}
	}
	dir := home(t, ssoSession, "")
	r := request("")
	r.Source = shared("john")
	used := ""
	portals := func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get("X-Amz-Sso_bearer_token"); token != "" {
			used = token
		}
		portal(t, 200, "")(w, r)
	}
	mustMint(t, mint.Config{Home: dir, HTTP: aws(t, portals), SignedIn: asked("CANARYours", true, nil)}, r)
	if used != "CANARYours" {
		t.Errorf("portal: asked with %q, want vendord's own", used)
	}
	ssoToken(t, dir, "corp", freshToken())
	wantError(t, refused(t, mint.Config{Home: dir, HTTP: aws(t, portals), SignedIn: asked("", true, over)}, r), over.Class, over.Public, over.Hint)
	mustMint(t, mint.Config{Home: dir, HTTP: aws(t, portals), SignedIn: asked("", false, nil)}, r)
	if used != "CANARYaccess" {
		t.Errorf("portal: asked with %q, want the AWS CLI's", used)
	}
	// Ours may be refused before its time, and is asked for once more.
	rejected := ""
	renewed := mint.Config{Home: dir, HTTP: aws(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Sso_bearer_token") == "CANARYours" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"__type":"UnauthorizedException","message":"Session token not found or invalid"}`)
			return
		}
		portals(w, r)
	}), Rejected: func(_ session.SignIn, token string) { rejected = token },
		SignedIn: func(context.Context, session.SignIn) (string, bool, error) {
			if rejected != "" {
				return "CANARYnext", true, nil
			}
			return "CANARYours", true, nil
		}}
	mustMint(t, renewed, r)
	if used != "CANARYnext" || rejected != "CANARYours" {
		t.Errorf("a token that AWS refuses: got %q rejected and %q used, want vendord's next one", rejected, used)
	}
	for name, test := range map[string]struct {
		known        bool
		status       int
		body         string
		class        session.Class
		public, hint string
	}{
		"our token was revoked":   {true, 401, `{"__type":"UnauthorizedException","message":"Session token not found: CANARYours"}`, session.Person, loggedOut, "run: vendord login john"},
		"their token was revoked": {false, 401, `{"__type":"UnauthorizedException","message":"no"}`, session.Person, loggedOut, "run: vendord login john"},
		"the role was taken away": {true, 403, `{"__type":"ForbiddenException","message":"No access for CANARYours"}`, session.Administrator,
			source + "AWS SSO in us-east-2 refuses its account or role: No access for [redacted]", "the person who logged in must be given that role in IAM Identity Center"},
		"the portal is ill": {true, 500, `{"__type":"InternalServerException"}`, session.Retry, "AWS SSO in us-east-2: has trouble of its own: HTTP 500 InternalServerException", ""},
		"no credentials":    {true, 200, `{}`, session.Retry, "AWS SSO in us-east-2: answered with no credentials", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := mint.Config{Home: dir, SignedIn: asked(map[bool]string{true: "CANARYours"}[test.known], test.known, nil), HTTP: aws(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			})}
			wantError(t, refused(t, c, r), test.class, test.public, test.hint)
		})
	}
}

// TestSSOEndpoint: an emulator is asked in place of AWS, and named.
func TestSSOEndpoint(t *testing.T) {
	hostile(t)
	m := newMachine(t, time.Now())
	m.says["GET /federation/credentials"] = fmt.Sprintf(`{"roleCredentials":{"accessKeyId":"ASIAFROMSSOFROMSSO00","secretAccessKey":"CANARYs","sessionToken":"CANARYt","expiration":%d}}`, time.Now().Add(4*time.Hour).UnixMilli())
	r := local(session.SharedConfig)
	r.Source = shared("john")
	r.Source.Endpoint = m.URL
	c := mint.Config{Home: home(t, ssoSession, ""), SignedIn: func(context.Context, session.SignIn) (string, bool, error) { return "CANARYours", true, nil }}
	got, _ := mustMint(t, c, r)
	if left := got.Left(time.Now()); got.KeyID != "ASIAFROMSSOFROMSSO00" || (left-4*time.Hour).Abs() > 3*time.Second || got.AccountID != "629470240201" {
		t.Errorf("got %v of account %s for %v, want the role's own session", got, got.AccountID, left)
	}
	m.says["GET /federation/credentials"] = "500"
	wantError(t, refused(t, c, r), session.Retry, "SSO at "+m.URL+": has trouble of its own: HTTP 500", "")
}

// TestSourcesThatTell their expiry can be handed out, with what AWS's clock differs.
func TestSourcesThatTell(t *testing.T) {
	hostile(t)
	sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(3*time.Hour).UTC().Format(http.TimeFormat))
		life, _ := time.ParseDuration(r.PostForm.Get("DurationSeconds") + "s")
		says(200, result("AssumeRole", credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(3*time.Hour+life)))+assumedUser))(w, r)
	})
	r := local(session.SharedConfig)
	r.Source, r.Endpoint = shared("john"), sts.URL
	for duration, want := range map[string]time.Duration{"": time.Hour, "duration_seconds=7200\n": 2 * time.Hour} {
		config := "[profile john]\nrole_arn=" + roleARN + "\nsource_profile=base\n" + duration + strings.Replace(johnsKeys, "[john]", "[profile base]", 1)
		got, _ := mustMint(t, mint.Config{Home: home(t, config, "")}, r)
		if left := got.Left(time.Now()); (left-want).Abs() > 3*time.Second || (got.Life-want).Abs() > 3*time.Second || (got.Skew-3*time.Hour).Abs() > 3*time.Second || got.AccountID != "629470240201" {
			t.Errorf("%q: got %v with skew %v of account %q, want %v", duration, left, got.Skew, got.AccountID, want)
		}
	}
}

// TestGeneration changes with who is found at a source, and not with secrets or time.
func TestGeneration(t *testing.T) {
	hostile(t)
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	entry := ""
	environ := keysEnviron()
	generation := func(s session.Source) string {
		t.Helper()
		m, _ := newMinter(t, mint.Config{Home: dir, Environ: environ, Keyring: func(_ context.Context, name string) (string, error) { return entry, nil }})
		got, err := m.Generation(t.Context(), s)
		if err != nil {
			t.Fatalf("Generation: %v", err)
		}
		if strings.Contains(got, "CANARY") || strings.Contains(got, keyID) {
			t.Errorf("Generation: got %q", got)
		}
		return got
	}
	profile := func(keys string) func() {
		return func() {
			write(t, filepath.Join(dir, ".aws", "config"), "[profile top]\nrole_arn=arn:aws:iam::1:role/R\nsource_profile=john\n")
			write(t, filepath.Join(dir, ".aws", "credentials"), keys)
		}
	}
	jwtFile := func(claims string) func() { return func() { write(t, token, jwt(claims)) } }
	sso := func(role string) func() {
		return func() {
			write(t, filepath.Join(dir, ".aws", "config"), strings.Replace(ssoSession, "Dev", role, 1))
			write(t, filepath.Join(dir, ".aws", "credentials"), "\n")
		}
	}
	keys := func(id, secret string) func() {
		return func() { entry = `{"AccessKeyId":"` + id + `","SecretAccessKey":"` + secret + `"}` }
	}
	env := func(list ...string) func() { return func() { environ = list } }
	for name, test := range map[string]struct {
		source             session.Source
		first, same, other func()
	}{
		"keys in a file":     {shared("top"), profile(johnsKeys), profile(strings.Replace(johnsKeys, "Source", "Other", 1)), profile(strings.Replace(johnsKeys, keyID, "AKIAEDITEDEDITED0000", 1))},
		"a role of SSO":      {shared("john"), sso("Dev"), sso("Dev"), sso("Admin")},
		"the environment":    {session.Source{Type: session.Environment}, env(keysEnviron()...), env(keysEnviron("X=y")...), env("AWS_ACCESS_KEY_ID=AKIAOTHER", "AWS_SECRET_ACCESS_KEY=CANARY")},
		"the keyring":        {session.Source{Type: session.Keyring, Name: "john"}, keys("A", "CANARY1"), keys("A", "CANARY2"), keys("B", "CANARY1")},
		"a web identity":     {session.Source{Type: session.WebIdentity, File: token}, jwtFile(`{"iss":"i","sub":"a","exp":1}`), jwtFile(`{"iss":"i","sub":"a","exp":2}`), jwtFile(`{"iss":"i","sub":"b","exp":1}`)},
		"not told (process)": {session.Source{Type: session.Process}, func() {}, func() {}, nil},
		"not told (imds)":    {session.Source{Type: session.IMDS}, func() {}, func() {}, nil},
		"not told (command)": {session.Source{Type: session.WebIdentity, Command: session.List([]string{"false"})}, func() {}, func() {}, nil},
	} {
		test.first()
		first := generation(test.source)
		test.same()
		if same := generation(test.source); same != first {
			t.Errorf("%s: got %q, then %q of the same", name, first, same)
		}
		if test.other == nil {
			if first != "" {
				t.Errorf("%s: got %q, want nothing", name, first)
			}
			continue
		}
		test.other()
		if other := generation(test.source); other == first || other == "" {
			t.Errorf("%s: got %q, then %q of another", name, first, other)
		}
	}
}

// TestKeyring: long-term keys by the source's name, and what becomes of a keyring that
// is not open.
func TestKeyring(t *testing.T) {
	sts := newSTS(t, grants)
	r := request(sts.URL)
	r.Source = session.Source{Name: "john", Type: session.Keyring}
	holds := func(text string, err error) mint.Config {
		return mint.Config{Keyring: func(_ context.Context, name string) (string, error) {
			if name != "source/john" {
				t.Errorf("Keyring: asked for %q, want source/john", name)
			}
			return text, err
		}}
	}
	good := `{"AccessKeyId":"` + keyID + `","SecretAccessKey":"` + secretKey + `"}`
	mustMint(t, holds(good, nil), r)
	if auth := sts.only(t).header.Get("Authorization"); !strings.Contains(auth, "Credential="+keyID+"/") {
		t.Errorf("Authorization: got %q, want the key of the keyring", auth)
	}
	locked := &session.Error{Class: session.Person, Public: `keyring entry "source/john": the keyring is locked`, Hint: "unlock it"}
	wantError(t, refused(t, holds("", locked), r), session.Person, source+locked.Public, "unlock it")
	wantError(t, refused(t, mint.Config{}, r), session.Configuration, source+"the operating system's keyring cannot be used here", "use a source of another type")
	for _, text := range []string{"", "CANARY", "{}", `{"AccessKeyId":"A"}`, `{"SecretAccessKey":"CANARY"}`, good + good} {
		wantError(t, refused(t, holds(text, nil), r), session.Person, source+"its entry in the keyring holds no keys", "run: vendord source add john")
	}
	wantError(t, refused(t, holds(strings.Replace(good, "CANARY", "CANARY ", 1), nil), r), session.Person, source+"its secret key is empty or has characters that no key has",
		"a quote, a blank or a line break may have been copied along; then run: vendord reload")
}
