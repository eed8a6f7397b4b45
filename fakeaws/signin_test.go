package fakeaws_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/vendord/vendord/fakeaws"
)

const (
	startURL     = "https://example.awsapps.com/start"
	callback     = "http://127.0.0.1:1/oauth/callback"
	verifier     = "a-verifier-of-forty-three-characters-or-more"
	deviceGrant  = "urn:ietf:params:oauth:grant-type:device_code"
	codeGrant    = "authorization_code"
	refreshGrant = "refresh_token"
)

// signer is a registered client with AWS's own SDK.
type signer struct {
	*place
	sdk        *ssooidc.Client
	id, secret string
}

// register registers a client as the AWS CLI does.
func (p *place) register(grants ...string) *signer {
	p.t.Helper()
	c := ssooidc.New(ssooidc.Options{Region: region, BaseEndpoint: &p.url, Retryer: aws.NopRetryer{}, HTTPClient: inMemory{}})
	in := &ssooidc.RegisterClientInput{ClientName: aws.String("test"), ClientType: aws.String("public"), GrantTypes: grants,
		Scopes: []string{"sso:account:access"}, RedirectUris: []string{"http://127.0.0.1/oauth/callback"}, IssuerUrl: aws.String(startURL)}
	out, err := c.RegisterClient(p.t.Context(), in)
	if err != nil {
		p.t.Fatalf("RegisterClient: %v", err)
	}
	if at := time.Unix(out.ClientSecretExpiresAt, 0); time.Until(at) < 89*24*time.Hour {
		p.t.Errorf("RegisterClient: the secret expires at %s", at)
	}
	return &signer{p, c, *out.ClientId, *out.ClientSecret}
}

// token redeems a grant.
func (s *signer) token(grant string, more func(*ssooidc.CreateTokenInput)) (*ssooidc.CreateTokenOutput, error) {
	in := &ssooidc.CreateTokenInput{ClientId: &s.id, ClientSecret: &s.secret, GrantType: &grant}
	more(in)
	return s.sdk.CreateToken(s.t.Context(), in)
}

func (s *signer) byCode(code, redirect, verifier string) (*ssooidc.CreateTokenOutput, error) {
	return s.token(codeGrant, func(in *ssooidc.CreateTokenInput) {
		in.Code, in.RedirectUri, in.CodeVerifier = &code, &redirect, &verifier
	})
}

func (s *signer) byDevice(device string) (*ssooidc.CreateTokenOutput, error) {
	return s.token(deviceGrant, func(in *ssooidc.CreateTokenInput) { in.DeviceCode = &device })
}

func (s *signer) byRefresh(token string) (*ssooidc.CreateTokenOutput, error) {
	return s.token(refreshGrant, func(in *ssooidc.CreateTokenInput) { in.RefreshToken = &token })
}

// query is the address of the sign-in page, with other parameters.
func (s *signer) query(changes ...string) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {s.id}, "redirect_uri": {callback}, "state": {"S1"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}, "scopes": {"sso:account:access"}}
	for i := 0; i < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
	}
	return s.url + "/authorize?" + q.Encode()
}

// open opens a page as a browser does, and returns the status and where it
// sends the browser.
func (p *place) open(ctx context.Context, page string, header ...string) (int, url.Values, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", page, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for name, value := range map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Sec-Ch-Ua": "x", "User-Agent": "Mozilla/5.0"} {
		r.Header.Set(name, value)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		p.t.Error(err)
		return 0, nil, ""
	}
	reply := p.answer(got, nil)
	to, _ := url.Parse(reply.header.Get("Location"))
	return reply.status, to.Query(), reply.body
}

// approved signs John in and returns a code.
func (s *signer) approved() string {
	s.t.Helper()
	if err := s.SignIn(fakeaws.ApproveSignIn, ""); err != nil {
		s.t.Fatal(err)
	}
	status, q, body := s.open(s.t.Context(), s.query())
	if status != 302 || q.Get("state") != "S1" || q.Get("code") == "" {
		s.t.Fatalf("authorize: got %d %v %s", status, q, body)
	}
	return q.Get("code")
}

