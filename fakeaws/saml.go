package fakeaws

import (
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// samlARNPattern is the form of a SAML provider's ARN.
var samlARNPattern = expr(`^arn:aws:iam::(\d{12}):saml-provider/[A-Za-z0-9._-]{1,128}$`)

// assumeRoleWithSAML is STS's AssumeRoleWithSAML: an assertion of an identity
// provider that the role's account has registered stands for a caller.
func (f *Fake) assumeRoleWithSAML(rq *request, form form) (*answer, *failure) {
	var c constraints
	call, failed := readFederatedCall(form, &c)
	if failed != nil {
		return nil, failed
	}
	c.required(form, "PrincipalArn")
	principal := c.optional(form, "PrincipalArn", 20, 2048, arnShape)
	text := c.secret(form, "SAMLAssertion", 4, 100000)
	if failed := c.failure(); failed != nil {
		return nil, failed
	}
	if failed := f.checkARNs(rq, call); failed != nil {
		return nil, failed
	}
	if !samlARNPattern.MatchString(principal) {
		return nil, invalid("%s is invalid", principal)
	}
	// Roles of IAM Identity Center are for its own portal alone (STS API
	// reference, AssumeRoleWithSAML).
	if _, name, _ := cutLast(call.roleARN, "/"); strings.HasPrefix(name, "AWSReservedSSO_") {
		return nil, notAuthorized("sts:AssumeRoleWithSAML")
	}
	a, failed := f.verifyAssertion(rq, call, principal, text)
	if failed != nil {
		return nil, failed
	}
	issued, failed := f.federate(rq, call, "sts:AssumeRoleWithSAML", principal)
	if failed != nil {
		return nil, failed
	}
	return rq.stsAnswer(&samlResult{issued: issued, AssumedRoleID: call.role.id + ":" + call.name, ARN: call.arn(),
		PackedPolicySize: issued.SessionTokenUtilization, SourceIdentity: call.sourceIdentity, Issuer: a.issuer(),
		Audience: a.confirmation().Recipient, Subject: a.nameID().Value, SubjectType: a.subjectType(),
		NameQualifier: call.keys["saml:namequalifier"]}), nil
}

// verifyAssertion verifies a response and takes from its assertion what goes
// into the session.
func (f *Fake) verifyAssertion(rq *request, call *roleCall, principal, text string) (*assertion, *failure) {
	// Not Strict, and it skips line breaks: base64 tools make both.
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, badIdentity("Invalid base64 SAMLResponse")
	}
	p := f.world.saml[principal]
	if p == nil || p.account != call.account {
		return nil, badIdentity("Specified provider doesn't exist")
	}
	a, failed := readAssertion(raw, p.trusted(), rq.now)
	if failed != nil {
		return nil, failed
	}
	if a.issuer() != p.issuer {
		return nil, badIdentity("Issuer not present in specified provider")
	}
	for _, check := range []func(*assertion) *failure{
		func(a *assertion) *failure { return a.checkTimes(rq.now) }, (*assertion).checkReceiver,
		func(a *assertion) *failure { return a.checkRole(call.roleARN, principal) },
		func(a *assertion) *failure { return a.session(call, rq.now) },
	} {
		if failed := check(a); failed != nil {
			return nil, failed
		}
	}
	call.keys = a.keys(p)
	return a, nil
}

// The receivers that an assertion for AWS can name (IAM User Guide, configuring
// SAML assertions; regions have sign-in endpoints of their own).
var recipientPattern = expr(`^https://(?:[a-z0-9-]+\.)?signin\.aws\.amazon\.com/saml(?:/acs/[A-Za-z0-9-]+)?$`)

// maxRedeem is how old a response may be.
const maxRedeem = 5 * time.Minute

// checkTimes holds an assertion to its times. They must be there: one without
// an end could be played back for ever.
func (a *assertion) checkTimes(now time.Time) *failure {
	ends, err := time.Parse(time.RFC3339, a.confirmation().NotOnOrAfter)
	if err != nil {
		return badIdentity("The assertion's SubjectConfirmationData has no NotOnOrAfter")
	}
	issued, err := time.Parse(time.RFC3339, a.IssueInstant)
	if err != nil {
		return badIdentity("The assertion has no IssueInstant")
	}
	if issued.After(now.Add(leeway)) {
		return badIdentity("The assertion is not valid yet")
	}
	if !now.Before(ends) || now.Sub(issued) > maxRedeem {
		return expiredIdentity("Token must be redeemed within 5 minutes of issuance")
	}
	for _, c := range a.Conditions {
		from, err1 := optionalTime(c.NotBefore)
		until, err2 := optionalTime(c.NotOnOrAfter)
		switch {
		case err1 != nil || err2 != nil:
			return badIdentity("The assertion's Conditions have times that are none")
		case !from.IsZero() && from.After(now.Add(leeway)):
			return badIdentity("The assertion is not valid yet")
		case !until.IsZero() && !now.Before(until):
			return expiredIdentity("Token must be redeemed within 5 minutes of issuance")
		}
	}
	return nil
}

