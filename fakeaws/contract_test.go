package fakeaws_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/vendord/vendord/fakeaws"
)

// TestContract is what STS answers to what clients get wrong, in one table: the
// codes and texts that vendord's classes of errors are made for. They are from
// AWS's reference and from what users of its SDKs were shown, and not from this
// or any other emulator.
func TestContract(t *testing.T) {
	issuer, idp := fakeaws.NewIssuer(issuerURL), fakeaws.NewIdentityProvider(idpURL)
	s := kiosk(allow("sts:*", "*"))
	s.Accounts[0].Users[0].MFA = []fakeaws.MFADevice{{Serial: "arn:aws:iam::629470240201:mfa/john", Seed: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}}
	s.Accounts[3] = federationState([]fakeaws.OIDCProvider{issuer.Provider("sts.amazonaws.com")}, []fakeaws.SAMLProvider{idp.Provider("ADFS")}, "").Accounts[0]
	s.IdentityCenters = nil
	p := start(t, fakeaws.Config{State: s})
	temporary := p.assume(john(), adminRole, "s3-session")

	jwt := func(change func(*fakeaws.Claims)) []string {
		c := ciClaims()
		change(&c)
		return []string{"Action=AssumeRoleWithWebIdentity", "RoleArn=" + ciRole, "RoleSessionName=build-7", "WebIdentityToken=" + issuer.Sign(c)}
	}
	saml := func(change func(*fakeaws.Assertion)) []string {
		a := annAssertion()
		change(&a)
		return []string{"Action=AssumeRoleWithSAML", "RoleArn=" + peopleRole, "PrincipalArn=" + adfsARN, "SAMLAssertion=" + idp.Sign(a)}
	}
	role := func(more ...string) []string {
		return append([]string{"Action=AssumeRole", "RoleArn=" + uploadRole, "RoleSessionName=upload"}, more...)
	}
	nobody, past := aws.Credentials{}, time.Now().Add(-time.Hour)
	for _, c := range []struct {
		name       string
		who        aws.Credentials
		parameters []string
		status     int
		code, text string // the text as a whole, or its beginning before …
	}{
		{"not signed", nobody, role(), 403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
		{"an unknown key", aws.Credentials{AccessKeyID: "AKIAUNKNOWNUNKNOWN01", SecretAccessKey: "x"}, role(), 403, "InvalidClientTokenId", "The security token included in the request is invalid."},
		{"another secret", aws.Credentials{AccessKeyID: john().AccessKeyID, SecretAccessKey: "x"}, role(), 403, "SignatureDoesNotMatch", "The request signature we calculated does not match…"},
		{"a name with a blank", john(), role("RoleSessionName=a b"), 400, "ValidationError", "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"},
		{"no role's ARN", john(), role("RoleArn=arn:aws:iam::1:role/x"), 400, "ValidationError", "arn:aws:iam::1:role/x is invalid"},
		{"a policy that is no JSON", john(), role("Policy=hello"), 400, "MalformedPolicyDocument", "The policy is not in the valid JSON format."},
		{"a managed policy that is not there", john(), role("PolicyArns.member.1.arn=arn:aws:iam::aws:policy/Nope"), 400, "InvalidParameterValue", "At least one Policy ARN in the PolicyArns parameter does not match an existing IAM Managed Policy ARN."},
		{"too much for a token", john(), append(role(manyTags(50, 200)...), "RoleArn="+adminRole), 400, "PackedPolicyTooLarge", "Packed size of session tags consumes …"},
		{"longer than the role allows", john(), role("DurationSeconds=7200"), 400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"longer than a chain allows", temporary, []string{"Action=AssumeRole", "RoleArn=" + adminRole, "RoleSessionName=again", "DurationSeconds=7200"}, 400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."},
		{"a role that is not there", john(), role("RoleArn=" + uploadRole + "2"), 403, "AccessDenied", "User: " + johnARN + " is not authorized to perform: sts:AssumeRole on resource: " + uploadRole + "2"},
		{"as root", rootKeys, role(), 403, "AccessDenied", "Roles may not be assumed by root accounts."},
		{"a wrong code", john(), role("SerialNumber=arn:aws:iam::629470240201:mfa/john", "TokenCode=000000"), 403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code."},
		{"a code without its device", john(), role("TokenCode=000000"), 403, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."},
		{"another's device", john(), role("SerialNumber=arn:aws:iam::629470240201:mfa/mary", "TokenCode=000000"), 403, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code…"},
		{"a session token for a session", temporary, []string{"Action=GetSessionToken"}, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials"},
		{"a federation token for a session", temporary, []string{"Action=GetFederationToken", "Name=Bob"}, 403, "AccessDenied", "Cannot call GetFederationToken with session credentials"},

		{"a JWT that is over", nobody, jwt(func(c *fakeaws.Claims) { c.Issued, c.Expires = past, past.Add(time.Minute) }), 400, "ExpiredTokenException", "Token expired: …"},
		{"a forged JWT", nobody, jwt(func(c *fakeaws.Claims) { c.Forged = true }), 400, "InvalidIdentityToken", "The web identity token that was passed could not be validated…"},
		{"a JWT for others", nobody, jwt(func(c *fakeaws.Claims) { c.Audience = []string{"others"} }), 400, "InvalidIdentityToken", "Incorrect token audience"},
		{"a JWT for a role that trusts another", nobody, append(jwt(func(*fakeaws.Claims) {}), "RoleArn="+peopleRole), 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"a JWT of three characters", nobody, append(jwt(func(*fakeaws.Claims) {}), "WebIdentityToken=a.b"), 400, "ValidationError", "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must have length greater than or equal to 4"},
		{"a JWT of 20,001", nobody, append(jwt(func(*fakeaws.Claims) {}), "WebIdentityToken="+strings.Repeat("x", 20001)), 400, "ValidationError", "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must have length less than or equal to 20000"},
		{"a ProviderId", nobody, append(jwt(func(*fakeaws.Claims) {}), "ProviderId=www.amazon.com"), 400, "InvalidParameterValue", "ProviderId is for OAuth 2.0 access tokens, which fakeaws does not have; leave it out for OpenID Connect."},
		{"no JWT", nobody, []string{"Action=AssumeRoleWithWebIdentity"}, 400, "ValidationError", "3 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; …"},

		{"an assertion that is over", nobody, saml(func(a *fakeaws.Assertion) { a.Issued, a.Expires = past, past.Add(time.Minute) }), 400, "ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance"},
		{"a forged assertion", nobody, saml(func(a *fakeaws.Assertion) { a.Forged = true }), 400, "InvalidIdentityToken", "Response signature invalid"},
		{"an assertion that is no base64", nobody, append(saml(func(*fakeaws.Assertion) {}), "SAMLAssertion=<xml/>"), 400, "InvalidIdentityToken", "Invalid base64 SAMLResponse"},
		{"an assertion without a session name", nobody, saml(func(a *fakeaws.Assertion) { a.SessionName = "" }), 400, "InvalidIdentityToken", "RoleSessionName is required in AuthnResponse"},
		{"an assertion for another role", nobody, saml(func(a *fakeaws.Assertion) { a.Roles[0][0] = ciRole }), 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"},
		{"a longer session than the role allows", nobody, append(saml(func(*fakeaws.Assertion) {}), "DurationSeconds=10800"), 400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"an assertion of 100,001", nobody, append(saml(func(*fakeaws.Assertion) {}), "SAMLAssertion="+base64.StdEncoding.EncodeToString(make([]byte, 75001))), 400, "ValidationError", "1 validation error detected: Value at 'sAMLAssertion' failed to satisfy constraint: Member must have length less than or equal to 100000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := p.send(form(c.who, c.parameters...))
			if begin, cut := strings.CutSuffix(c.text, "…"); cut && strings.HasPrefix(got.message, begin) {
				got.message = c.text
			}
			got.want(t, c.status, c.code, c.text)
		})
	}
}
