package fakeaws

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// oidc is IAM Identity Center's sign-in (OIDC API, 2019-06-10). Nothing in it
// is signed: clients have secrets of their own.
var oidc = service{name: "sso-oauth", serve: (*Fake).serveOIDC, failure: oidcFailure, auth: oidcWords}

// oidcOperations are those of the API, by method and path.
var oidcOperations = map[string]jsonOperation{
	"POST /client/register":      {"RegisterClient", (*Fake).registerClient},
	"POST /device_authorization": {"StartDeviceAuthorization", (*Fake).startDevice},
	"POST /token":                {"CreateToken", (*Fake).createToken},
	"GET /authorize":             {"Authorize", (*Fake).authorizePage},
}

// jsonOperation is one operation of a service that speaks JSON.
type jsonOperation struct {
	name string
	do   func(*Fake, *request) (*answer, *failure)
}

// The grants that there are.
const (
	codeGrant    = "authorization_code"
	deviceGrant  = "urn:ietf:params:oauth:grant-type:device_code"
	refreshGrant = "refresh_token"
	accountScope = "sso:account:access"
)

var (
	scopePattern    = expr(`^[A-Za-z0-9_-]+(?::[A-Za-z0-9_-]+)*$`)
	redirectPattern = expr(`^http://127\.0\.0\.1(?::[0-9]{1,5})?/oauth/callback$`)
	verifierPattern = expr(`^[A-Za-z0-9._~-]{43,128}$`)
)

// serveOIDC answers a request to the sign-in.
func (f *Fake) serveOIDC(rq *request) (*answer, *failure) {
	operation := oidcOperations[rq.Method+" "+rq.URL.Path]
	if failed := f.begin(rq, operation.name); failed != nil {
		return nil, failed
	}
	return operation.do(f, rq)
}

// registration is what RegisterClient is sent.
type registration struct {
	ClientName, ClientType, IssuerURL string
	Scopes, RedirectURIs, GrantTypes  []string
}

// registerClient makes a client known. One that wants to be answered by a
// browser has to say where, and whose instance it is for.
func (f *Fake) registerClient(rq *request) (*answer, *failure) {
	var in registration
	if failed := f.readJSON(rq, &in); failed != nil {
		return nil, failed
	}
	if failed := in.check(); failed != nil {
		return nil, failed
	}
	c := &oidcClient{id: rand.Text(), secret: opaque(), grants: in.GrantTypes, redirects: in.RedirectURIs,
		refreshable: slices.Contains(in.Scopes, accountScope)}
	if len(c.grants) == 0 {
		c.grants = []string{deviceGrant, refreshGrant}
	}
	if slices.Contains(c.grants, codeGrant) {
		c.center = f.world.center(in.IssuerURL)
		if c.center == nil || len(c.redirects) == 0 {
			return nil, badRequest("authorization_code needs redirectUris, and the start URL of an instance as issuerUrl")
		}
	}
	f.signIns.mu.Lock()
	defer f.signIns.mu.Unlock()
	expires := rq.now.Add(clientLife)
	if failed := f.signIns.clients.put(c.id, c, rq.now, expires); failed != nil {
		return nil, failed
	}
	return jsonAnswer(map[string]any{"clientId": c.id, "clientSecret": c.secret,
		"clientIdIssuedAt": rq.now.Unix(), "clientSecretExpiresAt": expires.Unix()}), nil
}

// check looks at each value by itself.
func (in *registration) check() *failure {
	switch {
	case in.ClientName == "" || in.ClientType == "":
		return badRequest("clientName and clientType are required")
	case in.ClientType != "public":
		return oauth("InvalidClientMetadataException", "Invalid client type")
	}
	for _, g := range in.GrantTypes {
		if g != codeGrant && g != deviceGrant && g != refreshGrant {
			return oauth("UnsupportedGrantTypeException", "Unsupported grant type")
		}
	}
	for _, s := range in.Scopes {
		if !scopePattern.MatchString(s) {
			return oauth("InvalidScopeException", "Invalid scope")
		}
	}
	for _, u := range in.RedirectURIs {
		if !redirectPattern.MatchString(u) {
			return oauth("InvalidRedirectUriException", "Invalid redirect uri")
		}
	}
	return nil
}

