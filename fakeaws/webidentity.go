package fakeaws

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// assumeRoleWithWebIdentity is STS's AssumeRoleWithWebIdentity: a JWT of an
// issuer that the role's account has registered stands for a caller.
func (f *Fake) assumeRoleWithWebIdentity(rq *request, form form) (*answer, *failure) {
	var c constraints
	call, failed := readFederatedCall(form, &c)
	if failed != nil {
		return nil, failed
	}
	c.required(form, "RoleSessionName")
	call.name = c.optional(form, "RoleSessionName", 2, 64, nameShape)
	text := c.secret(form, "WebIdentityToken", 4, 20000)
	provider := c.optional(form, "ProviderId", 4, 2048, arnShape)
	if failed := c.failure(); failed != nil {
		return nil, failed
	}
	if provider != "" {
		return nil, badParameter("ProviderId is for OAuth 2.0 access tokens, which fakeaws does not have; leave it out for OpenID Connect.")
	}
	if call.seconds == 0 {
		call.seconds = 3600
	}
	if failed := f.checkARNs(rq, call); failed != nil {
		return nil, failed
	}
	id, failed := f.verifyToken(rq, call, text)
	if failed != nil {
		return nil, failed
	}
	issued, failed := f.federate(rq, call, "sts:AssumeRoleWithWebIdentity", id.provider.arn)
	if failed != nil {
		return nil, failed
	}
	return rq.stsAnswer(&webIdentityResult{issued: issued, AssumedRoleID: call.role.id + ":" + call.name, ARN: call.arn(),
		PackedPolicySize: issued.SessionTokenUtilization, SourceIdentity: call.sourceIdentity,
		Subject: id.subject, Audience: id.audience, Provider: id.provider.url}), nil
}

// webIdentity is who a JWT speaks of.
type webIdentity struct {
	provider          *oidcProvider
	subject, audience string
}

// verifyToken verifies a JWT and takes from it what goes into the session.
// Nothing of its claims is believed before the signature is.
func (f *Fake) verifyToken(rq *request, call *roleCall, text string) (*webIdentity, *failure) {
	t, err := parseToken(text)
	if err != nil {
		return nil, badIdentity("The ID Token provided is not a valid JWT: %s.", err)
	}
	issuer := t.text("iss")
	p := f.world.oidc[oidcKey(call.account, issuer)]
	if p == nil {
		return nil, badIdentity("No OpenIDConnect provider found in your account for %.200s", issuer)
	}
	keys := t.candidates(p.trusted())
	if len(keys) == 0 {
		return nil, badIdentity("Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements")
	}
	if !t.verifiedBy(keys) {
		return nil, badIdentity("The web identity token that was passed could not be validated. Get a new identity token from the identity provider and then retry the request.")
	}
	id := &webIdentity{provider: p, subject: t.text("sub")}
	if id.subject == "" {
		return nil, badIdentity("Missing a required claim: sub")
	}
	if failed := checkTimes(t, rq.now); failed != nil {
		return nil, failed
	}
	if id.audience = t.audience(); !slices.Contains(p.audiences, id.audience) {
		return nil, badIdentity("Incorrect token audience")
	}
	call.keys = map[string]string{p.name + ":aud": id.audience, p.name + ":sub": id.subject}
	if failed := t.session(call); failed != nil {
		return nil, failed
	}
	return id, nil
}

// leeway is how far an issuer's clock may be ahead.
const leeway = 5 * time.Minute

// checkTimes holds a token to its times.
func checkTimes(t *token, now time.Time) *failure {
	expires, ok1 := t.seconds("exp")
	issued, ok2 := t.seconds("iat")
	if !ok1 || !ok2 {
		return badIdentity("Missing a required claim: exp and iat must be integers")
	}
	if now.Unix() >= expires {
		return expiredIdentity("Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), expires)
	}
	begins, given := t.seconds("nbf")
	if ahead := now.Add(leeway).Unix(); issued > ahead || given && begins > ahead {
		return badIdentity("Token is not valid yet")
	}
	return nil
}

// audience returns whom the token is for. One with several audiences says in
// azp which of them asked for it.
func (t *token) audience() string {
	all, _ := texts(t.claims["aud"])
	switch {
	case len(all) == 1:
		return all[0]
	case slices.Contains(all, t.text("azp")):
		return t.text("azp")
	}
	return ""
}

// session takes tags and source identity from a token.
func (t *token) session(call *roleCall) *failure {
	if raw, given := t.claims[sourceIdentityClaim]; given {
		if json.Unmarshal(raw, &call.sourceIdentity) != nil || call.sourceIdentity == "" {
			return badIdentity("The claim %s is not a text", sourceIdentityClaim)
		}
	}
	raw, given := t.claims[tagsClaim]
	if !given {
		return nil
	}
	var tags struct {
		Principal  map[string]json.RawMessage `json:"principal_tags"`
		Transitive []string                   `json:"transitive_tag_keys"`
	}
	if json.Unmarshal(raw, &tags) != nil {
		return badIdentity("The claim %s is not readable", tagsClaim)
	}
	for _, key := range slices.Sorted(maps.Keys(tags.Principal)) {
		values, ok := texts(tags.Principal[key])
		if !ok || len(values) != 1 {
			return badIdentity("The tag %.128s does not have one value", key)
		}
		call.tags = append(call.tags, [2]string{key, values[0]})
	}
	call.transitive = tags.Transitive
	return nil
}

// arn returns the ARN of the session that the call makes.
func (call *roleCall) arn() string {
	return (&caller{principal: call.role, session: call.session}).arn()
}

// hasAWSPrefix reports whether a text begins as only AWS's own names may.
func hasAWSPrefix(s string) bool { return strings.HasPrefix(strings.ToLower(s), "aws:") }
