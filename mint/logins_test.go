package mint_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// aws is a loopback server that answers for every host of AWS, as the sign-in
// services have no endpoint of their own to set.
func aws(t *testing.T, answer http.HandlerFunc) *http.Client {
	t.Helper()
	s := httptest.NewTLSServer(answer)
	t.Cleanup(s.Close)
	client := s.Client()
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", s.Listener.Addr().String())
	}
	client.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true // every name
	return client
}

const (
	ssoSession = "[profile john]\nsso_session=corp\nsso_account_id=629470240201\nsso_role_name=Dev\n[sso-session corp]\nsso_region=us-east-2\nsso_start_url=https://corp.awsapps.com/start\n"
	ssoLegacy  = "[profile john]\nsso_region=us-east-2\nsso_start_url=https://corp.awsapps.com/start\nsso_account_id=629470240201\nsso_role_name=Dev\n"
	loginOnce  = "[profile john]\nlogin_session=arn:aws:iam::629470240201:user/john\n"

	ssoHint   = "run: aws sso login --profile john, then run: vendord reload"
	loginHint = "run: aws login --profile john, then run: vendord reload"
	loggedOut = source + "its login has expired, or was never made"
)

// ssoToken leaves behind what "aws sso login" does.
func ssoToken(t *testing.T, dir, key string, fields map[string]any) {
	t.Helper()
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte(key))
	write(t, filepath.Join(dir, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json"), string(text))
}

func freshToken() map[string]any {
	return map[string]any{"accessToken": "CANARYaccess", "expiresAt": stamp(time.Now().Add(time.Hour))}
}

func staleToken() map[string]any {
	return map[string]any{"accessToken": "CANARYaccess", "expiresAt": stamp(time.Now().Add(-time.Hour)), "refreshToken": "CANARYrefresh",
		"clientId": "CANARYid", "clientSecret": "CANARYsecret"}
}

// portal answers as SSO does, and as STS.
func portal(t *testing.T, status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.Host, "portal.sso.us-east-2.") && status == 200:
			if r.Header.Get("X-Amz-Sso_bearer_token") == "" || r.URL.Query().Get("role_name") != "Dev" {
				t.Errorf("SSO: got %v %v", r.URL, r.Header)
			}
			fmt.Fprintf(w, `{"roleCredentials":{"accessKeyId":"ASIAFROMSSOFROMSSO00","secretAccessKey":"CANARYs","sessionToken":"CANARYt","expiration":%d}}`,
				time.Now().Add(time.Hour).UnixMilli())
		case strings.HasPrefix(r.Host, "oidc.us-east-2.") && status == 200:
			fmt.Fprint(w, `{"accessToken":"CANARYnew","expiresIn":3600,"refreshToken":"CANARYrefresh2","tokenType":"Bearer"}`)
		case strings.HasPrefix(r.Host, "sts.eu-west-1."):
			_ = r.ParseForm()
			if !strings.Contains(r.Header.Get("Authorization"), "Credential=ASIAFROM") {
				t.Errorf("STS: signed %q, want the login's key", r.Header.Get("Authorization"))
			}
			grants(w, r)
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
}

func TestSSO(t *testing.T) {
	hostile(t)
	for name, test := range map[string]struct {
		config, key string
		token       map[string]any
	}{
		"with a session":        {ssoSession, "corp", freshToken()},
		"a token to be renewed": {ssoSession, "corp", staleToken()},
		"the old way":           {ssoLegacy, "https://corp.awsapps.com/start", freshToken()},
	} {
		t.Run(name, func(t *testing.T) {
			dir := home(t, test.config, "")
			ssoToken(t, dir, test.key, test.token)
			r := request("")
			r.Source = shared("john")
			mustMint(t, mint.Config{Home: dir, HTTP: aws(t, portal(t, 200, ""))}, r)
		})
	}
}

func TestSSOFails(t *testing.T) {
	page := "<html>CANARY"
	tests := map[string]struct {
		token        map[string]any
		status       int
		body         string
		class        session.Class
		public, hint string
	}{
		"nobody logged in":     {nil, 200, "", session.Person, loggedOut, ssoHint},
		"a damaged file":       {map[string]any{"accessToken": 7}, 200, "", session.Person, loggedOut, ssoHint},
		"the login was ended":  {freshToken(), 401, `{"__type":"UnauthorizedException","message":"Session token not found or invalid"}`, session.Person, loggedOut, ssoHint},
		"it cannot be renewed": {staleToken(), 400, `{"error":"invalid_grant","__type":"InvalidGrantException"}`, session.Person, loggedOut, ssoHint},
		"the role was taken away": {freshToken(), 403, `{"__type":"ForbiddenException","message":"No access"}`, session.Administrator,
			source + "AWS SSO in us-east-2 refuses its account or role: No access", "the person who logged in must be given that role in IAM Identity Center"},
		"SSO is ill":         {freshToken(), 500, `{"__type":"InternalServerException","message":"sorry"}`, session.Retry, "AWS SSO in us-east-2: has trouble of its own: HTTP 500 InternalServerException", ""},
		"SSO is busy":        {freshToken(), 429, `{"__type":"TooManyRequestsException","message":"slower"}`, session.Retry, "AWS SSO in us-east-2: asks for fewer requests: slower", ""},
		"a stranger answers": {freshToken(), 200 + 2, page, session.Retry, "AWS SSO in us-east-2: its answer cannot be understood (HTTP 202)", notAWS},
		"a gateway answers":  {staleToken(), 502, page, session.Retry, "AWS SSO in us-east-2: has trouble of its own: HTTP 502", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := home(t, ssoSession, "")
			if test.token != nil {
				ssoToken(t, dir, "corp", test.token)
			}
			r := request("")
			r.Source = shared("john")
			wantError(t, refused(t, mint.Config{Home: dir, HTTP: aws(t, portal(t, test.status, test.body))}, r), test.class, test.public, test.hint)
		})
	}
}