// startDevice begins a sign-in on another device.
func (f *Fake) startDevice(rq *request) (*answer, *failure) {
	var in struct{ ClientID, ClientSecret, StartURL string }
	if failed := f.readJSON(rq, &in); failed != nil {
		return nil, failed
	}
	f.signIns.mu.Lock()
	defer f.signIns.mu.Unlock()
	c, failed := f.signIns.client(in.ClientID, in.ClientSecret, rq.now)
	if failed != nil {
		return nil, failed
	}
	if !slices.Contains(c.grants, deviceGrant) {
		return nil, oauth("UnauthorizedClientException", "The client is not registered for this grant")
	}
	center := f.world.center(in.StartURL)
	if center == nil {
		return nil, badRequest("Invalid start url provided")
	}
	letters := rand.Text()
	a := &ask{client: c, center: center, name: letters[:4] + "-" + letters[4:8], done: make(chan struct{}), interval: center.poll}
	device, expires := opaque(), rq.now.Add(askLife)
	if failed := f.signIns.devices.put(device, a, rq.now, expires); failed != nil {
		return nil, failed
	}
	if failed := f.signIns.waiting.put(a.name, a, rq.now, expires); failed != nil {
		return nil, failed
	}
	page := "http://" + rq.Host + devicePage
	return jsonAnswer(map[string]any{"deviceCode": device, "userCode": a.name, "verificationUri": page,
		"verificationUriComplete": page + "?user_code=" + a.name, "expiresIn": int(askLife / time.Second),
		"interval": int(center.poll / time.Second)}), nil
}

// tokenCall is what CreateToken is sent.
type tokenCall struct {
	ClientID, ClientSecret, GrantType                         string
	DeviceCode, Code, RedirectURI, CodeVerifier, RefreshToken string
}

// createToken hands out tokens for a grant. Every grant is good once.
func (f *Fake) createToken(rq *request) (*answer, *failure) {
	var in tokenCall
	if failed := f.readJSON(rq, &in); failed != nil {
		return nil, failed
	}
	s := &f.signIns
	s.mu.Lock()
	defer s.mu.Unlock()
	c, failed := s.client(in.ClientID, in.ClientSecret, rq.now)
	if failed != nil {
		return nil, failed
	}
	redeem, known := map[string]func(*tokenCall, *oidcClient, time.Time) (*signIn, *failure){
		codeGrant: s.redeemCode, deviceGrant: s.redeemDevice, refreshGrant: s.redeemRefresh}[in.GrantType]
	switch {
	case !known:
		return nil, oauth("UnsupportedGrantTypeException", "Unsupported grant type")
	case !slices.Contains(c.grants, in.GrantType):
		return nil, oauth("UnauthorizedClientException", "The client is not registered for this grant")
	}
	signedIn, failed := redeem(&in, c, rq.now)
	if failed != nil {
		return nil, failed
	}
	return s.tokens(signedIn, rq.now)
}

// client finds a client by its id and secret.
func (s *signIns) client(id, secret string, now time.Time) (*oidcClient, *failure) {
	c, known, live := s.clients.get(id, now)
	switch {
	case id == "" || secret == "":
		return nil, badRequest("clientId and clientSecret are required")
	case !known || subtle.ConstantTimeCompare([]byte(c.secret), []byte(secret)) != 1:
		return nil, fail(http.StatusUnauthorized, "InvalidClientException", "Invalid client id or secret")
	case !live:
		return nil, fail(http.StatusUnauthorized, "InvalidClientException", "The client's registration has expired")
	}
	return c, nil
}

// redeemCode turns an authorization code into a sign-in. A code is used up also
// where something else is wrong: whoever guesses at verifiers has one try.
func (s *signIns) redeemCode(in *tokenCall, c *oidcClient, now time.Time) (*signIn, *failure) {
	if in.Code == "" || in.RedirectURI == "" || in.CodeVerifier == "" {
		return nil, badRequest("code, redirectUri and codeVerifier are required")
	}
	a, _, live := s.codes.get(in.Code, now)
	delete(s.codes, in.Code)
	if !live || a.client != c || a.redirect != in.RedirectURI || !verifierPattern.MatchString(in.CodeVerifier) {
		return nil, invalidGrant()
	}
	sum := sha256.Sum256([]byte(in.CodeVerifier))
	if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(a.challenge)) != 1 {
		return nil, invalidGrant()
	}
	return a.signedIn(now), nil
}