// optionalTime reads a time that may be missing.
func optionalTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, text)
}

// checkReceiver refuses an assertion that was made for somebody else.
func (a *assertion) checkReceiver() *failure {
	forUs := func(audience string) bool {
		return audience == "urn:amazon:webservices" || recipientPattern.MatchString(audience)
	}
	if !recipientPattern.MatchString(a.confirmation().Recipient) {
		return badIdentity("Response does not contain the required recipient")
	}
	for _, c := range a.Conditions {
		for _, restriction := range c.Restrictions {
			if !slices.ContainsFunc(restriction.Audiences, forUs) {
				return badIdentity("Response does not contain the required audience")
			}
		}
	}
	return nil
}

// checkRole looks for the pair of role and provider, in either order.
func (a *assertion) checkRole(role, provider string) *failure {
	for _, pair := range a.attribute("Role") {
		first, second, _ := strings.Cut(pair, ",")
		first, second = strings.TrimSpace(first), strings.TrimSpace(second)
		if first == role && second == provider || first == provider && second == role {
			return nil
		}
	}
	return notAuthorized("sts:AssumeRoleWithSAML")
}

// session takes name, tags, source identity and duration from an assertion.
func (a *assertion) session(call *roleCall, now time.Time) *failure {
	names := a.attribute("RoleSessionName")
	if len(names) != 1 {
		return badIdentity("RoleSessionName is required in AuthnResponse")
	}
	if call.name = names[0]; len(call.name) < 2 || len(call.name) > 64 || !nameShape.re.MatchString(call.name) {
		return badIdentity("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
	}
	if identities := a.attribute("SourceIdentity"); len(identities) > 0 {
		call.sourceIdentity = identities[0]
	}
	for _, attribute := range a.Attributes {
		key, isTag := strings.CutPrefix(attribute.Name, samlAttribute+"PrincipalTag:")
		if !isTag {
			continue
		}
		if len(attribute.Values) != 1 {
			return badIdentity("The tag %.128s does not have one value", key)
		}
		call.tags = append(call.tags, [2]string{key, attribute.Values[0]})
	}
	call.transitive = a.attribute("TransitiveTagKeys")
	return a.duration(call, now)
}

// duration settles how long the session lasts: what the call asks for, else
// what the assertion says, else an hour; and never beyond SessionNotOnOrAfter.
func (a *assertion) duration(call *roleCall, now time.Time) *failure {
	if call.seconds == 0 {
		call.seconds = 3600
		if said := a.attribute("SessionDuration"); len(said) > 0 {
			n, err := strconv.Atoi(said[0])
			if err != nil || n < 900 || n > 43200 {
				return badIdentity("SessionDuration in AuthnResponse must be an integer between 900 and 43200")
			}
			call.seconds = n
		}
	}
	for _, s := range a.Statements {
		until, err := optionalTime(s.SessionNotOnOrAfter)
		if err != nil {
			return badIdentity("SessionNotOnOrAfter in AuthnResponse is not a time")
		}
		if until.IsZero() {
			continue
		}
		left := int(until.Sub(now) / time.Second)
		if left <= 0 {
			return expiredIdentity("Token must be redeemed before its SessionNotOnOrAfter")
		}
		call.seconds = min(call.seconds, left)
	}
	return nil
}

// keys returns the condition keys of an assertion (IAM User Guide, available
// keys for SAML-based federation).
func (a *assertion) keys(p *samlProvider) map[string]string {
	// A hash, so that the name does not tell who it is.
	sum := sha1.Sum([]byte(a.issuer() + p.account + "/" + p.name))
	return map[string]string{
		"saml:aud": a.confirmation().Recipient, "saml:iss": a.issuer(), "saml:doc": p.account + "/" + p.name,
		"saml:sub": a.nameID().Value, "saml:sub_type": a.subjectType(),
		"saml:namequalifier": base64.StdEncoding.EncodeToString(sum[:]),
	}
}
