package mint_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

const (
	issuerURL = "https://ci.example.com"
	ciRole    = "arn:aws:iam::629470240201:role/Ci"
	johnMFA   = "arn:aws:iam::629470240201:mfa/john"
	machines  = "arn:aws:iam::123456789012:role/App"
)

// wholeAWS is the example with what John needs for every operation: an issuer, an
// identity provider and an MFA device.
func wholeAWS(t *testing.T) (*fakeaws.Fake, string) {
	t.Helper()
	state := fakeaws.Example()
	company := &state.Accounts[0]
	company.OIDCProviders = append(company.OIDCProviders, fakeaws.OIDCProvider{URL: issuerURL, Audiences: []string{"vendord"}})
	company.SAMLProviders = append(company.SAMLProviders, fakeaws.SAMLProvider{Name: "ADFS"})
	company.Users[0].MFA = []fakeaws.MFADevice{{Serial: johnMFA, Seed: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}}
	company.Users[0].Policies = append(company.Users[0].Policies, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetFederationToken","Resource":"*"}]}`)
	company.Roles = append(company.Roles, fakeaws.Role{Name: "Ci", Policies: fakeaws.Documents{readOnly}, Trust: `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"arn:aws:iam::629470240201:oidc-provider/ci.example.com"},"Condition":{"StringEquals":{"ci.example.com:sub":"build"}}},
		{"Effect":"Allow","Action":"sts:AssumeRoleWithSAML","Principal":{"Federated":"` + provider + `"},"Condition":{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml"}}}]}`})
	f, err := fakeaws.New(fakeaws.Config{State: state})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, s.URL
}

// objects tells what a session may do with John's bucket.
func objects(t *testing.T, url string, c *session.Credentials) (reads, writes bool) {
	t.Helper()
	secret, token := c.Reveal()
	s3 := fakeaws.NewClient(url, "eu-west-1", staticKeys(c.KeyID, secret, token))
	_, readErr := s3.Get(t.Context(), "company1-hr", "handbook.txt")
	writeErr := s3.Put(t.Context(), "company1-hr", "new.txt", []byte("x"))
	return readErr == nil, writeErr == nil
}

func staticKeys(id, secret, token string) sdk.StaticCredentialsProvider {
	return sdk.NewStaticCredentialsProvider(id, secret, token)
}

// TestStoryOfProofs: JWTs and assertions, good ones and bad, as AWS takes them.
func TestStoryOfProofs(t *testing.T) {
	f, url := wholeAWS(t)
	issuer, idp := f.Issuer(issuerURL), f.IdentityProvider(provider)
	claims := fakeaws.Claims{Subject: "build", Audience: []string{"vendord"}}
	says := fakeaws.Assertion{Roles: [][2]string{{ciRole, provider}}, SessionName: "john"}
	token := func(change func(*fakeaws.Claims)) string { c := claims; change(&c); return issuer.Sign(c) }
	assertion := func(change func(*fakeaws.Assertion)) string { a := says; change(&a); return idp.Sign(a) }
	const webRefused, samlRefused = source + "AWS refuses its web identity token: ", source + "AWS refuses its SAML assertion: "
	tests := map[string]struct {
		kind, proof string
		class       session.Class // 0: it passes
		code        string
		public      string // the beginning
	}{
		"a token":                {session.WebIdentity, token(func(*fakeaws.Claims) {}), 0, "", "arn:aws:sts::629470240201:assumed-role/Ci/ci"},
		"of another audience":    {session.WebIdentity, token(func(c *fakeaws.Claims) { c.Audience = []string{"other"} }), session.Person, "InvalidIdentityToken", webRefused},
		"expired":                {session.WebIdentity, token(func(c *fakeaws.Claims) { c.Expires = time.Now().Add(-time.Hour) }), session.Person, "ExpiredTokenException", source + "its web identity token has expired"},
		"forged":                 {session.WebIdentity, token(func(c *fakeaws.Claims) { c.Forged = true }), session.Person, "InvalidIdentityToken", webRefused},
		"of another subject":     {session.WebIdentity, token(func(c *fakeaws.Claims) { c.Subject = "other" }), session.Administrator, "AccessDenied", "role " + ciRole + ": AWS denies sts:AssumeRoleWithWebIdentity"},
		"an assertion":           {session.SAML, assertion(func(*fakeaws.Assertion) {}), 0, "", "arn:aws:sts::629470240201:assumed-role/Ci/john"},
		"an expired assertion":   {session.SAML, assertion(func(a *fakeaws.Assertion) { a.Expires = time.Now().Add(-time.Hour) }), session.Person, "ExpiredTokenException", source + "its SAML assertion has expired"},
		"a forged assertion":     {session.SAML, assertion(func(a *fakeaws.Assertion) { a.Forged = true }), session.Person, "InvalidIdentityToken", samlRefused},
		"an assertion of others": {session.SAML, assertion(func(a *fakeaws.Assertion) { a.Roles[0] = [2]string{roleARN, provider} }), session.Administrator, "AccessDenied", "role " + ciRole + ": AWS denies sts:AssumeRoleWithSAML"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f.ClearJournal()
			r := proofRequest(test.kind, url, file(t, test.proof))
			if test.class != 0 {
				got := refused(t, mint.Config{}, r)
				if got.Class != test.class || got.Code != test.code || !strings.HasPrefix(got.Public, test.public) || strings.Contains(got.Public+got.Hint, test.proof) {
					t.Errorf("got %v %s %q, hint %q, want %v %s %q", got.Class, got.Code, got.Public, got.Hint, test.class, test.code, test.public)
				}
				if name == "an assertion of others" && !strings.Contains(got.Hint, "the assertion is for other roles, such as "+roleARN) {
					t.Errorf("hint: got %q, want the other roles", got.Hint)
				}
				return
			}
			got, _ := mustMint(t, mint.Config{}, r)
			if reads, writes := objects(t, url, got); got.Principal != test.public || !reads || writes {
				t.Errorf("got %s, which reads %v and writes %v, want %s, which reads", got.Principal, reads, writes, test.public)
			}
			if call := f.Journal()[0]; len(call.Unasked) > 0 || call.KeyID != "" {
				t.Errorf("headers of a signature: got %v of %q, want none", call.Unasked, call.KeyID)
			}
		})
	}
}

