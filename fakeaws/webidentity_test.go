package fakeaws_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/vendord/vendord/fakeaws"
)

const (
	issuerURL = "https://ci.example.com/project"
	ciRole    = "arn:aws:iam::444455556666:role/Ci"
	ciARN     = "arn:aws:sts::444455556666:assumed-role/Ci/build-7"
)

// federationState is an account with a role Ci for the JWTs of some issuers, a
// role People for a SAML provider, and a bucket that both may do all with.
func federationState(oidc []fakeaws.OIDCProvider, saml []fakeaws.SAMLProvider, conditions string) fakeaws.State {
	trust := func(provider, actions, conditions string) fakeaws.Document {
		return fakeaws.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::444455556666:` +
			provider + `"},"Action":` + list(actions) + conditions + `}]}`)
	}
	s3 := fakeaws.Documents{allow("s3:*", "*")}
	return fakeaws.State{Region: region, Accounts: []fakeaws.Account{{
		ID: "444455556666", OIDCProviders: oidc, SAMLProviders: saml,
		Roles: []fakeaws.Role{
			{Name: "Ci", Trust: trust("oidc-provider/ci.example.com/project", "sts:AssumeRoleWithWebIdentity sts:TagSession sts:SetSourceIdentity", conditions), Policies: s3, MaxSessionDuration: 7200},
			{Name: "Plain", Trust: trust("oidc-provider/ci.example.com/project", "sts:AssumeRoleWithWebIdentity", ""), Policies: s3},
			{Name: "People", Trust: trust("saml-provider/ADFS", "sts:AssumeRoleWithSAML sts:TagSession sts:SetSourceIdentity", conditions), Policies: s3, MaxSessionDuration: 7200},
			{Name: "AWSReservedSSO_Admin_1", Path: "/aws-reserved/sso.amazonaws.com/", Trust: trust("saml-provider/ADFS", "sts:AssumeRoleWithSAML", "")},
			{Name: "Next", Trust: fakeaws.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + ciRole + `"]},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`)},
		},
		ManagedPolicies: []fakeaws.ManagedPolicy{{Name: "Read", Document: fakeaws.Document(allow("s3:GetObject", "*"))}},
		Buckets:         []fakeaws.Bucket{{Name: "artefacts", Objects: map[string]string{"a.txt": "a", "project:main/b.txt": "b"}}},
	}}}
}

// anonymous is a client that signs nothing.
func (p *place) anonymous() *sts.Client {
	return sts.New(sts.Options{Region: region, BaseEndpoint: &p.url, Credentials: aws.AnonymousCredentials{}, Retryer: aws.NopRetryer{}, HTTPClient: inMemory{}})
}

// webIdentity asks for a session of the role Ci.
func (p *place) webIdentity(token string, more ...func(*sts.AssumeRoleWithWebIdentityInput)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String(ciRole), RoleSessionName: aws.String("build-7"), WebIdentityToken: &token}
	for _, f := range more {
		f(in)
	}
	return p.anonymous().AssumeRoleWithWebIdentity(p.t.Context(), in)
}

// ciClaims is what a good token says.
func ciClaims() fakeaws.Claims {
	return fakeaws.Claims{Subject: "project:main", Audience: []string{"sts.amazonaws.com"}}
}

