package fakeaws

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// roleCall is a parsed AssumeRole request.
type roleCall struct {
	roleARN, name, policy, externalID, serial, code, sourceIdentity string

	policyARNs []string
	tags       [][2]string
	transitive []string
	seconds    int
	tokenSize  int // MinimumSessionTokenSize

	mfa     int64             // when the code was given, or 0
	account string            // the role's
	role    *principal        // nil if there is no such role
	keys    map[string]string // condition keys that a proof brings along
	session *session          // what it would make
}

// assumeRole is STS's AssumeRole. Its checks go from the shape of single
// parameters to what they mean together, then to who may, then to how long;
// AWS does not document the order of the last three.
func (f *Fake) assumeRole(rq *request, form form) (*answer, *failure) {
	call, failed := readRoleCall(form)
	if failed != nil {
		return nil, failed
	}
	for _, check := range []func(*request, *roleCall) *failure{
		f.checkARNs, f.checkPolicy, f.checkTags, f.checkMFA, f.prepare, f.checkTrust, f.checkDuration,
	} {
		if failed := check(rq, call); failed != nil {
			return nil, failed
		}
	}
	// Everything is decided; from here on nothing can be refused.
	keyID, issued := f.issue(rq, call.session, call.tokenSize)
	f.config.Log.Debug("fakeaws session", "key_id", keyID, "role", call.roleARN, "name", call.name)
	return rq.stsAnswer(&assumeRoleResult{
		issued:           issued,
		AssumedRoleID:    call.role.id + ":" + call.name,
		ARN:              call.arn(),
		PackedPolicySize: issued.SessionTokenUtilization, // the same since 2026-09
		SourceIdentity:   call.session.SourceIdentity,
	}), nil
}

// readRoleCall reads the parameters and holds them to their shapes. An unknown
// parameter is ignored, as STS does: newer SDKs may send one.
func readRoleCall(form form) (*roleCall, *failure) {
	var c constraints
	c.required(form, "RoleArn")
	c.required(form, "RoleSessionName")
	call := &roleCall{
		roleARN:        c.optional(form, "RoleArn", 20, 2048, arnShape),
		name:           c.optional(form, "RoleSessionName", 2, 64, nameShape),
		policy:         c.optional(form, "Policy", 1, unlimited, policyShape),
		externalID:     c.optional(form, "ExternalId", 2, 1224, externalShape),
		serial:         c.optional(form, "SerialNumber", 9, 256, serialShape),
		code:           c.optional(form, "TokenCode", 6, 6, codeShape),
		sourceIdentity: c.optional(form, "SourceIdentity", 2, 64, nameShape),
		seconds:        c.number(form, "DurationSeconds", 900, 43200, 3600),
		tokenSize:      c.number(form, "MinimumSessionTokenSize", 0, maxToken, 0),
	}
	contexts, err := form.members("ProvidedContexts", "ProviderArn", "ContextAssertion")
	if err != nil {
		return nil, badForm(err.Error())
	}
	// A context is part of who the session is: without it, it would be another.
	if len(contexts) > 0 {
		return nil, badParameter("fakeaws does not have ProvidedContexts.")
	}
	if failed := cmp.Or(call.readPolicyARNs(form, &c), call.readTags(form, &c)); failed != nil {
		return nil, failed
	}
	return call, c.failure()
}

// readPolicyARNs reads the list of managed policies.
func (call *roleCall) readPolicyARNs(form form, c *constraints) *failure {
	arns, err := form.members("PolicyArns", "arn")
	if err != nil {
		return badForm(err.Error())
	}
	for i, m := range arns {
		c.text("policyArns."+strconv.Itoa(i+1)+".member.arn", m["arn"], 20, 2048, arnShape)
		call.policyARNs = append(call.policyARNs, m["arn"])
	}
	return nil
}

