package fakeaws

import (
	"cmp"
	"net/http"
)

// getFederationToken is STS's GetFederationToken: a user's permissions, cut to
// session policies, under another name. Without session policies it issues a
// session that may do nothing.
func (f *Fake) getFederationToken(rq *request, form form) (*answer, *failure) {
	call, failed := readFederationCall(form)
	if failed != nil {
		return nil, failed
	}
	for _, check := range []func(*request, *roleCall) *failure{f.checkUserKeys, f.checkUserPolicies, f.checkTags, f.checkFederation} {
		if failed := check(rq, call); failed != nil {
			return nil, failed
		}
	}
	s := &session{Principal: rq.caller.principal.arn, Name: call.name, Issued: rq.now.Unix(),
		Expires: rq.now.Unix() + int64(sessionTokenSeconds(rq.caller.kind, call.seconds)),
		Policy:  call.policy, PolicyARNs: call.policyARNs, Tags: tagMap(call.tags)}
	if failed := f.checkSize(s, call.tokenSize); failed != nil {
		return nil, failed
	}
	_, issued := f.issue(rq, s, call.tokenSize)
	return rq.stsAnswer(&federationTokenResult{issued: issued, ID: rq.caller.account + ":" + call.name,
		ARN: federatedARN(rq.caller.account, call.name), PackedPolicySize: issued.SessionTokenUtilization}), nil
}

// readFederationCall reads the parameters. Transitive tags are not among them:
// a federated user cannot assume a role that they would go on to.
func readFederationCall(form form) (*roleCall, *failure) {
	var c constraints
	c.required(form, "Name")
	call := &roleCall{
		name:      c.optional(form, "Name", 2, 32, nameShape),
		policy:    c.optional(form, "Policy", 1, 2048, policyShape),
		seconds:   c.number(form, "DurationSeconds", 900, 129600, 0),
		tokenSize: c.number(form, "MinimumSessionTokenSize", 0, maxToken, 0),
	}
	if failed := cmp.Or(call.readPolicyARNs(form, &c), call.readTags(form, &c)); failed != nil {
		return nil, failed
	}
	if len(call.transitive) > 0 {
		return nil, badParameter("GetFederationToken does not take TransitiveTagKeys.")
	}
	return call, c.failure()
}

// checkUserKeys refuses session credentials, which could renew themselves for
// ever.
func (f *Fake) checkUserKeys(rq *request, _ *roleCall) *failure {
	if rq.caller.session != nil {
		return fail(http.StatusForbidden, "AccessDenied", "Cannot call GetFederationToken with session credentials")
	}
	return nil
}

// checkUserPolicies looks at the session policies: managed ones are the
// calling user's account's, or AWS's.
func (f *Fake) checkUserPolicies(rq *request, call *roleCall) *failure {
	if failed := f.checkPolicyARNs(call.policyARNs, rq.caller.account); failed != nil {
		return failed
	}
	return f.checkDocument(call.policy, call.policyARNs)
}

// checkFederation asks the user's policies, for tags as well.
func (f *Fake) checkFederation(rq *request, call *roleCall) *failure {
	context := f.context(rq)
	addTags(context, call.tags)
	resource := federatedARN(rq.caller.account, call.name)
	actions := []string{"sts:GetFederationToken"}
	if len(call.tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	for _, action := range actions {
		if rq.caller.may(action, resource, context) != "" {
			return refusal(rq.caller, action, resource)
		}
	}
	return nil
}

// tagMap returns tags by their keys, as spelled.
func tagMap(tags [][2]string) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		m[t[0]] = t[1]
	}
	return m
}

// addTags adds the condition keys of tags that a call passes.
func addTags(context map[string][]string, tags [][2]string) {
	for _, t := range tags {
		context["aws:RequestTag/"+t[0]] = []string{t[1]}
		context["aws:TagKeys"] = append(context["aws:TagKeys"], t[0])
	}
}