func TestWebIdentity(t *testing.T) {
	for name, issuer := range map[string]*fakeaws.Issuer{"ES256": fakeaws.NewIssuer(issuerURL), "RS256": fakeaws.NewRSAIssuer(issuerURL)} {
		t.Run(name, func(t *testing.T) {
			p := start(t, fakeaws.Config{State: federationState([]fakeaws.OIDCProvider{issuer.Provider("sts.amazonaws.com")}, nil,
				`,"Condition":{"StringEquals":{"ci.example.com/project:aud":"sts.amazonaws.com"},"StringLike":{"ci.example.com/project:sub":"project:*"}}`)})
			out, err := p.webIdentity(issuer.Sign(ciClaims()), func(in *sts.AssumeRoleWithWebIdentityInput) {
				in.DurationSeconds, in.Policy = aws.Int32(1800), aws.String(allow("s3:GetObject", "arn:aws:s3:::artefacts/${ci.example.com/project:sub}/*"))
			})
			if err != nil {
				t.Fatal(err)
			}
			if *out.Provider != issuerURL || *out.Audience != "sts.amazonaws.com" || *out.SubjectFromWebIdentityToken != "project:main" || *out.AssumedRoleUser.Arn != ciARN {
				t.Errorf("got %s, %s, %s, %s", *out.Provider, *out.Audience, *out.SubjectFromWebIdentityToken, *out.AssumedRoleUser.Arn)
			}
			if left := time.Until(*out.Credentials.Expiration); left < 29*time.Minute || left > 30*time.Minute {
				t.Errorf("Expiration: got %s from now, want 30m", left)
			}
			wantSizes(t, out.Credentials, out.SessionTokenSize, out.SessionTokenUtilization)
			c := session(out.Credentials)
			if _, err := p.client(c).Get(t.Context(), "artefacts", "project:main/b.txt"); err != nil {
				t.Errorf("Get what the subject's variable allows: %v", err)
			}
			_, err = p.client(c).Get(t.Context(), "artefacts", "a.txt")
			wantError(t, "Get beside it", err, "AccessDenied", "User: "+ciARN+` is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::artefacts/a.txt" because no session policy allows the s3:GetObject action`)
			if calls := p.Journal(); len(calls[0].Unasked) > 0 || !strings.HasPrefix(calls[0].Parameters["WebIdentityToken"], "sha256:") {
				t.Errorf("the journal: got %+v", calls[0])
			}
		})
	}
}

// wantSizes checks the size fields against the token.
func wantSizes(t *testing.T, c *types.Credentials, size, utilization *int32) {
	t.Helper()
	n := len(*c.SessionToken)
	if size == nil || utilization == nil || int(*size) != n || int(*utilization) != (n*100+4095)/4096 {
		t.Errorf("sizes: got %v, %v for a token of %d bytes", size, utilization, n)
	}
}

