package fakeaws

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/vendord/vendord/policy"
)

// What the operations have in common that narrow a session: managed policies, a
// document, tags, and the one limit on all of it together.

// checkPolicyARNs looks at managed policies that shall narrow a session of an
// account.
func (f *Fake) checkPolicyARNs(arns []string, account string) *failure {
	if len(arns) > 10 {
		return badParameter("The number of managed policies in PolicyArns exceeds the limit of 10.")
	}
	for _, arn := range arns {
		if !policyARNPattern.MatchString(arn) {
			return invalid("%s is invalid", arn)
		}
	}
	for _, arn := range arns {
		if f.world.managed[arn] == nil || !sameOwner(arn, account) {
			return badParameter("At least one Policy ARN in the PolicyArns parameter does not match an existing IAM Managed Policy ARN.")
		}
	}
	return nil
}

// checkDocument has the policy package judge an inline policy. Its length is a
// matter of each operation's shapes.
func (f *Fake) checkDocument(text string, arns []string) *failure {
	if text != "" {
		if failed := malformedPolicy(policy.Check([]byte(text), policy.Options{Partition: "aws"})); failed != nil {
			return failed
		}
	}
	// Characters and not bytes are what AWS counts.
	chars := utf8.RuneCountInString(text)
	for _, arn := range arns {
		chars += utf8.RuneCountInString(arn)
	}
	if f.config.Plaintext2048 && chars > 2048 {
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

// checkTagList looks at tags together, and at the transitive keys that come
// along from the session that calls, by their lower-case form.
func checkTagList(tags [][2]string, transitive []string, inherited map[string]string) *failure {
	seen := map[string]bool{}
	for _, t := range tags {
		key := strings.ToLower(t[0])
		switch {
		case hasAWSPrefix(key):
			return badParameter("Tag keys that begin with aws: are reserved for AWS.")
		case seen[key]:
			return badParameter("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		case inherited[key] != "":
			return badParameter("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		seen[key] = true
	}
	// Only what is passed here can be made transitive here.
	for _, key := range transitive {
		if !seen[strings.ToLower(key)] {
			return badParameter("The specified transitive tag key must be included in the requested tags.")
		}
	}
	return nil
}

// checkSize holds a session's token to the limit. The size is known only once
// it is packed; the key id has no part in it.
func (f *Fake) checkSize(s *session, atLeast int) *failure {
	size := len(f.sealToken("", s, atLeast))
	switch {
	case size <= maxToken:
		return nil
	case s.Policy == "" && len(s.PolicyARNs) == 0 && len(s.Scopes) == 0:
		return tooLarge("tags", percent(size))
	}
	return tooLarge("policy", percent(size))
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
