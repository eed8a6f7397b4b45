package fakeaws_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/vendord/vendord/fakeaws"
)

// TestScopedRules: what is not known of GetScopedCredentials can be had either
// way.
func TestScopedRules(t *testing.T) {
	type rules = fakeaws.ScopedRules
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"sts:GetScopedCredentials","Resource":"*"}]}`
	narrow := "Policy=" + allow("s3:*", "*")
	const denied = "User: " + adminSession + " is not authorized to perform: sts:GetScopedCredentials on resource: *"
	for _, c := range []struct {
		name          string
		rules         rules
		depth         int    // scopes before
		session       string // the parent's session policy
		parameters    []string
		status        int
		code, message string
	}{
		{"known limits: no second", rules{}, 0, "", []string{"DurationSeconds=0"}, 400, "ValidationError", "1 validation error detected: Value '0' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"known limits: 36 hours", rules{}, 0, "", []string{"DurationSeconds=129601"}, 400, "ValidationError", "1 validation error detected: Value '129601' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 129600"},
		{"a policy that is none", rules{}, 0, "", []string{"Policy=[]"}, 400, "MalformedPolicyDocument", "The policy is not in the valid JSON format."},
		{"too long: refused", rules{}, 0, "", []string{"DurationSeconds=7200"}, 403, "SessionDurationEscalationException", "The requested DurationSeconds would extend the session beyond its original expiration."},
		{"too long: cut", rules{Clamp: true}, 0, "", []string{"DurationSeconds=7200"}, 200, "", ""},
		{"neither: refused", rules{}, 0, "", nil, 400, "ValidationError", "Either a Policy or DurationSeconds must be specified."},
		{"neither: allowed", rules{AllowNeither: true}, 0, "", nil, 200, "", ""},
		{"depth: no limit", rules{}, 3, "", []string{narrow}, 200, "", ""},
		{"depth: the last", rules{MaxDepth: 2}, 1, "", []string{narrow}, 200, "", ""},
		{"depth: one more", rules{MaxDepth: 2}, 2, "", []string{narrow}, 403, "AccessDenied", "The session has been scoped down too many times."},
		{"size: no limit", rules{}, 0, "", []string{"Policy=" + allow("s3:*", strings.Repeat("arn:aws:s3:::bucket/folder ", 90))}, 200, "", ""},
		{"size: a limit", rules{MaxPolicyChars: 20}, 0, "", []string{narrow}, 400, "PackedPolicyTooLarge", "The scope down policy is longer than this endpoint takes."},
		{"permission: not mentioned", rules{}, 0, allow("s3:*", "*"), []string{narrow}, 200, "", ""},
		{"permission: denied", rules{}, 0, deny, []string{narrow}, 403, "AccessDenied", denied},
		{"permission: must be allowed", rules{Permission: "allow"}, 0, allow("s3:*", "*"), []string{narrow}, 403, "AccessDenied", denied},
		{"permission: is allowed", rules{Permission: "allow"}, 0, "", []string{narrow}, 200, "", ""},
		{"permission: scopes count too", rules{Permission: "allow"}, 1, "", []string{narrow}, 403, "AccessDenied", denied},
		{"permission: none needed", rules{Permission: "none"}, 0, deny, []string{narrow}, 200, "", ""},
		{"the global endpoint", rules{GlobalEndpoint: true}, 0, "", []string{narrow}, 400, "InvalidAction", "GetScopedCredentials is available at regional endpoints only."},
		{"an endpoint of yesterday", rules{Absent: true}, 0, "", []string{narrow}, 400, "InvalidAction", "Could not find operation GetScopedCredentials for version 2011-06-15"},
		{"another code", rules{Refusals: map[string]fakeaws.ScopedRefusal{"neither": {400, "InvalidParameterCombination"}}}, 0, "", nil, 400, "InvalidParameterCombination", "Either a Policy or DurationSeconds must be specified."},
		{"members elsewhere", rules{Nested: true}, 0, "", []string{narrow}, 200, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := start(t, fakeaws.Config{})
			session := p.assume(john(), adminRole, "s3-session", with(cmpOr(c.session, allow("*", "*"))))
			for range c.depth {
				session = scopedOf(t, p.scope(session, narrow)).credentials
			}
			if err := p.SetScopedRules(c.rules); err != nil {
				t.Fatal(err)
			}
			got := p.scope(session, c.parameters...)
			got.want(t, c.status, c.code, c.message)
			if c.status == 200 && scopedOf(t, got).credentials.SessionToken == "" {
				t.Errorf("no credentials in %s", got.body)
			}
		})
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// TestScopedCallers: who may not call it, and what scoped sessions may call.
func TestScopedCallers(t *testing.T) {
	p := start(t, fakeaws.Config{State: kiosk(allow("s3:*", "*"))})
	narrow := "Policy=" + allow("*", "*")
	p.scope(john(), narrow).want(t, 403, "AccessDenied", "Cannot call GetScopedCredentials with long-term credentials")
	out, err := p.sts(rootKeys).GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	root := session(out.Credentials)
	p.scope(root, narrow).want(t, 403, "AccessDenied", "Cannot call GetScopedCredentials with root credentials")
	if err := p.SetScopedRules(fakeaws.ScopedRules{AllowRoot: true}); err != nil {
		t.Fatal(err)
	}
	p.scope(root, narrow).want(t, 200, "", "")

	// The role trusts its account, so the session may assume the role again.
	again := func(c aws.Credentials) reply {
		return p.send(form(c, "Action=AssumeRole", "RoleArn="+adminRole, "RoleSessionName=again"))
	}
	refused := "User: " + adminSession + " is not authorized to perform: sts:AssumeRole on resource: " + adminRole
	parent := p.assume(john(), adminRole, "s3-session")
	wide := scopedOf(t, p.scope(parent, narrow)).credentials
	again(wide).want(t, 200, "", "")
	tight := scopedOf(t, p.scope(parent, "Policy="+allow("s3:*", "*"))).credentials
	again(tight).want(t, 403, "AccessDenied", refused)
	if err := p.SetScopedRules(fakeaws.ScopedRules{RefuseAssumeRole: true}); err != nil {
		t.Fatal(err)
	}
	again(wide).want(t, 403, "AccessDenied", refused)
	again(parent).want(t, 200, "", "")
}

// TestScopeCapsTrustInTheSession: a role that trusts the session itself is not
// capped by session policies, and by scopes it is.
func TestScopeCapsTrustInTheSession(t *testing.T) {
	session := "arn:aws:sts::" + home + ":assumed-role/first/one"
	p := start(t, fakeaws.Config{State: small(nil,
		fakeaws.Role{Name: "first", Trust: trusting(annARN, "sts:AssumeRole", ""), PolicyARNs: []string{fakeaws.AdministratorAccess}},
		fakeaws.Role{Name: "second", Trust: trusting(session, "sts:AssumeRole", "")})})
	hop := func(c aws.Credentials) reply {
		return p.send(form(c, "Action=AssumeRole", "RoleArn="+roleARN("second"), "RoleSessionName=two"))
	}
	parent := p.assume(ann, roleARN("first"), "one", with(allow("s3:*", "*")))
	hop(parent).want(t, 200, "", "")
	hop(scopedOf(t, p.scope(parent, "Policy="+allow("s3:*", "*"))).credentials).want(t, 403, "AccessDenied",
		"User: "+session+" is not authorized to perform: sts:AssumeRole on resource: "+roleARN("second"))
}

func TestScopedRulesRefusals(t *testing.T) {
	p := start(t, fakeaws.Config{})
	for want, rules := range map[string]fakeaws.ScopedRules{
		"scoped: max_depth and max_policy_chars cannot be negative":       {MaxDepth: -1},
		`scoped: permission "maybe": not "", "allow" or "none"`:           {Permission: "maybe"},
		`scoped: refusals: "weather" is no reason for one`:                {Refusals: map[string]fakeaws.ScopedRefusal{"weather": {400, "A"}}},
		"scoped: refusals: neither needs a status of an error and a code": {Refusals: map[string]fakeaws.ScopedRefusal{"neither": {200, "A"}}},
	} {
		if err := p.SetScopedRules(rules); err == nil || err.Error() != want {
			t.Errorf("SetScopedRules: got %v, want %s", err, want)
		}
	}
}