// proofRequest asks for the CI role with a proof in a file.
func proofRequest(kind, endpoint, path string) session.Request {
	r := session.Request{Source: session.Source{Name: "john", Type: kind, File: path}, Operation: session.AssumeRoleWithWebIdentity,
		RoleARN: ciRole, SessionName: "ci", Region: "eu-west-1", Endpoint: endpoint, Duration: time.Hour}
	if kind == session.SAML {
		r.Operation, r.SessionName, r.Source.ProviderARN = session.AssumeRoleWithSAML, "", provider
	}
	return r
}

// TestStoryOfUsers: a federated user, narrowed; a session with MFA, of which the code
// is good once; and a token of 4,096 bytes.
func TestStoryOfUsers(t *testing.T) {
	_, url := wholeAWS(t)
	r := bare(t, session.GetFederationToken, url)
	r.Policy, r.MinTokenSize = readOnly, 4096
	got, _ := mustMint(t, johns(), r)
	if reads, writes := objects(t, url, got); got.Principal != "arn:aws:sts::629470240201:federated-user/bob" || !reads || writes || got.Life < 12*time.Hour-time.Minute {
		t.Errorf("got %s for %v, which reads %v and writes %v", got.Principal, got.Life, reads, writes)
	}
	if _, token := got.Reveal(); len(token) < 4096 || got.TokenUse < 99 {
		t.Errorf("token: got %d bytes, %d %%, want 4096", len(token), got.TokenUse)
	}

	c := johns()
	c.Code = func(context.Context, session.Request) (string, error) {
		answer, err := http.Get(url + "/_fake/totp?serial=" + johnMFA)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		code, err := io.ReadAll(answer.Body)
		return strings.TrimSpace(string(code)), err
	}
	r = bare(t, session.GetSessionToken, url)
	r.MFASerial = johnMFA
	withMFA, _ := mustMint(t, c, r)
	if reads, _ := objects(t, url, withMFA); !reads || withMFA.Life < 12*time.Hour-time.Minute {
		t.Errorf("got a session for %v that reads %v", withMFA.Life, reads)
	}
	// Another vendord, which does not know that the code was used.
	if got := refused(t, c, r); got.Class != session.Person || got.Public != source+"AWS does not take the code of its MFA device "+johnMFA {
		t.Errorf("the same code: got %v %q", got.Class, got.Public)
	}
	c.Code = types("000000")
	r.Duration = 36 * time.Hour
	if got := refused(t, c, r); got.Class != session.Person || got.Hint != "wait for the next one, then run: vendord login john" {
		t.Errorf("a wrong code: got %v %q, hint %q", got.Class, got.Public, got.Hint)
	}
}

