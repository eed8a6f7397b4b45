package policy

import (
	"slices"
	"strings"
)

// MaxChars is how many characters an inline session policy and the managed
// policy ARNs sent with it may have; see maxChars.
const MaxChars = maxChars

// meanings says of each kind of finding what the rule is and what happens
// where it is broken, for people who have only the code.
var meanings = map[string]string{
	"P001": "STS takes tab, line feed, carriage return and U+0020 to U+00FF; anything else is refused, or was pasted and is not what it looks like",
	"P002": "a policy is one JSON object in UTF-8 with nothing after it; STS refuses any other text",
	"P003": "a key that is written twice could mean either: STS refuses the policy",
	"P004": "policies and statements have a fixed set of keys, spelled exactly so; STS refuses others",
	"P005": "Version is the language, 2012-10-17; without it AWS reads the policy by older rules, which have no variables",
	"P006": "Statement is one statement or a list of them, and every policy has one",
	"P007": "Effect is Allow or Deny, with a capital, in every statement",
	"P008": "a statement has either Action or NotAction, and names something there",
	"P009": "a statement has either Resource or NotResource, and names something there",
	"P010": "a session policy is for whoever gets the session, so it names no principals; STS refuses one that does",
	"P011": "an action is * or service:Name, where Name may have the wildcards * and ?",
	"P012": "a resource is * or an ARN of six parts, arn:partition:service:region:account:resource",
	"P013": "a Sid consists of letters and digits and is written once in a document",
	"P014": "a condition is an operator that AWS knows, with context keys and their values",
	"P015": "the operator cannot read the value, so nothing ever matches it",
	"P016": "AWS replaces variables only in some places; here the text stands for itself",
	"P017": "the minified policy and the ARNs of managed policies share one limit; what counts in the end is the size of the session token",
	"P018": "credentials reach resources of their own partition alone",
	"P019": "sessions of roles have no aws:username: what asks for it matches nothing",
	"P020": "a session policy that names no limits does not narrow what the role may do",
	"P021": "no such action is known here: STS takes the policy, and the permission that was meant is missing",
	"P022": "ForAllValues holds where the request has no such key, so the Allow applies then as well",
	"P023": "an action of S3 is about buckets or about objects, and the statement names only the other kind",
	"P024": "AWS ignores Id in a session policy, and it counts towards the size",
	"P025": "the text still has a placeholder of an example in it",
}

// Meaning returns what a Finding's code stands for, in one line, or "" for a
// code that Check does not have.
func Meaning(code string) string { return meanings[code] }

// UnknownAction reports whether an action such as s3:GetObjct is, as far as is
// known here, none of its service's, and says what may be meant instead, or
// "". Of services whose actions are not known here it reports false.
func UnknownAction(action string) (hint string, unknown bool) {
	service, name, _ := strings.Cut(action, ":")
	service = strings.ToLower(service)
	names := actionNames(service)
	if names == nil || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
		return "", false
	}
	return actionHint(service, name, names), true
}
