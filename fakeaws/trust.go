package fakeaws

import (
	"net/http"
	"strconv"
)

// The ARNs that AssumeRole takes. A role's path may be long; its account is
// what managed policies are compared with.
var (
	roleARNPattern   = expr(`^arn:aws:iam::(\d{12}):role(/(?:[\x21-\x7e]+/)?)([A-Za-z0-9_+=,.@-]{1,64})$`)
	policyARNPattern = expr(`^arn:aws:iam::(\d{12}|aws):policy(/(?:[A-Za-z0-9.,+@=_-]+/)*)([A-Za-z0-9_+=,.@-]{1,128})$`)
)

// checkTrust decides who may assume a role. A role that is not there, a wrong
// external id and a missing permission look the same from outside: whoever may
// not assume a role shall not learn whether it exists.
func (f *Fake) checkTrust(rq *request, call *roleCall) *failure {
	c := rq.caller
	if c.kind == rootUser {
		return fail(http.StatusForbidden, "AccessDenied", "Roles may not be assumed by root accounts.")
	}
	// A federated user may call nothing of STS but GetCallerIdentity (STS API
	// reference, GetFederationToken).
	if c.federated() || f.scopedMayNotAssume(c) {
		return refusal(c, "sts:AssumeRole", call.roleARN)
	}
	context := f.trustContext(rq, call)
	for _, action := range call.actions("sts:AssumeRole") {
		if call.role == nil || !c.mayAssume(call.role, action, context) {
			return refusal(c, action, call.roleARN)
		}
	}
	if c.session != nil && c.session.SourceIdentity != "" && call.session.SourceIdentity != c.session.SourceIdentity {
		// Once set it stays, whatever policies say.
		return refusal(c, "sts:SetSourceIdentity", call.roleARN)
	}
	return nil
}

// actions returns the permissions that the call needs. What comes along from
// the calling session needs them as what is passed does (IAM User Guide,
// chaining roles with session tags; source identity).
func (call *roleCall) actions(first string) []string {
	actions := []string{first}
	if len(call.session.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if call.session.SourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return actions
}

// trustContext returns the condition keys of an AssumeRole call.
func (f *Fake) trustContext(rq *request, call *roleCall) map[string][]string {
	k := f.context(rq)
	call.context(k)
	if call.externalID != "" {
		k["sts:ExternalId"] = []string{call.externalID}
	}
	if call.session.MFA != 0 {
		k["aws:MultiFactorAuthPresent"] = []string{"true"}
		k["aws:MultiFactorAuthAge"] = []string{"0"}
	}
	return k
}

// context adds the keys that every call for a role's session has.
func (call *roleCall) context(k map[string][]string) {
	k["sts:RoleSessionName"] = []string{call.name}
	k["sts:DurationSeconds"] = []string{strconv.Itoa(call.seconds)}
	if call.sourceIdentity != "" {
		k["sts:SourceIdentity"] = []string{call.sourceIdentity}
	}
	addTags(k, call.tags)
	if len(call.transitive) > 0 {
		k["sts:TransitiveTagKeys"] = call.transitive
	}
}

// refusal is STS's AccessDenied. It gives no reason.
func refusal(c *caller, action, resource string) *failure {
	return fail(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: %s on resource: %s", c.arn(), action, resource)
}
