package fakeaws_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/vendord/vendord/fakeaws"
)

// control sends a request to /_fake/ as curl would, and returns the answer.
func (p *place) control(method, path, body string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// TestProofsOverHTTP: a program that knows nothing of Go gets its proofs by
// HTTP, from issuers that the fake plays.
func TestProofsOverHTTP(t *testing.T) {
	s := federationState([]fakeaws.OIDCProvider{{URL: issuerURL, Audiences: []string{"sts.amazonaws.com"}}}, []fakeaws.SAMLProvider{{Name: "ADFS"}}, "")
	s.Accounts[0].Users = []fakeaws.User{{Name: "ann", MFA: []fakeaws.MFADevice{{Serial: "arn:aws:iam::444455556666:mfa/ann", Seed: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}}}}
	p := start(t, fakeaws.Config{State: s, ClockOverHTTP: true})
	saml := func(text string) error { _, err := p.saml(text); return err }
	jwt := func(text string) error { _, err := p.webIdentity(text); return err }
	pair := `"roles":["` + peopleRole + `"],"session_name":"ann@example.com"`
	for _, c := range []struct {
		name, path, body string
		use              func(string) error
		code, message    string
	}{
		{"a JWT", "/_fake/jwt", `{"subject":"project:main","audience":"sts.amazonaws.com"}`, jwt, "", ""},
		{"a JWT with everything", "/_fake/jwt", `{"issuer":"` + issuerURL + `","subject":"s","audience":["sts.amazonaws.com"],"lifetime":"5m","tags":{"team":"red"},"transitive_tags":["team"],"source_identity":"ann","claims":{"nbf":1}}`, jwt, "", ""},
		{"an expired JWT", "/_fake/jwt", `{"subject":"s","audience":"sts.amazonaws.com","lifetime":"-1m"}`, jwt, "ExpiredTokenException", `^Token expired: `},
		{"a forged JWT", "/_fake/jwt", `{"subject":"s","audience":"sts.amazonaws.com","forged":true}`, jwt, "InvalidIdentityToken", `could not be validated`},
		{"an assertion", "/_fake/saml", `{` + pair + `}`, saml, "", ""},
		{"an assertion with everything", "/_fake/saml", `{"provider":"` + adfsARN + `",` + pair + `,"subject":"ann","persistent":true,"lifetime":"2m","session_duration":"1h","session_lifetime":"30m",
			"tags":{"team":"red"},"transitive_tags":["team"],"source_identity":"ann","sign_response":true,"audience":"urn:amazon:webservices"}`, saml, "", ""},
		{"an expired assertion", "/_fake/saml", `{` + pair + `,"lifetime":"-1m"}`, saml, "ExpiredTokenException", "^Token must be redeemed within 5 minutes of issuance$"},
		{"a forged assertion", "/_fake/saml", `{` + pair + `,"forged":true}`, saml, "InvalidIdentityToken", "^Response signature invalid$"},
		{"an assertion for another role", "/_fake/saml", `{"roles":["` + ciRole + `"],"session_name":"ann"}`, saml, "AccessDenied", "^Not authorized to perform sts:AssumeRoleWithSAML$"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, text := p.control("POST", c.path, c.body)
			if status != 200 || strings.ContainsAny(text, "\r\n ") {
				t.Fatalf("%s: got %d %q", c.path, status, text)
			}
			if err := c.use(text); c.code != "" {
				wantErrorLike(t, "with what "+c.path+" made", err, c.code, c.message)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("the clock of proofs is the fake's", func(t *testing.T) {
		p.Advance(24 * time.Hour)
		_, token := p.control("POST", "/_fake/jwt", `{"subject":"s","audience":"sts.amazonaws.com","lifetime":"1m"}`)
		if err := jwt(token); err != nil {
			t.Error(err)
		}
	})
	t.Run("the code of a device", func(t *testing.T) {
		status, text := p.control("GET", "/_fake/totp?serial=arn:aws:iam::444455556666:mfa/ann", "")
		now := time.Now().Add(24 * time.Hour)
		seed := []byte("12345678901234567890")
		if status != 200 || text != fakeaws.MFACode(seed, now) && text != fakeaws.MFACode(seed, now.Add(-time.Second)) {
			t.Errorf("got %d %q", status, text)
		}
	})
	t.Run("the rules of GetScopedCredentials", func(t *testing.T) {
		if status, text := p.control("POST", "/_fake/scoped", `{"clamp":true,"refusals":{"depth":{"status":400,"code":"Deep"}}}`); status != 200 {
			t.Fatalf("got %d %s", status, text)
		}
		if _, text := p.control("GET", "/_fake/scoped", ""); strings.TrimSpace(text) != `{"clamp":true,"refusals":{"depth":{"status":400,"code":"Deep"}}}` {
			t.Errorf("got %s", text)
		}
	})
	for _, c := range []struct{ name, method, path, body, want string }{
		{"an issuer of others", "POST", "/_fake/jwt", `{"issuer":"https://other.example.com"}`, `fakeaws: issuer "https://other.example.com": fakeaws plays [` + issuerURL + `]`},
		{"a provider of others", "POST", "/_fake/saml", `{"provider":"x"}`, `fakeaws: provider "x": fakeaws plays [` + adfsARN + `]`},
		{"an audience that is a number", "POST", "/_fake/jwt", `{"audience":7}`, "fakeaws: audience: neither a text nor a list of texts"},
		{"a lifetime that is none", "POST", "/_fake/jwt", `{"lifetime":"long"}`, `fakeaws: lifetime "long": not a duration such as 1.5s`},
		{"a member that is not known", "POST", "/_fake/saml", `{"role":"x"}`, `fakeaws: json: unknown field "role"`},
		{"a device that nobody has", "GET", "/_fake/totp?serial=x", "", `fakeaws: serial "x": 0 users have such a device`},
		{"rules that are none", "POST", "/_fake/scoped", `{"max_depth":-1}`, "fakeaws: scoped: max_depth and max_policy_chars cannot be negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, text := p.control(c.method, c.path, c.body); status != 400 || strings.TrimSpace(text) != c.want {
				t.Errorf("got %d %s\nwant 400 %s", status, text, c.want)
			}
		})
	}
}

// TestUnasked: a client that signs what nobody signs is found in the journal.
func TestUnasked(t *testing.T) {
	p := start(t, fakeaws.Config{State: federationState([]fakeaws.OIDCProvider{{URL: issuerURL, Audiences: []string{"a"}}}, nil, "")})
	token := p.Issuer(issuerURL).Sign(fakeaws.Claims{Subject: "s", Audience: []string{"a"}})
	r := form(aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x", SessionToken: "y"},
		"Action=AssumeRoleWithWebIdentity", "RoleArn="+ciRole, "RoleSessionName=build-7", "WebIdentityToken="+token)
	p.send(r).want(t, 200, "", "")
	if got := strings.Join(p.Journal()[0].Unasked, " "); got != "Authorization X-Amz-Security-Token" {
		t.Errorf("Unasked: got %q, want both headers", got)
	}
}

// TestFourKiB: a token can be as long as AWS's longest, by every operation.
func TestFourKiB(t *testing.T) {
	idp, issuer := fakeaws.NewIdentityProvider(idpURL), fakeaws.NewIssuer(issuerURL)
	p := start(t, fakeaws.Config{State: federationState([]fakeaws.OIDCProvider{issuer.Provider("sts.amazonaws.com")}, []fakeaws.SAMLProvider{idp.Provider("ADFS")}, "")})
	full := aws.Int32(4096)
	want := func(what string, size, utilization *int32, token *string, err error) {
		t.Helper()
		if err != nil || *size != 4096 || *utilization != 100 || len(*token) != 4096 {
			t.Errorf("%s: got %v, want 4,096 bytes", what, err)
		}
	}
	w, err := p.webIdentity(issuer.Sign(ciClaims()), func(in *sts.AssumeRoleWithWebIdentityInput) { in.MinimumSessionTokenSize = full })
	want("AssumeRoleWithWebIdentity", w.SessionTokenSize, w.SessionTokenUtilization, w.Credentials.SessionToken, err)
	a, err := p.saml(idp.Sign(annAssertion()), func(in *sts.AssumeRoleWithSAMLInput) { in.MinimumSessionTokenSize = full })
	want("AssumeRoleWithSAML", a.SessionTokenSize, a.SessionTokenUtilization, a.Credentials.SessionToken, err)
	p = start(t, fakeaws.Config{State: kiosk(allow("sts:*", "*"))})
	g, err := p.federate(john(), "", func(in *sts.GetFederationTokenInput) { in.MinimumSessionTokenSize = full })
	want("GetFederationToken", g.SessionTokenSize, g.SessionTokenUtilization, g.Credentials.SessionToken, err)
	s, err := p.sts(john()).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{MinimumSessionTokenSize: full})
	want("GetSessionToken", s.SessionTokenSize, s.SessionTokenUtilization, s.Credentials.SessionToken, err)
	if _, err := p.sts(session(s.Credentials)).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Errorf("with such a token: %v", err)
	}
	tags := map[string]string{}
	for _, m := range manyTags(50, 200) {
		if key, value, _ := strings.Cut(m, "="); strings.HasSuffix(key, ".Value") {
			tags["k"+strings.Split(key, ".")[2]] = value
		}
	}
	claims := ciClaims()
	claims.Tags = tags
	p = start(t, fakeaws.Config{State: federationState([]fakeaws.OIDCProvider{issuer.Provider("sts.amazonaws.com")}, nil, "")})
	_, err = p.webIdentity(issuer.Sign(claims))
	wantErrorLike(t, "fifty tags of noise", err, "PackedPolicyTooLarge", `^Packed size of session tags consumes \d{3}% of allotted space\.$`)
}
