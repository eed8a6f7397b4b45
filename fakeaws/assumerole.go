package fakeaws

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vendord/vendord/policy"
)

// roleCall is a parsed AssumeRole request.
type roleCall struct {
	roleARN, name, policy, externalID, serial, code, sourceIdentity string

	policyARNs []string
	tags       [][2]string
	transitive []string
	seconds    int
	tokenSize  int // MinimumSessionTokenSize

	mfa     int64      // when the code was given, or 0
	session *session   // what it would make
	role    *principal // nil if there is no such role
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
		ARN:              (&caller{principal: call.role, session: call.session}).arn(),
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
	if failed := call.readLists(form, &c); failed != nil {
		return nil, failed
	}
	return call, c.failure()
}

// readLists reads the parameters that are lists.
func (call *roleCall) readLists(form form, c *constraints) *failure {
	arns, err1 := form.members("PolicyArns", "arn")
	tags, err2 := form.members("Tags", "Key", "Value")
	keys, err3 := form.members("TransitiveTagKeys", "")
	contexts, err4 := form.members("ProvidedContexts", "ProviderArn", "ContextAssertion")
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return badForm(err.Error())
		}
	}
	// A context is part of who the session is: without it, it would be another.
	if len(contexts) > 0 {
		return badParameter("fakeaws does not have ProvidedContexts.")
	}
	c.count("tags", len(tags), 50)
	c.count("transitiveTagKeys", len(keys), 50)
	for i, m := range arns {
		c.text("policyArns."+strconv.Itoa(i+1)+".member.arn", m["arn"], 20, 2048, arnShape)
		call.policyARNs = append(call.policyARNs, m["arn"])
	}
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

// checkARNs looks at what the ARNs mean.
func (f *Fake) checkARNs(_ *request, call *roleCall) *failure {
	// Whether the role is there is not looked at yet: see checkTrust.
	m := roleARNPattern.FindStringSubmatch(call.roleARN)
	if m == nil || len(m[2]) > 512 {
		return invalid("%s is invalid", call.roleARN)
	}
	if len(call.policyARNs) > 10 {
		return badParameter("The number of managed policies in PolicyArns exceeds the limit of 10.")
	}
	for _, arn := range call.policyARNs {
		if !policyARNPattern.MatchString(arn) {
			return invalid("%s is invalid", arn)
		}
	}
	// The policies must belong to the role's account, not to the caller's:
	// it is the role that they narrow.
	for _, arn := range call.policyARNs {
		if f.world.managed[arn] == nil || !sameOwner(arn, m[1]) {
			return badParameter("At least one Policy ARN in the PolicyArns parameter does not match an existing IAM Managed Policy ARN.")
		}
	}
	call.role = f.world.principals[call.roleARN]
	return nil
}

// checkPolicy has the policy package judge the inline policy.
func (f *Fake) checkPolicy(_ *request, call *roleCall) *failure {
	// Characters and not bytes are what AWS counts.
	arnChars := 0
	for _, arn := range call.policyARNs {
		arnChars += utf8.RuneCountInString(arn)
	}
	if call.policy != "" {
		o := policy.Options{Operation: "assume-role", ARNChars: arnChars, Partition: "aws"}
		if failed := malformedPolicy(policy.Check([]byte(call.policy), o)); failed != nil {
			return failed
		}
	}
	if chars := utf8.RuneCountInString(call.policy) + arnChars; f.config.Plaintext2048 && chars > 2048 {
		return tooLarge("policy", (chars*100+2047)/2048)
	}
	return nil
}

// malformedPolicy returns the refusal of a policy, or nil. What Check calls an
// error is what STS is certain to refuse, but for placeholders: a bucket may
// well have the name YOUR_BUCKET_NAME, as far as STS knows.
func malformedPolicy(findings []policy.Finding) *failure {
	for _, finding := range findings {
		switch {
		case finding.Level != policy.Error || finding.Code == "P025":
		case finding.Code == "P002":
			return fail(http.StatusBadRequest, "MalformedPolicyDocument", "The policy is not in the valid JSON format.")
		default:
			return fail(http.StatusBadRequest, "MalformedPolicyDocument", "Syntax errors in policy: %s", finding.Problem)
		}
	}
	return nil
}

// checkTags looks at the tags together, and at those that come along from the
// session that calls.
func (f *Fake) checkTags(rq *request, call *roleCall) *failure {
	inherited := rq.caller.inherited()
	seen := map[string]bool{}
	for _, t := range call.tags {
		key := strings.ToLower(t[0])
		switch {
		case strings.HasPrefix(key, "aws:"):
			return badParameter("Tag keys that begin with aws: are reserved for AWS.")
		case seen[key]:
			return badParameter("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		case inherited[key] != "":
			return badParameter("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		seen[key] = true
	}
	// Only what is passed here can be made transitive here.
	for _, key := range call.transitive {
		if !seen[strings.ToLower(key)] {
			return badParameter("The specified transitive tag key must be included in the requested tags.")
		}
	}
	if strings.HasPrefix(strings.ToLower(call.sourceIdentity), "aws:") {
		return invalid("SourceIdentity cannot begin with aws:, which is reserved for AWS.")
	}
	return nil
}

// inherited returns the transitive tag keys of the calling session as they are
// spelled, by their lower-case form.
func (c *caller) inherited() map[string]string {
	keys := map[string]string{}
	if c.session != nil {
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
		Policy: call.policy, PolicyARNs: call.policyARNs, SourceIdentity: call.sourceIdentity, Tags: map[string]string{}, MFA: call.mfa}
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
	if caller := rq.caller.session; caller != nil && s.SourceIdentity == "" {
		s.SourceIdentity = caller.SourceIdentity
	}
	call.session = s
	// The size is known only once it is packed; the key id has no part in it.
	if size := len(f.sealToken("", s, call.tokenSize)); size > maxToken {
		if call.policy == "" && len(call.policyARNs) == 0 {
			return tooLarge("tags", percent(size))
		}
		return tooLarge("policy", percent(size))
	}
	return nil
}

// checkDuration holds the duration to the role's limit, and to the hour that
// chained roles have; session credentials of a user count as a chain.
func (f *Fake) checkDuration(rq *request, call *roleCall) *failure {
	asked := time.Duration(call.seconds) * time.Second
	if rq.caller.session != nil && asked > time.Hour {
		return invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	if asked > call.role.maxSession {
		return invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return nil
}

// tooLarge is STS's answer to what does not fit into a token.
func tooLarge(what string, percent int) *failure {
	if what == "tags" {
		return fail(http.StatusBadRequest, "PackedPolicyTooLarge", "Packed size of session tags consumes %d%% of allotted space.", percent)
	}
	return fail(http.StatusBadRequest, "PackedPolicyTooLarge",
		"Packed policy consumes %d%% of allotted space, please use smaller policy.", percent)
}

// percent is how much of the limit a token uses, rounded up.
func percent(size int) int { return (size*100 + maxToken - 1) / maxToken }

// badParameter makes an InvalidParameterValue.
func badParameter(message string) *failure {
	return fail(http.StatusBadRequest, "InvalidParameterValue", "%s", message)
}
