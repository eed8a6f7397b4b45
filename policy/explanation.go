package policy

// Named is a policy with the name that people know it by: a file, a profile's
// key, the ARN of a managed policy.
type Named struct {
	Name string
	// Document is nil where the text is not at hand, as that of a managed
	// policy often is: it may then allow and deny anything.
	Document *Document
}

// Inputs are the policies that a question is put to, in layers. Within a layer
// policies are a union: any Allow lets through. Each layer that there is must
// let through; and a Deny wins wherever it stands (IAM user guide, "Policy
// evaluation logic").
type Inputs struct {
	// Session are the session policies of one session, inline and managed.
	// None of them let nothing through, as for the session of a federated
	// user, unless NoSession is set.
	Session []Named
	// NoSession says that the session has no session policies and needs
	// none, as a role's: then nothing is blocked by them.
	NoSession bool
	// Scope is what narrows the credentials of the session once more. None:
	// there is no such layer.
	Scope []Named
	// Identity are policies of the role or user. None: they are not known,
	// and the answer is about the others alone.
	Identity []Named
}

// Layer names the kind of policy that a statement stands in.
type Layer string

// The layers of Inputs.
const (
	SessionLayer  Layer = "session"
	ScopeLayer    Layer = "scope"
	IdentityLayer Layer = "identity"
)

// Answer is what Explain says of a Question.
type Answer string

// The answers.
const (
	// NotBlocked: no layer given stops it. Whether AWS lets it happen is
	// decided by what else there is: policies of the role or user that were
	// not given, permissions boundaries, resource policies, the
	// organisation's.
	NotBlocked Answer = "not-blocked"
	// DeniedExplicitly: a Deny applies, whatever is missing.
	DeniedExplicitly Answer = "explicit-deny"
	// DeniedImplicitly: a layer lets it through with no statement, whatever
	// is missing.
	DeniedImplicitly Answer = "implicit-deny"
	// Unknown: it depends on context keys or policies that were not given.
	Unknown Answer = "unknown"
)

// Explanation is the answer to a Question with all its reasons. Its JSON form
// is stable: fields may be added, and none changes its meaning.
type Explanation struct {
	Decision Answer `json:"decision"`
	// Reason is one lower-case line without a final full stop.
	Reason string `json:"reason"`
	// BlockedBy are the layers without an Allow that could apply; set for
	// DeniedImplicitly alone.
	BlockedBy []Layer `json:"blocked_by,omitempty"`
	// By are the statements that decided: every Deny that applies, or every
	// Allow. For Unknown, those that may apply, and each Allow that lets
	// through what a Deny or another layer may still stop.
	By []Deciding `json:"by,omitempty"`
	// Missing are the context keys that were not given and that the answer
	// depends on, as the policies spell them, sorted; for Unknown alone.
	Missing []string `json:"missing,omitempty"`
	// Unread are the names of the policies whose text was not at hand and
	// that the answer depends on; for Unknown alone.
	Unread []string `json:"unread,omitempty"`
	// Near are the statements that came closest to another answer, at most
	// five; for DeniedImplicitly and Unknown alone.
	Near []NearMiss `json:"near,omitempty"`
}

// Place is where a statement stands.
type Place struct {
	Layer Layer `json:"layer,omitempty"`
	// Policy is the Name of its policy.
	Policy string `json:"policy"`
	// Statement is its place in the document, from 0.
	Statement int    `json:"statement"`
	Sid       string `json:"sid,omitempty"`
	// Line is the line of the policy's text on which it begins, from 1.
	Line int `json:"line"`
	// Effect is "Allow" or "Deny".
	Effect string `json:"effect"`
}

// Deciding is a statement that decided.
type Deciding struct {
	Place
	// DependsOn are the context keys that were not given and that decide
	// whether the statement applies; none if it does.
	DependsOn []string `json:"depends_on,omitempty"`
}

// NearMiss is a statement that does not apply, or may not, and why.
type NearMiss struct {
	Place
	// Failed is never empty.
	Failed []Failure `json:"failed"`
}

// Failure is one part of a statement that does not match the question.
type Failure struct {
	// Part is "action", "resource" or "condition".
	Part string `json:"part"`
	// Operator and Key are a condition's, as the policy spells them.
	Operator string `json:"operator,omitempty"`
	Key      string `json:"key,omitempty"`
	// Wanted are the patterns or values of the policy; for NotAction and
	// NotResource those that it leaves out.
	Wanted []string `json:"wanted"`
	// Got is what the question has in their place.
	Got []string `json:"got,omitempty"`
	// Missing are the context keys that were not given and that could
	// change it.
	Missing []string `json:"missing,omitempty"`
	// Problem is one lower-case line without a final full stop.
	Problem string `json:"problem"`
}

func (s *Statement) place(layer Layer, policy string) Place {
	effect := "Deny"
	if s.Allow {
		effect = "Allow"
	}
	return Place{Layer: layer, Policy: policy, Statement: s.Index, Sid: s.Sid, Line: s.Line, Effect: effect}
}