// want400 checks an error of CreateToken.
func (p *place) wantCode(what string, err error, code string) {
	p.t.Helper()
	if err == nil || !strings.Contains(err.Error(), code+":") {
		p.t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

func TestSignInWithABrowser(t *testing.T) {
	p := start(t, fakeaws.Config{})
	s := p.register(codeGrant, refreshGrant)
	code := s.approved()
	got, err := s.byCode(code, callback, verifier)
	if err != nil || *got.TokenType != "Bearer" || got.ExpiresIn != 3600 || got.RefreshToken == nil {
		t.Fatalf("CreateToken: got %+v, %v", got, err)
	}
	t.Run("a code is good once", func(t *testing.T) {
		_, err := s.byCode(code, callback, verifier)
		p.wantCode("CreateToken", err, "InvalidGrantException")
	})
	t.Run("a wrong verifier uses the code up", func(t *testing.T) {
		code := s.approved()
		_, err := s.byCode(code, callback, verifier+"x")
		p.wantCode("another verifier", err, "InvalidGrantException")
		_, err = s.byCode(code, callback, verifier)
		p.wantCode("the right one", err, "InvalidGrantException")
	})
	t.Run("another redirect", func(t *testing.T) {
		_, err := s.byCode(s.approved(), "http://127.0.0.1:2/oauth/callback", verifier)
		p.wantCode("CreateToken", err, "InvalidGrantException")
	})
	t.Run("another client", func(t *testing.T) {
		_, err := p.register(codeGrant).byCode(s.approved(), callback, verifier)
		p.wantCode("CreateToken", err, "InvalidGrantException")
	})
	t.Run("a code that was left lying", func(t *testing.T) {
		code := s.approved()
		p.Advance(11 * time.Minute)
		_, err := s.byCode(code, callback, verifier)
		p.wantCode("CreateToken", err, "InvalidGrantException")
	})
	t.Run("no verifier", func(t *testing.T) {
		_, err := s.byCode(s.approved(), callback, "")
		p.wantCode("CreateToken", err, "InvalidRequestException")
	})
	t.Run("a grant that the client is not registered for", func(t *testing.T) {
		_, err := s.byDevice("x")
		p.wantCode("CreateToken", err, "UnauthorizedClientException")
	})
	t.Run("refused", func(t *testing.T) {
		_ = p.SignIn(fakeaws.RefuseSignIn, "")
		status, q, _ := p.open(t.Context(), s.query())
		if status != 302 || q.Get("error") != "access_denied" || q.Get("state") != "S1" || q.Has("code") {
			t.Errorf("authorize: got %d %v", status, q)
		}
	})
	t.Run("the page waits for its person", func(t *testing.T) {
		_ = p.SignIn(fakeaws.WaitSignIn, "")
		done := make(chan url.Values)
		go func() {
			_, q, _ := p.open(t.Context(), s.query("state", "S2"))
			done <- q
		}()
		for p.Decide(fakeaws.ApproveSignIn, "S2", "mary") != nil && t.Context().Err() == nil {
			time.Sleep(time.Millisecond) // until the page is open
		}
		if q := <-done; q.Get("code") == "" || q.Get("state") != "S2" {
			t.Errorf("authorize: got %v", q)
		}
	})
}

// TestSignInPageRefusals: a browser is sent back with an error where that is
// safe, and stays where it is not.
func TestSignInPageRefusals(t *testing.T) {
	p := start(t, fakeaws.Config{SignIn: fakeaws.ApproveSignIn})
	s := p.register(codeGrant)
	for _, c := range []struct {
		name, parameter, value, want string
		status                       int
	}{
		{"an unknown client", "client_id", "x", `"invalid_request","error_description":"client_id is not a registered client's"`, 400},
		{"another machine", "redirect_uri", "http://192.0.2.1:1/oauth/callback", `"invalid_redirect_uri"`, 400},
		{"a name", "redirect_uri", "http://localhost:1/oauth/callback", `"invalid_redirect_uri"`, 400},
		{"another path", "redirect_uri", "http://127.0.0.1:1/", `"invalid_redirect_uri"`, 400},
		{"no port", "redirect_uri", "http://127.0.0.1/oauth/callback", `"invalid_redirect_uri"`, 400},
		{"a fragment", "redirect_uri", callback + "#x", `"invalid_redirect_uri"`, 400},
		{"another response", "response_type", "token", "response_type must be code", 302},
		{"no state", "state", "", "state is required", 302},
		{"no PKCE", "code_challenge", "", "code_challenge is required, and code_challenge_method S256", 302},
		{"plain PKCE", "code_challenge_method", "plain", "code_challenge is required, and code_challenge_method S256", 302},
		{"no scopes", "scopes", "", "scopes is required", 302},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, q, body := p.open(t.Context(), s.query(c.parameter, c.value))
			if status != c.status || !strings.Contains(body+q.Get("error_description"), c.want) || q.Has("code") {
				t.Errorf("authorize: got %d %v %s, want %d %s", status, q, body, c.status, c.want)
			}
		})
	}
	t.Run("a client of devices", func(t *testing.T) {
		if status, _, body := p.open(t.Context(), p.register(deviceGrant).query()); status != 400 || !strings.Contains(body, "unauthorized_client") {
			t.Errorf("authorize: got %d %s", status, body)
		}
	})
	t.Run("opened by another page", func(t *testing.T) {
		if status, _, body := p.open(t.Context(), s.query(), "Sec-Fetch-Site", "cross-site"); status != 403 {
			t.Errorf("authorize: got %d %s", status, body)
		}
	})
	t.Run("nobody of the name", func(t *testing.T) {
		_ = p.SignIn(fakeaws.ApproveSignIn, "eve")
		if status, _, body := p.open(t.Context(), s.query()); status != 400 || !strings.Contains(body, `person \"eve\": not of the instance `+startURL) {
			t.Errorf("authorize: got %d %s", status, body)
		}
	})
}