// redeemDevice turns a device code into a sign-in once its person has answered.
// Who asks too often has to wait longer from then on (RFC 8628, 3.5).
func (s *signIns) redeemDevice(in *tokenCall, c *oidcClient, now time.Time) (*signIn, *failure) {
	a, known, live := s.devices.get(in.DeviceCode, now)
	switch {
	case !known || a.client != c:
		return nil, invalidGrant()
	case !live:
		return nil, oauth("ExpiredTokenException", "The device code has expired")
	}
	since := now.Sub(a.polled)
	a.polled = now
	switch {
	case since < a.interval*9/10: // clients count from when they asked
		a.interval += 5 * time.Second
		return nil, oauth("SlowDownException", "Slow down")
	case !a.decided:
		return nil, oauth("AuthorizationPendingException", "Authorization is still pending")
	}
	delete(s.devices, in.DeviceCode)
	if a.person == nil {
		return nil, oauth("AccessDeniedException", "The sign-in was refused")
	}
	return a.signedIn(now), nil
}

// redeemRefresh turns a refresh token into new tokens; it is then used up.
func (s *signIns) redeemRefresh(in *tokenCall, c *oidcClient, now time.Time) (*signIn, *failure) {
	signIn, _, live := s.refresh.get(in.RefreshToken, now)
	if !live || signIn.client != c {
		return nil, invalidGrant()
	}
	delete(s.refresh, in.RefreshToken)
	return signIn, nil
}

// signedIn begins the sign-in of a question that was approved.
func (a *ask) signedIn(now time.Time) *signIn {
	return &signIn{person: a.person, client: a.client, ends: now.Add(a.center.session)}
}

// tokens makes the tokens of a sign-in. Without the scope for it there is no
// refresh token, and the access token is good for the whole sign-in.
func (s *signIns) tokens(in *signIn, now time.Time) (*answer, *failure) {
	out, ends := map[string]any{"tokenType": "Bearer"}, in.ends
	if in.client.refreshable && slices.Contains(in.client.grants, refreshGrant) {
		if soon := now.Add(in.person.center.lifetime); soon.Before(ends) {
			ends = soon
		}
		refresh := opaque()
		if failed := s.refresh.put(refresh, in, now, in.ends); failed != nil {
			return nil, failed
		}
		out["refreshToken"] = refresh
	}
	access := opaque()
	if failed := s.access.put(access, in, now, ends); failed != nil {
		return nil, failed
	}
	out["accessToken"], out["expiresIn"] = access, int(ends.Sub(now)/time.Second)
	return jsonAnswer(out), nil
}

// readJSON reads a body. Unknown members are ignored, as AWS does.
func (f *Fake) readJSON(rq *request, into any) *failure {
	kind, _, _ := mime.ParseMediaType(rq.Header.Get("Content-Type"))
	body, err := io.ReadAll(io.LimitReader(rq.Body, maxControl+1))
	if kind != "application/json" || err != nil || len(body) > maxControl || json.Unmarshal(body, into) != nil {
		return badRequest("The body is not the JSON of this operation")
	}
	var members map[string]any
	_ = json.Unmarshal(body, &members) // an object: it was read before
	form := url.Values{}
	for name, v := range members {
		if text, ok := v.(string); ok {
			form.Set(name, text)
		}
	}
	f.journal.form(rq, form)
	return nil
}

// jsonAnswer makes an answer of a value.
func jsonAnswer(v any) *answer { return jsonStatus(http.StatusOK, v) }

func jsonStatus(status int, v any) *answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of ours: cannot fail
	}
	return &answer{status: status, body: body, header: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}}
}

// oauth makes one of the API's errors that have status 400.
func oauth(code, message string) *failure { return &failure{http.StatusBadRequest, code, message} }

func badRequest(message string) *failure { return oauth("InvalidRequestException", message) }
func invalidGrant() *failure             { return oauth("InvalidGrantException", "Invalid grant provided") }

// oidcFailure writes an error as OAuth does; the SDKs take its name from the
// header.
func oidcFailure(rq *request, f *failure) *answer {
	a := jsonStatus(f.status, map[string]any{"error": oauthName(f.code), "error_description": f.message})
	a.header["x-amzn-ErrorType"], a.header["x-amzn-RequestId"] = f.code, rq.id
	return a
}

// oauthName turns an exception's name into OAuth's: AccessDeniedException is
// access_denied.
func oauthName(code string) string {
	var b strings.Builder
	for i, c := range strings.TrimSuffix(code, "Exception") {
		if c >= 'A' && c <= 'Z' && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}