// readTags reads the tags, and which of them are transitive.
func (call *roleCall) readTags(form form, c *constraints) *failure {
	tags, err := form.members("Tags", "Key", "Value")
	if err != nil {
		return badForm(err.Error())
	}
	keys, err := form.members("TransitiveTagKeys", "")
	if err != nil {
		return badForm(err.Error())
	}
	c.count("tags", len(tags), 50)
	c.count("transitiveTagKeys", len(keys), 50)
	for i, m := range tags {
		at := "tags." + strconv.Itoa(i+1) + ".member."
		c.member(m, "Key", at+"key", 1, 128, tagKeyShape)
		c.member(m, "Value", at+"value", 0, 256, tagValueShape)
		call.tags = append(call.tags, [2]string{m["Key"], m["Value"]})
	}
	for i, m := range keys {
		c.text("transitiveTagKeys."+strconv.Itoa(i+1)+".member", m[""], 1, 128, tagKeyShape)
		call.transitive = append(call.transitive, m[""])
	}
	return nil
}

// checkARNs looks at what the ARNs mean. Whether the role is there is not said
// yet: see checkTrust.
func (f *Fake) checkARNs(_ *request, call *roleCall) *failure {
	m := roleARNPattern.FindStringSubmatch(call.roleARN)
	if m == nil || len(m[2]) > 512 {
		return invalid("%s is invalid", call.roleARN)
	}
	call.account, call.role = m[1], f.world.principals[call.roleARN]
	// The policies must belong to the role's account, not to the caller's:
	// it is the role that they narrow.
	return f.checkPolicyARNs(call.policyARNs, call.account)
}

// checkPolicy has the policy package judge the inline policy.
func (f *Fake) checkPolicy(_ *request, call *roleCall) *failure {
	return f.checkDocument(call.policy, call.policyARNs)
}

// checkTags looks at the tags, and at those that come along from the session
// that calls.
func (f *Fake) checkTags(rq *request, call *roleCall) *failure {
	if failed := checkTagList(call.tags, call.transitive, rq.caller.inherited()); failed != nil {
		return failed
	}
	if hasAWSPrefix(call.sourceIdentity) {
		return invalid("SourceIdentity cannot begin with aws:, which is reserved for AWS.")
	}
	return nil
}

// inherited returns the transitive tag keys of the calling session as they are
// spelled, by their lower-case form. Nobody's session has none.
func (c *caller) inherited() map[string]string {
	keys := map[string]string{}
	if c != nil && c.session != nil {
		for _, key := range c.session.Transitive {
			keys[strings.ToLower(key)] = key
		}
	}
	return keys
}

// prepare makes the session that the call asks for, and holds its token to the
// limit. Transitive tags and the source identity come along from the session
// that calls, its policies do not (IAM User Guide, role chaining).
func (f *Fake) prepare(rq *request, call *roleCall) *failure {
	now := rq.now.Unix()
	s := &session{Principal: call.roleARN, Name: call.name, Issued: now, Expires: now + int64(call.seconds),
		Policy: call.policy, PolicyARNs: call.policyARNs, SourceIdentity: call.sourceIdentity, Tags: map[string]string{}, MFA: call.mfa, Keys: call.keys}
	for _, t := range call.tags {
		s.Tags[t[0]] = t[1]
		if slices.ContainsFunc(call.transitive, func(k string) bool { return strings.EqualFold(k, t[0]) }) {
			s.Transitive = append(s.Transitive, t[0])
		}
	}
	inherited := rq.caller.inherited()
	for _, key := range slices.Sorted(maps.Values(inherited)) {
		s.Tags[key] = rq.caller.session.Tags[key]
		s.Transitive = append(s.Transitive, key)
	}
	if rq.caller != nil && rq.caller.session != nil && s.SourceIdentity == "" {
		s.SourceIdentity = rq.caller.session.SourceIdentity
	}
	call.session = s
	return f.checkSize(s, call.tokenSize)
}

// checkDuration holds the duration to the role's limit, and to the hour that
// chained roles have; session credentials of a user count as a chain.
func (f *Fake) checkDuration(rq *request, call *roleCall) *failure {
	asked := time.Duration(call.seconds) * time.Second
	if rq.caller != nil && rq.caller.session != nil && asked > time.Hour {
		return invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	if asked > call.role.maxSession {
		return invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return nil
}