// TestStoryOfScopes: the session of a role, narrowed with no other role, whatever AWS
// turns out to do where it has not said.
func TestStoryOfScopes(t *testing.T) {
	for name, test := range map[string]struct {
		rules fakeaws.ScopedRules
		class session.Class // 0: it passes
		code  string
	}{
		"as it is told":                 {fakeaws.ScopedRules{}, 0, ""},
		"it cuts durations":             {fakeaws.ScopedRules{Clamp: true}, 0, ""},
		"it answers in another form":    {fakeaws.ScopedRules{Nested: true}, 0, ""},
		"it allows neither":             {fakeaws.ScopedRules{AllowNeither: true}, 0, ""},
		"it scopes once":                {fakeaws.ScopedRules{MaxDepth: 1}, 0, ""},
		"it wants a permission":         {fakeaws.ScopedRules{Permission: "allow"}, session.Administrator, "AccessDenied"},
		"it does not know it":           {fakeaws.ScopedRules{Absent: true}, session.Configuration, "InvalidAction"},
		"it is the global endpoint":     {fakeaws.ScopedRules{GlobalEndpoint: true}, session.Configuration, "InvalidAction"},
		"it takes short policies alone": {fakeaws.ScopedRules{MaxPolicyChars: 10}, session.Configuration, "PackedPolicyTooLarge"},
		"it has a code of its own": {fakeaws.ScopedRules{MaxPolicyChars: 10, Refusals: map[string]fakeaws.ScopedRefusal{"size": {Status: 400, Code: "ScopeTooLong"}}},
			session.Configuration, "ScopeTooLong"},
	} {
		t.Run(name, func(t *testing.T) {
			f, url := wholeAWS(t)
			if err := f.SetScopedRules(test.rules); err != nil {
				t.Fatal(err)
			}
			m, _ := newMinter(t, johns())
			parent, err := m.Mint(t.Context(), request(url))
			if err != nil {
				t.Fatal(err)
			}
			c := johns()
			c.Parent = func(context.Context, session.Request) (*session.Credentials, error) { return parent, nil }
			r := scoping(url)
			r.Duration = 8 * time.Hour // longer than the parent: left out
			if test.class != 0 {
				if got := refused(t, c, r); got.Class != test.class || got.Code != test.code {
					t.Errorf("got %v %s %q, want %v %s", got.Class, got.Code, got.Public, test.class, test.code)
				}
				return
			}
			got, _ := mustMint(t, c, r)
			if reads, writes := objects(t, url, got); !reads || writes || got.KeyID == parent.KeyID || got.Principal != parent.Principal {
				t.Errorf("got %s as %s, which reads %v and writes %v", got.KeyID, got.Principal, reads, writes)
			}
			if _, writes := objects(t, url, parent); !writes {
				t.Error("the parent's session cannot write, so nothing was narrowed")
			}
			if got.Expires.After(parent.Expires) || got.Expires.Before(parent.Expires.Add(-2*time.Second)) {
				t.Errorf("expires: got %v, want the parent's %v", got.Expires, parent.Expires)
			}
			r.Policy, r.Duration = "", 20*time.Minute
			if got, _ := mustMint(t, c, r); (got.Life - 20*time.Minute).Abs() > 3*time.Second {
				t.Errorf("a shorter one: got %v, want 20m", got.Life)
			}
		})
	}
}