func TestWebIdentityCarriesTags(t *testing.T) {
	issuer := fakeaws.NewIssuer(issuerURL)
	p := start(t, fakeaws.Config{State: federationState([]fakeaws.OIDCProvider{issuer.Provider("sts.amazonaws.com")}, nil,
		`,"Condition":{"StringEquals":{"aws:RequestTag/team":"red","sts:SourceIdentity":"ann"}}`)})
	claims := ciClaims()
	claims.Tags, claims.TransitiveTags, claims.SourceIdentity = map[string]string{"team": "red", "Cost": "7"}, []string{"team"}, "ann"
	out, err := p.webIdentity(issuer.Sign(claims))
	if err != nil || aws.ToString(out.SourceIdentity) != "ann" {
		t.Fatalf("got %v, %v, want a session with the source identity", out, err)
	}
	next := "arn:aws:iam::444455556666:role/Next"
	p.send(form(session(out.Credentials), "Action=AssumeRole", "RoleArn="+next, "RoleSessionName=two", "Tags.member.1.Key=Team", "Tags.member.1.Value=blue")).
		want(t, 400, "InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
	if got := p.send(form(session(out.Credentials), "Action=AssumeRole", "RoleArn="+next, "RoleSessionName=two")); !strings.Contains(got.body, "<SourceIdentity>ann</SourceIdentity>") {
		t.Errorf("the next hop: got %s, want the source identity", got.body)
	}

	claims.Tags["team"] = "blue"
	_, err = p.webIdentity(issuer.Sign(claims))
	wantError(t, "another tag than the trust wants", err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	_, err = p.webIdentity(issuer.Sign(claims), func(in *sts.AssumeRoleWithWebIdentityInput) {
		in.RoleArn = aws.String("arn:aws:iam::444455556666:role/Plain")
	})
	wantError(t, "tags without the permission", err, "AccessDenied", "Not authorized to perform sts:TagSession")
}

// TestWebIdentityRefusals asserts every text with which a JWT is refused.
func TestWebIdentityRefusals(t *testing.T) {
	issuer, stranger := fakeaws.NewIssuer(issuerURL), fakeaws.NewIssuer("https://other.example.com")
	p := start(t, fakeaws.Config{State: federationState([]fakeaws.OIDCProvider{issuer.Provider("sts.amazonaws.com", "kubernetes")}, nil,
		`,"Condition":{"StringEquals":{"ci.example.com/project:aud":"sts.amazonaws.com","ci.example.com/project:sub":"project:main"}}`)})
	with := func(change func(*fakeaws.Claims)) string {
		c := ciClaims()
		change(&c)
		return issuer.Sign(c)
	}
	extra := func(name string, value any) string {
		return with(func(c *fakeaws.Claims) { c.Extra = map[string]any{name: value} })
	}
	now, good := time.Now(), issuer.Sign(ciClaims())
	head, rest, _ := strings.Cut(good, ".")
	const (
		identity = "InvalidIdentityToken"
		denied   = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
		bad      = "The ID Token provided is not a valid JWT: not a JWT."
		forged   = "The web identity token that was passed could not be validated. Get a new identity token from the identity provider and then retry the request."
	)
	for _, c := range []struct{ name, token, code, message string }{
		{"garbage", "garbage", identity, bad},
		{"half written", good[:len(good)/2], identity, bad},
		{"a line end after it", good + "\n", identity, bad},
		{"claims that are no object", jwtOf(`{"alg":"ES256"}`, `[]`), identity, bad},
		{"algorithm none", jwtOf(`{"alg":"none"}`, `{}`), identity, `The ID Token provided is not a valid JWT: algorithm "none" is not supported.`},
		{"a shared secret", jwtOf(`{"alg":"HS256"}`, `{}`), identity, `The ID Token provided is not a valid JWT: algorithm "HS256" is not supported.`},
		{"an issuer that nobody registered", stranger.Sign(ciClaims()), identity, "No OpenIDConnect provider found in your account for https://other.example.com"},
		{"a key that the issuer does not have", jwtOf(`{"alg":"ES256","kid":"old"}`, `{"iss":"`+issuerURL+`"}`), identity,
			"Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements"},
		{"signed by somebody else", with(func(c *fakeaws.Claims) { c.Forged = true }), identity, forged},
		{"claims changed after the signature", head + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+issuerURL+`"}`)) + rest[strings.Index(rest, "."):], identity, forged},
		{"another algorithm than the key's", jwtOf(`{"alg":"RS256"}`, `{"iss":"`+issuerURL+`"}`), identity, forged},
		{"no subject", with(func(c *fakeaws.Claims) { c.Subject = "" }), identity, "Missing a required claim: sub"},
		{"no end", extra("exp", nil), identity, "Missing a required claim: exp and iat must be integers"},
		{"times that are not whole", extra("exp", 1.5), identity, "Missing a required claim: exp and iat must be integers"},
		{"issued in the future", with(func(c *fakeaws.Claims) { c.Issued = now.Add(time.Hour) }), identity, "Token is not valid yet"},
		{"for later", extra("nbf", now.Add(time.Hour).Unix()), identity, "Token is not valid yet"},
		{"for an audience that is not registered", with(func(c *fakeaws.Claims) { c.Audience = []string{"elsewhere"} }), identity, "Incorrect token audience"},
		{"for two audiences", with(func(c *fakeaws.Claims) { c.Audience = []string{"sts.amazonaws.com", "elsewhere"} }), identity, "Incorrect token audience"},
		{"for nobody", with(func(c *fakeaws.Claims) { c.Audience = nil }), identity, "Incorrect token audience"},
		{"for an audience that the trust does not want", with(func(c *fakeaws.Claims) { c.Audience = []string{"kubernetes"} }), "AccessDenied", denied},
		{"for another subject", with(func(c *fakeaws.Claims) { c.Subject = "project:fork" }), "AccessDenied", denied},
		{"tags that are a list", extra("https://aws.amazon.com/tags", []string{"a"}), identity, "The claim https://aws.amazon.com/tags is not readable"},
		{"a tag with two values", extra("https://aws.amazon.com/tags", map[string]any{"principal_tags": map[string]any{"a": []string{"1", "2"}}}), identity, "The tag a does not have one value"},
		{"a tag of AWS's", with(func(c *fakeaws.Claims) { c.Tags = map[string]string{"aws:a": "1"} }), identity, "Tag keys that begin with aws: are reserved for AWS."},
		{"a transitive tag that is no tag", with(func(c *fakeaws.Claims) { c.TransitiveTags = []string{"a"} }), identity, "The specified transitive tag key must be included in the requested tags."},
		{"a source identity that is a number", extra("https://aws.amazon.com/source_identity", 7), identity, "The claim https://aws.amazon.com/source_identity is not a text"},
		{"a source identity of AWS's", with(func(c *fakeaws.Claims) { c.SourceIdentity = "aws:me" }), identity,
			`Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := p.webIdentity(c.token)
			wantError(t, "AssumeRoleWithWebIdentity", err, c.code, c.message)
		})
	}
	t.Run("expired", func(t *testing.T) {
		ended := now.Add(-time.Minute)
		_, err := p.webIdentity(with(func(c *fakeaws.Claims) { c.Issued, c.Expires = now.Add(-time.Hour), ended }))
		wantErrorLike(t, "AssumeRoleWithWebIdentity", err, "ExpiredTokenException", `^Token expired: current date/time \d+ must be before the expiration date/time \d+$`)
	})
	t.Run("two audiences, and azp says which", func(t *testing.T) {
		_, err := p.webIdentity(with(func(c *fakeaws.Claims) {
			c.Audience, c.Extra = []string{"sts.amazonaws.com", "elsewhere"}, map[string]any{"azp": "sts.amazonaws.com"}
		}))
		if err != nil {
			t.Error(err)
		}
	})
}

// TestAlgorithmIsTheKeys: a token cannot choose how its signature is read.
func TestAlgorithmIsTheKeys(t *testing.T) {
	for right, issuer := range map[string]*fakeaws.Issuer{"ES256": fakeaws.NewIssuer(issuerURL), "RS256": fakeaws.NewRSAIssuer(issuerURL)} {
		p := start(t, fakeaws.Config{State: federationState([]fakeaws.OIDCProvider{issuer.Provider("sts.amazonaws.com")}, nil, "")})
		for _, algorithm := range []string{"ES256", "ES384", "RS256"} {
			if _, err := p.webIdentity(fakeaws.SignAs(issuer, algorithm)); (err == nil) != (algorithm == right) {
				t.Errorf("a key for %s and a token with %s: got %v", right, algorithm, err)
			}
		}
	}
}

// jwtOf makes a JWT with a signature that nobody made.
func jwtOf(header, claims string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(claims)) + "." + e.EncodeToString(make([]byte, 64))
}

func TestIssuerServesItsKeys(t *testing.T) {
	for _, issuer := range []*fakeaws.Issuer{fakeaws.NewIssuer(issuerURL), fakeaws.NewRSAIssuer(issuerURL)} {
		get := func(path string) string {
			w := httptest.NewRecorder()
			issuer.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			return w.Body.String()
		}
		var d struct {
			Issuer string
			JWKS   string `json:"jwks_uri"`
		}
		if err := json.Unmarshal([]byte(get("/.well-known/openid-configuration")), &d); err != nil || d.Issuer != issuer.URL() || d.JWKS != issuerURL+"/jwks" {
			t.Errorf("the discovery document: got %+v, %v", d, err)
		}
		if got := strings.TrimSpace(get("/jwks")); got != issuer.JWKS() {
			t.Errorf("the key set: got %s, want %s", got, issuer.JWKS())
		}
	}
}
