package fakeaws

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// ScopedRules are how GetScopedCredentials behaves where AWS has not said how:
// clients must be right either way. The zero value is the strict one.
type ScopedRules struct {
	// Clamp cuts a DurationSeconds that is longer than what is left of the
	// calling session, instead of refusing it.
	Clamp bool `json:"clamp,omitempty"`
	// AllowNeither lets a call through that has neither a Policy nor a
	// DurationSeconds.
	AllowNeither bool `json:"allow_neither,omitempty"`
	// MaxDepth is how many scopes a session may have one on another; 0 means
	// as many as its token can hold.
	MaxDepth int `json:"max_depth,omitempty"`
	// MaxPolicyChars is the length of a Policy in characters; 0 means no
	// limit but the token's.
	MaxPolicyChars int `json:"max_policy_chars,omitempty"`
	// Permission is what the caller's policies must say of
	// sts:GetScopedCredentials, those of scopes included: "" not deny it,
	// "allow" allow it, "none" whatever they like.
	Permission string `json:"permission,omitempty"`
	// AllowRoot lets the temporary credentials of a root user be scoped.
	AllowRoot bool `json:"allow_root,omitempty"`
	// RefuseAssumeRole keeps scoped sessions from assuming roles.
	RefuseAssumeRole bool `json:"refuse_assume_role,omitempty"`
	// NewIssueTime gives a scoped session an aws:TokenIssueTime of its own,
	// in place of the calling session's.
	NewIssueTime bool `json:"new_issue_time,omitempty"`
	// GlobalEndpoint makes the fake the global endpoint of STS, which does
	// not have the operation.
	GlobalEndpoint bool `json:"global_endpoint,omitempty"`
	// Absent makes it an endpoint that never heard of the operation.
	Absent bool `json:"absent,omitempty"`
	// Nested puts the Credentials of the answer into its ScopedSession.
	Nested bool `json:"nested,omitempty"`
	// Refusals replace status and code of refusals by their reason:
	// "duration", "neither", "depth", "size", "permission", "long-term",
	// "root" and "global-endpoint".
	Refusals map[string]ScopedRefusal `json:"refusals,omitempty"`
}

// ScopedRefusal is the status and code with which a reason is refused.
type ScopedRefusal struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
}

// scopedRefusals are the guesses where the rules say nothing else: codes that
// STS has for its sibling operations.
var scopedRefusals = map[string]failure{
	"duration": {http.StatusForbidden, "SessionDurationEscalationException",
		"The requested DurationSeconds would extend the session beyond its original expiration."},
	"neither":   {http.StatusBadRequest, "ValidationError", "Either a Policy or DurationSeconds must be specified."},
	"depth":     {http.StatusForbidden, "AccessDenied", "The session has been scoped down too many times."},
	"size":      {http.StatusBadRequest, "PackedPolicyTooLarge", "The scope down policy is longer than this endpoint takes."},
	"long-term": {http.StatusForbidden, "AccessDenied", "Cannot call GetScopedCredentials with long-term credentials"},
	"root":      {http.StatusForbidden, "AccessDenied", "Cannot call GetScopedCredentials with root credentials"},
	"global-endpoint": {http.StatusBadRequest, "InvalidAction",
		"GetScopedCredentials is available at regional endpoints only."},
	"permission": {http.StatusForbidden, "AccessDenied", ""}, // names the caller
}

// check returns what is wrong with rules.
func (r ScopedRules) check() error {
	switch {
	case r.MaxDepth < 0 || r.MaxPolicyChars < 0:
		return fmt.Errorf("max_depth and max_policy_chars cannot be negative")
	case !slices.Contains([]string{"", "allow", "none"}, r.Permission):
		return fmt.Errorf(`permission %q: not "", "allow" or "none"`, r.Permission)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Refusals)) {
		refusal := r.Refusals[reason]
		if _, known := scopedRefusals[reason]; !known {
			return fmt.Errorf("refusals: %q is no reason for one", reason)
		}
		if refusal.Status < 400 || refusal.Status > 599 || refusal.Code == "" {
			return fmt.Errorf("refusals: %s needs a status of an error and a code", reason)
		}
	}
	return nil
}

// refuse returns the refusal for a reason.
func (r *ScopedRules) refuse(reason string) *failure {
	refusal := scopedRefusals[reason]
	return refusal.with(r.Refusals[reason].Status, r.Refusals[reason].Code)
}

// SetScopedRules makes rules hold from the next call on.
func (f *Fake) SetScopedRules(r ScopedRules) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("scoped: %w", err)
	}
	r.Refusals = maps.Clone(r.Refusals)
	f.scoped.Store(&r)
	return nil
}