// TestLogin uses what "aws login" left behind, as long as it is whole.
func TestLogin(t *testing.T) {
	hostile(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	good := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	cached := func(life time.Duration, key string) string {
		text, err := json.Marshal(map[string]any{"accessToken": map[string]any{"accessKeyId": "ASIAFROMLOGINLOGIN00", "secretAccessKey": "CANARYs",
			"sessionToken": "CANARYt", "accountId": "629470240201", "expiresAt": time.Now().Add(life)},
			"tokenType": "x", "refreshToken": "CANARYr", "clientId": "c", "dpopKey": key})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	denies := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(401)
		fmt.Fprint(w, `{"error":"TOKEN_EXPIRED","message":"CANARY"}`)
	}
	tests := map[string]struct {
		file    string
		answer  http.HandlerFunc
		refused bool
	}{
		"a live login":             {cached(time.Hour, good), portal(t, 200, ""), false},
		"nobody logged in":         {"", denies, true},
		"not even JSON":            {"CANARY", denies, true},
		"AWS does not renew it":    {cached(-time.Hour, good), denies, true},
		"a key that is no key":     {cached(-time.Hour, "CANARY"), denies, true},
		"a file of something else": {`{"accessToken":null}`, denies, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := home(t, loginOnce, "")
			sum := sha256.Sum256([]byte("arn:aws:iam::629470240201:user/john"))
			write(t, filepath.Join(dir, ".aws", "login", "cache", hex.EncodeToString(sum[:])+".json"), test.file)
			r := request("")
			r.Source = shared("john")
			c := mint.Config{Home: dir, HTTP: aws(t, test.answer)}
			if !test.refused {
				mustMint(t, c, r)
				return
			}
			wantError(t, refused(t, c, r), session.Person, loggedOut, loginHint)
		})
	}
}

// TestWebIdentity: the token proves who asks; nobody signs.
func TestWebIdentity(t *testing.T) {
	hostile(t)
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	write(t, token, "CANARY.web.token\n")
	write(t, filepath.Join(dir, ".aws", "config"), "[profile john]\nrole_arn=arn:aws:iam::111111111111:role/Pod\nweb_identity_token_file="+token+"\n")
	sts := newSTS(t, grants)
	r := request(sts.URL)
	r.Source = shared("john")
	mustMint(t, mint.Config{Home: dir}, r)
	got := sts.requests()
	if len(got) != 2 || got[0].form.Get("Action") != "AssumeRoleWithWebIdentity" || got[0].form.Get("WebIdentityToken") != "CANARY.web.token" ||
		got[0].form.Get("RoleArn") != "arn:aws:iam::111111111111:role/Pod" || got[0].header.Get("Authorization") != "" {
		t.Errorf("requests: got %+v", got)
	}
	if got[1].header.Get("X-Amz-Security-Token") != newToken {
		t.Error("the role was not assumed with the token's session")
	}
}

func TestWebIdentityFails(t *testing.T) {
	const pod = "role arn:aws:iam::111111111111:role/Pod: "
	tests := map[string]struct {
		token        string
		status       int
		code, text   string
		class        session.Class
		public, hint string
	}{
		"no token yet": {"", 200, "", "", session.Retry, source + `reading the web identity token of its profile "john": no such file or directory`,
			"whatever writes {token} must do so before, and readably for vendord's user"},
		"expired":          {"CANARYjwt", 400, "ExpiredTokenException", "Token expired", session.Person, source + "its web identity token has expired", "whoever issues it must issue a new one; it is asked for again at each try"},
		"refused":          {"CANARYjwt", 400, "InvalidIdentityToken", "Incorrect token audience", session.Person, source + "AWS refuses its web identity token: Incorrect token audience", "the token, its audience or its issuer is not what the role's account expects"},
		"echoed":           {"CANARYjwt", 400, "InvalidIdentityToken", "not a token: CANARYjwt", session.Person, source + "AWS refuses its web identity token: not a token: [redacted]", "the token, its audience or its issuer is not what the role's account expects"},
		"no keys for now":  {"CANARYjwt", 400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider", session.Retry, source + "AWS cannot reach its identity provider: Couldn't retrieve verification key from your identity provider", ""},
		"provider is down": {"CANARYjwt", 400, "IDPCommunicationError", "timeout", session.Retry, source + "AWS cannot reach its identity provider: timeout", ""},
		"denied": {"CANARYjwt", 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", session.Administrator,
			pod + `AWS denies sts:AssumeRoleWithWebIdentity to source "john": Not authorized to perform sts:AssumeRoleWithWebIdentity`,
			`one of: the role's trust policy does not allow sts:AssumeRoleWithWebIdentity to source "john"; there is no such role`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			token := filepath.Join(dir, "token")
			write(t, token, test.token)
			write(t, filepath.Join(dir, ".aws", "config"), "[profile john]\nrole_arn=arn:aws:iam::111111111111:role/Pod\nweb_identity_token_file="+token+"\n")
			sts := newSTS(t, refuses(test.status, test.code, test.text))
			r := request(sts.URL)
			r.Source = shared("john")
			wantError(t, refused(t, mint.Config{Home: dir}, r), test.class, test.public, strings.Replace(test.hint, "{token}", token, 1))
		})
	}
}
