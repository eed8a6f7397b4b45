// Package policy reads IAM policy documents as session policies: it parses,
// checks, minifies and evaluates them. It is the only place that knows IAM's
// grammar.
//
// Check finds what STS would refuse, and what it would accept and the author
// regret: everything at once, each with its line, its column and what to do.
// Parse gives the Document that Evaluate asks, and Evaluate answers as AWS
// answers for one type of policy: wildcards, conditions and variables
// included, with the context keys that it missed. Explain answers for all
// policies that a session is known to have, says why, and says "unknown" where
// it was not told enough; Diff says what two sets of policies let through.
//
// The text that STS is sent must consist of the tab, the line feed, the
// carriage return and U+0020 to U+00FF. Any other character may still be
// meant, as the \u escape that JSON has for it: the rule is about the text,
// not about what it spells, and Check accepts escapes. Our own templates,
// {{user}}, {{app}} and {{profile}}, count as letters wherever a string may
// hold any.
//
// The package does not know what else limits a session: the role's own
// policies, its permissions boundary, resource policies, the organisation's.
// What Evaluate calls allowed is "not blocked by this policy", no more. It
// reads no file and keeps no state; any goroutine may call anything in it.
package policy

import "fmt"

// Level says how bad a Finding is.
type Level int

// The levels. STS is certain to refuse an Error, or it is a placeholder that
// nobody filled in; it accepts a Warning, which is probably not what was
// meant.
const (
	Warning Level = iota
	Error
)

// String returns the level as one lower-case word.
func (l Level) String() string {
	if l == Error {
		return "error"
	}
	return "warning"
}

// MarshalText makes a level readable in JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is one thing that is wrong with a policy document. It is an error
// value, so that Parse can return it.
type Finding struct {
	// Code is P001 to P025, one for each kind of finding.
	Code string `json:"code"`
	// Level is Error or Warning.
	Level Level `json:"level"`
	// Line and Column count from 1, Column in characters.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Path is the element, such as Statement[0].Action[1], or empty where
	// the finding is about the document or its text.
	Path string `json:"path,omitempty"`
	// Problem is one lower-case line without a final full stop.
	Problem string `json:"problem"`
	// Hint is one line that says what to do, or empty.
	Hint string `json:"hint,omitempty"`
}

// String returns the finding without its hint in one line, such as
// `3:12: Statement[0].Effect: "allow" is no effect (P007)`. With a file name
// and a colon before it, editors find the place.
func (f Finding) String() string {
	subject := ""
	if f.Path != "" {
		subject = f.Path + ": "
	}
	return fmt.Sprintf("%d:%d: %s%s (%s)", f.Line, f.Column, subject, f.Problem, f.Code)
}

// Error returns what String returns.
func (f Finding) Error() string { return f.String() }

// Options say what a policy is meant for. The zero value is a policy on its
// own for assume-role.
type Options struct {
	// Operation is the STS operation that will take the policy:
	// "assume-role", "assume-role-with-saml", "assume-role-with-web-identity"
	// or "get-federation-token". Anything else counts as "assume-role".
	Operation string
	// ARNChars is how many characters the managed policy ARNs sent along
	// have together: they share the limit with the policy.
	ARNChars int
	// Partition is the role's, such as "aws-cn", or empty for unknown.
	Partition string
}

// Document is a parsed policy document. Nothing changes it after Parse.
type Document struct {
	// Version is "2012-10-17", "2008-10-17" or, meaning the latter, empty.
	Version string
	// ID is the Id element. AWS ignores it in session policies.
	ID string
	// Statements are never empty after Parse.
	Statements []Statement
}

// Statement is one statement of a Document. Of Actions and NotActions, and of
// Resources and NotResources, one is set.
type Statement struct {
	Sid                 string
	Allow               bool
	Actions, NotActions []string
	Resources           []string
	NotResources        []string
	Conditions          []Condition
	// Index is its place in the document, from 0, and Line the line of the
	// text on which it begins.
	Index, Line int
}

// Condition is one key under one operator. All conditions of a statement must
// hold; of its values one must match, or none for a negated operator.
type Condition struct {
	// Operator is as written, such as "ForAnyValue:StringLikeIfExists".
	Operator string
	// Key is as written; case makes no difference.
	Key string
	// Values are strings; numbers and booleans are kept as they were
	// written.
	Values []string
}

// Question asks whether an action on a resource is allowed.
type Question struct {
	// Action is such as s3:GetObject, in any case.
	Action string
	// Resource is the ARN; "*", or empty, for actions that have none.
	Resource string
	// Context are the request's context keys, matched case-insensitively. A
	// key that is there without values is known to be absent, as
	// aws:username is from the sessions of roles. One that is not there at
	// all was not given: Evaluate takes it for absent and calls it missing,
	// Explain lets nothing depend on it silently.
	Context map[string][]string
}

// Decision is the answer to a Question.
type Decision int

// The decisions.
const (
	// ImplicitDeny: no statement applies.
	ImplicitDeny Decision = iota
	// Allowed: an Allow applies and no Deny does.
	Allowed
	// ExplicitDeny: a Deny applies, whatever else does.
	ExplicitDeny
)

// String returns the decision in lower-case words.
func (d Decision) String() string {
	switch d {
	case Allowed:
		return "allowed"
	case ExplicitDeny:
		return "explicit deny"
	default:
		return "implicit deny"
	}
}

// Verdict is a Decision with its reason.
type Verdict struct {
	Decision Decision
	// Statement is the first that decided; nil for ImplicitDeny.
	Statement *Statement
	// Document is the index of the document that Statement stands in.
	Document int
	// Missing are the context keys that conditions or variables asked for
	// and the question lacks, as the policy spells them, sorted. With them
	// the answer might be another.
	Missing []string
}

// Permission is one action on one resource, as patterns, that an Allow
// statement lets through.
type Permission struct {
	// Action and Resource are as written in the policy, or "all but …" for
	// NotAction and NotResource.
	Action   string `json:"action"`
	Resource string `json:"resource"`
	// Conditional says that the statement has conditions.
	Conditional bool `json:"conditional,omitempty"`
}
