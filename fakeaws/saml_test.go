package fakeaws_test

import (
	"crypto/sha1"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/vendord/vendord/fakeaws"
)

const (
	peopleRole   = "arn:aws:iam::444455556666:role/People"
	reservedRole = "arn:aws:iam::444455556666:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1"
	adfsARN      = "arn:aws:iam::444455556666:saml-provider/ADFS"
	idpURL       = "https://idp.example.com/saml"
	peopleARN    = "arn:aws:sts::444455556666:assumed-role/People/ann@example.com"
)

// annAssertion is what a good assertion says.
func annAssertion() fakeaws.Assertion {
	return fakeaws.Assertion{Roles: [][2]string{{peopleRole, adfsARN}}, SessionName: "ann@example.com", Subject: "ann", Persistent: true}
}

// saml asks for a session of the role People.
func (p *place) saml(assertion string, more ...func(*sts.AssumeRoleWithSAMLInput)) (*sts.AssumeRoleWithSAMLOutput, error) {
	in := &sts.AssumeRoleWithSAMLInput{RoleArn: aws.String(peopleRole), PrincipalArn: aws.String(adfsARN), SAMLAssertion: &assertion}
	for _, f := range more {
		f(in)
	}
	return p.anonymous().AssumeRoleWithSAML(p.t.Context(), in)
}

func TestSAML(t *testing.T) {
	idp := fakeaws.NewIdentityProvider(idpURL)
	p := start(t, fakeaws.Config{State: federationState(nil, []fakeaws.SAMLProvider{idp.Provider("ADFS")},
		`,"Condition":{"StringEquals":{"saml:aud":"https://signin.aws.amazon.com/saml","saml:iss":"`+idpURL+`","saml:doc":"444455556666/ADFS","saml:sub_type":"persistent"}}`)})
	sum := sha1.Sum([]byte(idpURL + "444455556666/ADFS"))
	for name, whole := range map[string]bool{"the assertion is signed": false, "the response is signed": true} {
		t.Run(name, func(t *testing.T) {
			a := annAssertion()
			a.SignResponse = whole
			out, err := p.saml(idp.Sign(a), func(in *sts.AssumeRoleWithSAMLInput) { in.Policy = aws.String(allow("s3:GetObject", "*")) })
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct{ what, got, want string }{
				{"Arn", *out.AssumedRoleUser.Arn, peopleARN}, {"Issuer", *out.Issuer, idpURL}, {"Subject", *out.Subject, "ann"},
				{"SubjectType", *out.SubjectType, "persistent"}, {"Audience", *out.Audience, "https://signin.aws.amazon.com/saml"},
				{"NameQualifier", *out.NameQualifier, base64.StdEncoding.EncodeToString(sum[:])},
			} {
				if c.got != c.want {
					t.Errorf("%s: got %s, want %s", c.what, c.got, c.want)
				}
			}
			wantSizes(t, out.Credentials, out.SessionTokenSize, out.SessionTokenUtilization)
			c := session(out.Credentials)
			if _, err := p.client(c).Get(t.Context(), "artefacts", "a.txt"); err != nil {
				t.Errorf("Get: %v", err)
			}
			err = p.client(c).Put(t.Context(), "artefacts", "b.txt", []byte("b"))
			wantError(t, "Put", err, "AccessDenied", "User: "+peopleARN+` is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::artefacts/b.txt" because no session policy allows the s3:PutObject action`)
		})
	}
	if got := p.Journal()[0]; !strings.HasPrefix(got.Parameters["SAMLAssertion"], "sha256:") || got.Principal != adfsARN {
		t.Errorf("the journal: got %+v", got)
	}
}

