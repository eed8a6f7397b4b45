package fakeaws

import (
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/vendord/vendord/policy"
)

// getScopedCredentials is STS's GetScopedCredentials: the calling session once
// more, narrower or shorter, with a key of its own. What is known of it holds
// always; for what is not there are ScopedRules.
func (f *Fake) getScopedCredentials(rq *request, form form) (*answer, *failure) {
	rules := f.scoped.Load()
	if rules.Absent {
		return nil, fail(http.StatusBadRequest, "InvalidAction", "Could not find operation GetScopedCredentials for version %s", stsVersion)
	}
	var c constraints
	scope := c.optional(form, "Policy", 1, unlimited, policyShape)
	seconds := c.number(form, "DurationSeconds", 1, 129600, 0)
	atLeast := c.number(form, "MinimumSessionTokenSize", 0, maxToken, 0)
	if failed := c.failure(); failed != nil {
		return nil, failed
	}
	if failed := f.checkScopable(rq, rules, scope, seconds); failed != nil {
		return nil, failed
	}
	s, failed := scopedSession(rq, rules, scope, seconds)
	if failed != nil {
		return nil, failed
	}
	if failed := f.checkSize(s, atLeast); failed != nil {
		return nil, failed
	}
	_, issued := f.issue(rq, s, atLeast)
	result := &scopedResult{issued: &issued, ARN: rq.caller.arn(), ID: rq.caller.userID()}
	if rules.Nested {
		result.issued, result.Nested = nil, &issued
	}
	return rq.stsAnswer(result), nil
}

// checkScopable decides whether the caller may have a narrower session, and
// whether this is one.
func (f *Fake) checkScopable(rq *request, rules *ScopedRules, scope string, seconds int) *failure {
	c := rq.caller
	switch {
	case rules.GlobalEndpoint:
		return rules.refuse("global-endpoint")
	case c.session == nil:
		return rules.refuse("long-term")
	case c.kind == rootUser && !rules.AllowRoot:
		return rules.refuse("root")
	case scope == "" && seconds == 0 && !rules.AllowNeither:
		return rules.refuse("neither")
	case rules.MaxPolicyChars > 0 && utf8.RuneCountInString(scope) > rules.MaxPolicyChars:
		return rules.refuse("size")
	}
	if scope != "" {
		if failed := malformedPolicy(policy.Check([]byte(scope), policy.Options{Partition: "aws"})); failed != nil {
			return failed
		}
	}
	if rules.MaxDepth > 0 && c.session.Depth >= rules.MaxDepth {
		return rules.refuse("depth")
	}
	return f.checkScopePermission(rq, rules)
}

// checkScopePermission asks the caller's policies as far as the rules want.
func (f *Fake) checkScopePermission(rq *request, rules *ScopedRules) *failure {
	const action = "sts:GetScopedCredentials"
	d := rq.caller.may(action, "*", f.context(rq))
	denied := d == denyIdentity || d == denySession
	if rules.Permission == "none" || !denied && (rules.Permission == "" || d == "") {
		return nil
	}
	failed := rules.refuse("permission")
	failed.message = refusal(rq.caller, action, "*").message
	return failed
}

// scopedSession returns the calling session with one more scope. It has the
// same name, tags and policies, and never outlives the calling one (STS API
// reference, GetScopedCredentials).
func scopedSession(rq *request, rules *ScopedRules, scope string, seconds int) (*session, *failure) {
	s := *rq.caller.session
	if until := rq.now.Unix() + int64(seconds); seconds > 0 && until < s.Expires {
		s.Expires = until
	} else if until > s.Expires && seconds > 0 && !rules.Clamp {
		return nil, rules.refuse("duration")
	}
	s.Depth++
	if scope != "" {
		s.Scopes = append(slices.Clone(s.Scopes), scope)
	}
	if rules.NewIssueTime {
		s.Issued = rq.now.Unix()
	}
	return &s, nil
}

// scopedMayNotAssume reports whether the rules keep a caller from roles.
func (f *Fake) scopedMayNotAssume(c *caller) bool {
	return c.session != nil && c.session.Depth > 0 && f.scoped.Load().RefuseAssumeRole
}