// TestStoryOfMachines: the role of an instance and of a container.
func TestStoryOfMachines(t *testing.T) {
	f, url := wholeAWS(t)
	ec2, ecs := httptest.NewServer(f.Metadata(machines)), httptest.NewServer(f.Container(machines, "CANARYtoken"))
	defer ec2.Close()
	defer ecs.Close()
	for kind, environ := range map[string][]string{
		session.IMDS:      {"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + ec2.URL},
		session.Container: {"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + ecs.URL + "/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN=CANARYtoken"},
	} {
		got, _ := mustMint(t, mint.Config{Environ: environ}, local(kind))
		who, err := mint.WhoAmI(t.Context(), got, "eu-west-1", url)
		if err != nil || !strings.HasPrefix(who.ARN, "arn:aws:sts::123456789012:assumed-role/App/") || (got.Left(time.Now())-6*time.Hour).Abs() > time.Minute {
			t.Errorf("%s: got %+v, %v for %v", kind, who, err, got.Left(time.Now()))
		}
	}
	wantError(t, refused(t, mint.Config{Environ: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + ecs.URL}}, local(session.Container)), session.Administrator,
		source+"the container's endpoint answered HTTP 401", "the task or pod must have a role, and its token be current")
	none := httptest.NewServer(f.Metadata(""))
	defer none.Close()
	wantError(t, refused(t, mint.Config{Environ: []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + none.URL}}, local(session.IMDS)), session.Administrator,
		source+"the instance metadata service answered HTTP 404", "give the instance a role (an instance profile)")
}

// TestStoryOfPolicies: the broker may read the policy that narrows the team, and no
// other.
func TestStoryOfPolicies(t *testing.T) {
	_, url := wholeAWS(t)
	m, _ := newMinter(t, mint.Config{Environ: []string{"AWS_ACCESS_KEY_ID=AKIABROKEREXAMPLE001", "AWS_SECRET_ACCESS_KEY=made-up/made-up/made-up/made-up/EXAMPLE0"}})
	document, version, err := m.FetchPolicy(t.Context(), request(url), "arn:aws:iam::444455556666:policy/DevCalifornia", url)
	if err != nil || version != "v1" || !strings.Contains(document, `"aws:RequestedRegion":"us-west-1"`) {
		t.Errorf("FetchPolicy: got %q, %q, %v", document, version, err)
	}
	_, _, err = m.FetchPolicy(t.Context(), request(url), "arn:aws:iam::aws:policy/AdministratorAccess", url)
	if failure := session.AsError(err); failure == nil || failure.Class != session.Administrator || failure.Code != "AccessDenied" {
		t.Errorf("FetchPolicy of another: got %v, want a denial", err)
	}
}

// TestStoryOfGoneKeys: source keys that were deleted are a person's to replace.
func TestStoryOfGoneKeys(t *testing.T) {
	_, url := wholeAWS(t)
	path := file(t, "[john]\naws_access_key_id=AKIADELETEDDELETED00\naws_secret_access_key=CANARY\n")
	r := request(url)
	r.Source = shared("john")
	r.Source.ConfigFile, r.Source.CredentialsFile = os.DevNull, path
	wantError(t, refused(t, mint.Config{}, r), session.Person, source+"AWS does not know its access key AKIADELETEDDELETED00", replace)
}