func TestSignInWithADevice(t *testing.T) {
	p := start(t, fakeaws.Config{})
	s := p.register(deviceGrant, refreshGrant)
	begin := func() *ssooidc.StartDeviceAuthorizationOutput {
		t.Helper()
		d, err := s.sdk.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{ClientId: &s.id, ClientSecret: &s.secret, StartUrl: aws.String(startURL + "/")})
		if err != nil || d.Interval != 5 || d.ExpiresIn != 600 || !strings.HasPrefix(*d.VerificationUri, p.url) || !strings.Contains(*d.VerificationUriComplete, *d.UserCode) {
			t.Fatalf("StartDeviceAuthorization: got %+v, %v", d, err)
		}
		return d
	}
	t.Run("pending, too fast, approved, and once", func(t *testing.T) {
		d := begin()
		_, err := s.byDevice(*d.DeviceCode)
		p.wantCode("at once", err, "AuthorizationPendingException")
		_, err = s.byDevice(*d.DeviceCode)
		p.wantCode("at once again", err, "SlowDownException")
		if err := p.Decide(fakeaws.ApproveSignIn, *d.UserCode, ""); err != nil {
			t.Fatal(err)
		}
		p.Advance(5 * time.Second)
		_, err = s.byDevice(*d.DeviceCode)
		p.wantCode("without having slowed down", err, "SlowDownException")
		p.Advance(15 * time.Second)
		if got, err := s.byDevice(*d.DeviceCode); err != nil || got.RefreshToken == nil {
			t.Errorf("approved: got %+v, %v", got, err)
		}
		_, err = s.byDevice(*d.DeviceCode)
		p.wantCode("a second time", err, "InvalidGrantException")
	})
	t.Run("refused", func(t *testing.T) {
		d := begin()
		_ = p.SignIn(fakeaws.RefuseSignIn, "")
		if status, _, body := p.open(t.Context(), *d.VerificationUriComplete); status != 200 || body != "fakeaws: the answer was: refuse; the program that asked will see it\n" {
			t.Errorf("page: got %d %s", status, body)
		}
		_, err := s.byDevice(*d.DeviceCode)
		p.wantCode("CreateToken", err, "AccessDeniedException")
	})
	t.Run("nobody came", func(t *testing.T) {
		d := begin()
		p.Advance(11 * time.Minute)
		_, err := s.byDevice(*d.DeviceCode)
		p.wantCode("CreateToken", err, "ExpiredTokenException")
		if err := p.Decide(fakeaws.ApproveSignIn, *d.UserCode, ""); err == nil {
			t.Error("Decide: got nil for a code that is over")
		}
	})
	t.Run("another start URL", func(t *testing.T) {
		_, err := s.sdk.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{ClientId: &s.id, ClientSecret: &s.secret, StartUrl: aws.String("https://other.awsapps.com/start")})
		p.wantCode("StartDeviceAuthorization", err, "InvalidRequestException")
	})
	t.Run("another secret", func(t *testing.T) {
		other := *s
		other.secret = "x"
		_, err := other.byDevice("x")
		p.wantCode("CreateToken", err, "InvalidClientException")
	})
	t.Run("a registration that is over", func(t *testing.T) {
		p.Advance(91 * 24 * time.Hour)
		_, err := s.byDevice("x")
		p.wantCode("CreateToken", err, "InvalidClientException")
	})
}

func TestRegisterClientRefusals(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c := ssooidc.New(ssooidc.Options{Region: region, BaseEndpoint: &p.url, Retryer: aws.NopRetryer{}, HTTPClient: inMemory{}})
	for want, change := range map[string]func(*ssooidc.RegisterClientInput){
		"InvalidClientMetadataException": func(in *ssooidc.RegisterClientInput) { in.ClientType = aws.String("confidential") },
		"UnsupportedGrantTypeException":  func(in *ssooidc.RegisterClientInput) { in.GrantTypes = []string{"password"} },
		"InvalidScopeException":          func(in *ssooidc.RegisterClientInput) { in.Scopes = []string{"a b"} },
		"InvalidRedirectUriException": func(in *ssooidc.RegisterClientInput) {
			in.RedirectUris = []string{"https://example.com/oauth/callback"}
		},
		"InvalidRequestException": func(in *ssooidc.RegisterClientInput) { in.GrantTypes = []string{codeGrant} },
	} {
		in := &ssooidc.RegisterClientInput{ClientName: aws.String("test"), ClientType: aws.String("public")}
		change(in)
		_, err := c.RegisterClient(t.Context(), in)
		p.wantCode("RegisterClient", err, want)
	}
	s := &signer{p, c, "x", "y"}
	_, err := s.token("password", func(*ssooidc.CreateTokenInput) {})
	p.wantCode("CreateToken of an unknown client", err, "InvalidClientException")
	s = p.register(deviceGrant)
	_, err = s.token("password", func(*ssooidc.CreateTokenInput) {})
	p.wantCode("CreateToken of another grant", err, "UnsupportedGrantTypeException")
}
