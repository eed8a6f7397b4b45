package fakeaws

import (
	"net/http"

	"github.com/vendord/vendord/policy"
)

// What AssumeRoleWithWebIdentity and AssumeRoleWithSAML have in common: a proof
// takes the place of a caller. Who sent it may do nothing, so the role's trust
// in the provider decides alone.

// readFederatedCall reads the parameters that both have.
func readFederatedCall(form form, c *constraints) (*roleCall, *failure) {
	c.required(form, "RoleArn")
	call := &roleCall{
		roleARN:   c.optional(form, "RoleArn", 20, 2048, arnShape),
		policy:    c.optional(form, "Policy", 1, 2048, policyShape),
		seconds:   c.number(form, "DurationSeconds", 900, 43200, 0),
		tokenSize: c.number(form, "MinimumSessionTokenSize", 0, maxToken, 0),
	}
	return call, call.readPolicyARNs(form, c)
}

// federate issues the session of a call whose proof was verified.
func (f *Fake) federate(rq *request, call *roleCall, action, provider string) (issued, *failure) {
	f.journal.signer(rq, "", provider)
	call.keys["aws:FederatedProvider"] = provider
	for _, check := range []func(*request, *roleCall) *failure{f.checkPolicy, f.checkProofTags, f.prepare} {
		if failed := check(rq, call); failed != nil {
			return issued{}, failed
		}
	}
	if failed := f.checkFederatedTrust(rq, call, action, provider); failed != nil {
		return issued{}, failed
	}
	if failed := f.checkDuration(rq, call); failed != nil {
		return issued{}, failed
	}
	_, issued := f.issue(rq, call.session, call.tokenSize)
	return issued, nil
}

// checkFederatedTrust asks the role's trust. A role that is not there looks
// like one that does not trust.
func (f *Fake) checkFederatedTrust(rq *request, call *roleCall, action, provider string) *failure {
	context := f.surroundings(rq)
	call.context(context)
	for key, value := range call.keys {
		context[key] = []string{value}
	}
	for _, action := range call.actions(action) {
		if call.role == nil || call.role.trust.Allows([]string{provider}, action, context) != policy.Allowed {
			return notAuthorized(action)
		}
	}
	return nil
}

// notAuthorized is STS's AccessDenied where there is nobody to name.
func notAuthorized(action string) *failure {
	return fail(http.StatusForbidden, "AccessDenied", "Not authorized to perform %s", action)
}

// checkProofTags holds tags and source identity of a proof to the shapes that
// they have as parameters. The provider is to blame, not the caller.
func (f *Fake) checkProofTags(_ *request, call *roleCall) *failure {
	var c constraints
	c.count("tags", len(call.tags), 50)
	for _, t := range call.tags {
		c.text("tag key", t[0], 1, 128, tagKeyShape)
		c.text("tag value", t[1], 0, 256, tagValueShape)
	}
	failed := c.failure()
	if failed == nil {
		failed = checkTagList(call.tags, call.transitive, nil)
	}
	if failed != nil {
		return badIdentity("%s", failed.message)
	}
	if s := call.sourceIdentity; s != "" && (len(s) < 2 || len(s) > 64 || !nameShape.re.MatchString(s) || hasAWSPrefix(s)) {
		return badIdentity("Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with \"aws:\"")
	}
	return nil
}

// badIdentity is what STS calls a proof that proves nothing.
func badIdentity(format string, args ...any) *failure {
	return fail(http.StatusBadRequest, "InvalidIdentityToken", format, args...)
}

// expiredIdentity is a proof that was one.
func expiredIdentity(format string, args ...any) *failure {
	return fail(http.StatusBadRequest, "ExpiredTokenException", format, args...)
}