func TestSAMLDurations(t *testing.T) {
	idp, now := fakeaws.NewIdentityProvider(idpURL), time.Now()
	p := start(t, fakeaws.Config{State: federationState(nil, []fakeaws.SAMLProvider{idp.Provider("ADFS")}, "")})
	for _, c := range []struct {
		name  string
		said  time.Duration
		ends  time.Duration
		asked int32
		want  time.Duration
	}{
		{"an hour by default", 0, 0, 0, time.Hour},
		{"what the assertion says", 2 * time.Hour, 0, 0, 2 * time.Hour},
		{"what the call says before that", 2 * time.Hour, 0, 900, 15 * time.Minute},
		{"cut to SessionNotOnOrAfter", 2 * time.Hour, 10 * time.Minute, 3600, 10 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := annAssertion()
			if a.SessionDuration = c.said; c.ends != 0 {
				a.SessionExpires = now.Add(c.ends)
			}
			out, err := p.saml(idp.Sign(a), func(in *sts.AssumeRoleWithSAMLInput) {
				if c.asked != 0 {
					in.DurationSeconds = &c.asked
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if left := out.Credentials.Expiration.Sub(now); left < c.want-3*time.Second || left > c.want+10*time.Second {
				t.Errorf("Expiration: got %s from now, want %s", left, c.want)
			}
		})
	}
}

// TestSAMLRefusals asserts every text with which an assertion is refused.
func TestSAMLRefusals(t *testing.T) {
	idp, now := fakeaws.NewIdentityProvider(idpURL), time.Now()
	p := start(t, fakeaws.Config{State: federationState(nil, []fakeaws.SAMLProvider{idp.Provider("ADFS"), fakeaws.NewIdentityProvider(idpURL).Provider("Other")},
		`,"Condition":{"StringEquals":{"saml:sub":"ann"}}`)})
	with := func(change func(*fakeaws.Assertion)) string {
		a := annAssertion()
		change(&a)
		return idp.Sign(a)
	}
	edited := func(pattern, replacement string) string {
		return base64.StdEncoding.EncodeToString(regexp.MustCompile(pattern).ReplaceAll(idp.Response(annAssertion()), []byte(replacement)))
	}
	signEdited := func(tag, attribute, value string) string {
		a := annAssertion()
		a.Tags = map[string]string{"team": "red"}
		return fakeaws.SignEdited(idp, a, tag, attribute, value)
	}
	const (
		identity  = "InvalidIdentityToken"
		expired   = "ExpiredTokenException"
		denied    = "Not authorized to perform sts:AssumeRoleWithSAML"
		shape     = "Invalid SAML response: not a SAML 2.0 Response with one assertion"
		signature = "Response signature invalid"
		parts     = "Invalid SAML response: the assertion lacks an Issuer, a Subject or its confirmation, or has two of them"
		late      = "Token must be redeemed within 5 minutes of issuance"
	)
	for _, c := range []struct{ name, assertion, code, message string }{
		{"not base64", "<Response/>", identity, "Invalid base64 SAMLResponse"},
		{"not XML", base64.StdEncoding.EncodeToString([]byte("hello")), identity, shape},
		{"half of it", base64.StdEncoding.EncodeToString(idp.Response(annAssertion())[:900]), identity, shape},
		{"a document type", base64.StdEncoding.EncodeToString(append([]byte("<!DOCTYPE x>"), idp.Response(annAssertion())...)), identity, shape},
		{"another document", base64.StdEncoding.EncodeToString([]byte("<Assertion/>")), identity, shape},
		{"no assertion", edited(`(?s)<saml:Assertion.*</saml:Assertion>`, ""), identity, shape},
		{"a refusal", edited(`status:Success`, "status:Requester"), identity, "Invalid SAML response: its status is not Success"},
		{"signed by somebody else", with(func(a *fakeaws.Assertion) { a.Forged = true }), identity, signature},
		{"not signed", edited(`(?s)<ds:Signature.*</ds:Signature>`, ""), identity, signature},
		{"changed after the signature", edited(`ann@example.com`, "bob@example.com"), identity, signature},
		{"no subject", signEdited("Subject", "", ""), identity, parts},
		{"no issuer", signEdited("Issuer", "", ""), identity, parts},
		{"another confirmation", signEdited("SubjectConfirmation", "Method", "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"), identity, parts},
		{"no end", signEdited("SubjectConfirmationData", "NotOnOrAfter", ""), identity, "The assertion's SubjectConfirmationData has no NotOnOrAfter"},
		{"an end in the past", signEdited("SubjectConfirmationData", "NotOnOrAfter", "2020-01-01T00:00:00Z"), expired, late},
		{"no beginning", signEdited(".", "IssueInstant", "yesterday"), identity, "The assertion has no IssueInstant"},
		{"conditions without sense", signEdited("Conditions", "NotBefore", "yesterday"), identity, "The assertion's Conditions have times that are none"},
		{"conditions of the past", signEdited("Conditions", "NotOnOrAfter", "2020-01-01T00:00:00Z"), expired, late},
		{"a session's end without sense", signEdited("AuthnStatement", "SessionNotOnOrAfter", "soon"), identity, "SessionNotOnOrAfter in AuthnResponse is not a time"},
		{"a tag without a value", signEdited("Attribute[@Name='https://aws.amazon.com/SAML/Attributes/PrincipalTag:team']/AttributeValue", "", ""), identity, "The tag team does not have one value"},
		{"another issuer", fakeIssuer(idp), identity, "Issuer not present in specified provider"},
		{"expired", with(func(a *fakeaws.Assertion) { a.Issued, a.Expires = now.Add(-4*time.Minute), now.Add(-time.Minute) }), expired, late},
		{"six minutes old", with(func(a *fakeaws.Assertion) { a.Issued, a.Expires = now.Add(-6*time.Minute), now.Add(time.Hour) }), expired, late},
		{"a session that is over", with(func(a *fakeaws.Assertion) { a.SessionExpires = now.Add(-time.Second) }), expired, "Token must be redeemed before its SessionNotOnOrAfter"},
		{"of tomorrow", with(func(a *fakeaws.Assertion) { a.Issued = now.Add(time.Hour) }), identity, "The assertion is not valid yet"},
		{"for another recipient", with(func(a *fakeaws.Assertion) { a.Recipient = "https://elsewhere.example.com/saml" }), identity, "Response does not contain the required recipient"},
		{"for another audience", with(func(a *fakeaws.Assertion) { a.Audience = "https://elsewhere.example.com" }), identity, "Response does not contain the required audience"},
		{"for another role", with(func(a *fakeaws.Assertion) { a.Roles = [][2]string{{ciRole, adfsARN}} }), "AccessDenied", denied},
		{"for another provider", with(func(a *fakeaws.Assertion) { a.Roles[0][1] += "2" }), "AccessDenied", denied},
		{"for no role", with(func(a *fakeaws.Assertion) { a.Roles = nil }), "AccessDenied", denied},
		{"a subject that the trust does not want", with(func(a *fakeaws.Assertion) { a.Subject = "bob" }), "AccessDenied", denied},
		{"no session name", with(func(a *fakeaws.Assertion) { a.SessionName = "" }), identity, "RoleSessionName is required in AuthnResponse"},
		{"a session name with a blank", with(func(a *fakeaws.Assertion) { a.SessionName = "ann smith" }), identity, "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"},
		{"a source identity of AWS's", with(func(a *fakeaws.Assertion) { a.SourceIdentity = "aws:ann" }), identity, `Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"`},
		{"too long a session", with(func(a *fakeaws.Assertion) { a.SessionDuration = 13 * time.Hour }), identity, "SessionDuration in AuthnResponse must be an integer between 900 and 43200"},
		{"longer than the role allows", with(func(a *fakeaws.Assertion) { a.SessionDuration = 3 * time.Hour }), "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"a tag with a bad key", with(func(a *fakeaws.Assertion) { a.Tags = map[string]string{"a!": "1"} }), identity,
			`1 validation error detected: Value 'a!' at 'tag key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := p.saml(c.assertion)
			wantError(t, "AssumeRoleWithSAML", err, c.code, c.message)
		})
	}
	t.Run("a provider that is not there", func(t *testing.T) {
		_, err := p.saml(idp.Sign(annAssertion()), func(in *sts.AssumeRoleWithSAMLInput) { in.PrincipalArn = aws.String(adfsARN + "2") })
		wantError(t, "AssumeRoleWithSAML", err, identity, "Specified provider doesn't exist")
	})
	t.Run("a provider of another account than the role", func(t *testing.T) {
		s := federationState(nil, []fakeaws.SAMLProvider{idp.Provider("ADFS")}, "")
		s.Accounts = append(s.Accounts, fakeaws.Account{ID: "111122223333", SAMLProviders: []fakeaws.SAMLProvider{idp.Provider("ADFS")}})
		elsewhere := strings.Replace(adfsARN, "444455556666", "111122223333", 1)
		_, err := start(t, fakeaws.Config{State: s}).saml(with(func(a *fakeaws.Assertion) { a.Roles[0][1] = elsewhere }), func(in *sts.AssumeRoleWithSAMLInput) {
			in.PrincipalArn = &elsewhere
		})
		wantError(t, "AssumeRoleWithSAML", err, identity, "Specified provider doesn't exist")
	})
	t.Run("another provider's key", func(t *testing.T) {
		_, err := p.saml(idp.Sign(annAssertion()), func(in *sts.AssumeRoleWithSAMLInput) {
			in.PrincipalArn = aws.String("arn:aws:iam::444455556666:saml-provider/Other")
		})
		wantError(t, "AssumeRoleWithSAML", err, identity, signature)
	})
	t.Run("an ARN that is no provider's", func(t *testing.T) {
		_, err := p.saml(idp.Sign(annAssertion()), func(in *sts.AssumeRoleWithSAMLInput) { in.PrincipalArn = aws.String(peopleRole) })
		wantError(t, "AssumeRoleWithSAML", err, "ValidationError", peopleRole+" is invalid")
	})
	t.Run("a role of IAM Identity Center", func(t *testing.T) {
		a := annAssertion()
		a.Roles[0][0] = reservedRole
		_, err := p.saml(idp.Sign(a), func(in *sts.AssumeRoleWithSAMLInput) { in.RoleArn = aws.String(reservedRole) })
		wantError(t, "AssumeRoleWithSAML", err, "AccessDenied", denied)
	})
}

// fakeIssuer is an assertion of the provider's key and another's name.
func fakeIssuer(idp *fakeaws.IdentityProvider) string {
	return idp.Named("https://idp2.example.com").Sign(annAssertion())
}

// TestSAMLWrapping: a signed assertion that somebody wrapped into one of his
// own proves nothing.
func TestSAMLWrapping(t *testing.T) {
	idp := fakeaws.NewIdentityProvider(idpURL)
	p := start(t, fakeaws.Config{State: federationState(nil, []fakeaws.SAMLProvider{idp.Provider("ADFS")}, "")})
	good := string(idp.Response(annAssertion()))
	assertion := regexp.MustCompile(`(?s)<saml:Assertion.*</saml:Assertion>`).FindString(good)
	signature := regexp.MustCompile(`(?s)<ds:Signature.*</ds:Signature>`).FindString(assertion)
	evil := strings.ReplaceAll(strings.Replace(assertion, signature, "", 1), "ann@example.com", "root@example.com")
	other := regexp.MustCompile(`ID="[^"]*"`).ReplaceAllString(evil, `ID="_evil"`)
	for name, forged := range map[string]string{
		"the good one in an extension": strings.Replace(good, assertion, "<samlp:Extensions>"+assertion+"</samlp:Extensions>"+other, 1),
		"the good one beside it":       strings.Replace(good, assertion, other+assertion, 1),
		"the good one in its signature": strings.Replace(good, assertion, strings.Replace(evil, "</saml:Issuer>",
			"</saml:Issuer>"+strings.Replace(signature, "</ds:Signature>", "<ds:Object>"+assertion+"</ds:Object></ds:Signature>", 1), 1), 1),
		"the same id twice":     strings.Replace(good, assertion, strings.Replace(evil, "</saml:Assertion>", assertion+"</saml:Assertion>", 1), 1),
		"a comment in the name": strings.Replace(good, "ann@example.com", "ann@<!---->example.com.evil", 1),
	} {
		t.Run(name, func(t *testing.T) {
			out, err := p.saml(base64.StdEncoding.EncodeToString([]byte(forged)))
			if err == nil && *out.AssumedRoleUser.Arn != peopleARN {
				t.Errorf("got the session %s", *out.AssumedRoleUser.Arn)
			}
			if err == nil && name != "a comment in the name" {
				t.Errorf("got a session, want a refusal")
			}
		})
	}
}
