package fakeaws

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vendord/vendord/policy"
)

// caller is who signed a request: a user or role, by a long-term key or a
// session.
type caller struct {
	*principal
	keyID     string
	session   *session           // nil: a long-term key
	narrowing []*policy.Document // the session policies, if any
	scopes    []*policy.Document // of GetScopedCredentials: each caps on its own
}

// sessionCaller returns the caller that a session stands for. What the token
// names is there: the world does not change, and we sealed the token.
func (f *Fake) sessionCaller(keyID string, s *session) *caller {
	c := &caller{principal: f.world.principals[s.Principal], keyID: keyID, session: s}
	if s.Policy != "" {
		c.narrowing = append(c.narrowing, parsed(s.Policy))
	}
	for _, arn := range s.PolicyARNs {
		c.narrowing = append(c.narrowing, f.world.managed[arn])
	}
	for _, scope := range s.Scopes {
		c.scopes = append(c.scopes, parsed(scope))
	}
	return c
}

// parsed returns a policy that was checked when it came in.
func parsed(text string) *policy.Document {
	d, err := policy.Parse([]byte(text))
	if err != nil {
		return &policy.Document{} // allows nothing
	}
	return d
}

// federated reports whether the caller is a session of GetFederationToken: that
// of a user, with a name of its own.
func (c *caller) federated() bool {
	return c.kind != iamRole && c.session != nil && c.session.Name != ""
}

// arn returns the ARN that AWS knows the caller by. Sessions of a role have
// their own, without the role's path; those of a user are the user, but for
// federated ones.
func (c *caller) arn() string {
	switch {
	case c.kind == iamRole:
		return fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", c.account, c.name, c.session.Name)
	case c.federated():
		return federatedARN(c.account, c.session.Name)
	}
	return c.principal.arn
}

// federatedARN returns the ARN of a federated user.
func federatedARN(account, name string) string {
	return fmt.Sprintf("arn:aws:sts::%s:federated-user/%s", account, name)
}

// userID returns aws:userid.
func (c *caller) userID() string {
	switch {
	case c.kind == iamRole:
		return c.id + ":" + c.session.Name
	case c.federated():
		return c.account + ":" + c.session.Name
	}
	return c.id
}

// names returns the principals that a trust policy can name the caller by:
// itself, and its account.
func (c *caller) names() (itself, all []string) {
	itself = []string{c.principal.arn}
	if c.kind == iamRole {
		itself = append(itself, c.arn())
	}
	return itself, append(itself[:len(itself):len(itself)], rootARN(c.account), c.account)
}

// denial is why AWS refuses, in the words of its messages; empty where it does
// not.
type denial string

// The reasons for a denial (IAM User Guide, troubleshooting access denied
// messages, as of 2026-11). %s is the action.
const (
	noIdentity   denial = "because no identity-based policy allows the %s action"
	noSession    denial = "because no session policy allows the %s action"
	noResource   denial = "because no resource-based policy allows the %s action"
	denyIdentity denial = "with an explicit deny in an identity-based policy"
	denySession  denial = "with an explicit deny in a session policy"
)

// may asks the caller's own policies: the identity's must allow, of the session
// policies, where there are any, at least one must, and so must every scope; a
// Deny in any of them is final (IAM User Guide, policy evaluation logic).
func (c *caller) may(action, resource string, context map[string][]string) denial {
	q := policy.Question{Action: action, Resource: resource, Context: context}
	identity := policy.Evaluate(q, c.policies...).Decision
	session := c.capped(q)
	switch {
	case identity == policy.ExplicitDeny:
		return denyIdentity
	case session == policy.ExplicitDeny:
		return denySession
	case identity != policy.Allowed:
		return noIdentity
	case session != policy.Allowed:
		return noSession
	}
	return ""
}

// capped asks what narrows a session: its policies together, and each scope on
// its own. A federated user without session policies may do nothing (IAM User
// Guide, permissions for GetFederationToken).
func (c *caller) capped(q policy.Question) policy.Decision {
	decision := policy.Allowed
	if len(c.narrowing) > 0 || c.federated() {
		decision = policy.Evaluate(q, c.narrowing...).Decision
	}
	return lower(decision, c.scoped(q))
}

// scoped asks the scopes alone.
func (c *caller) scoped(q policy.Question) policy.Decision {
	decision := policy.Allowed
	for _, scope := range c.scopes {
		decision = lower(decision, policy.Evaluate(q, scope).Decision)
	}
	return decision
}

// lower returns what two limits leave together.
func lower(a, b policy.Decision) policy.Decision {
	switch {
	case a == policy.ExplicitDeny || b == policy.ExplicitDeny:
		return policy.ExplicitDeny
	case a == policy.Allowed:
		return b
	}
	return a
}

// mayAssume asks both sides of sts:AssumeRole and the actions that go with it.
// Within an account, trust that names the caller is enough; trust in the
// account as a whole leaves it to the caller's policies, and so does every
// account but the role's own. Session policies cap trust that names the role
// behind a session, and not trust that names the session (IAM User Guide,
// session policies). Scopes are taken to cap both: "can only shrink" is all
// that AWS says of them.
func (c *caller) mayAssume(role *principal, action string, context map[string][]string) bool {
	itself, all := c.names()
	trusted := role.trust.Allows(all, action, context)
	own := c.may(action, role.arn, context)
	if trusted != policy.Allowed || own == denyIdentity || own == denySession {
		return false
	}
	if own == "" {
		return true
	}
	q := policy.Question{Action: action, Resource: role.arn, Context: context}
	if c.account != role.account || c.scoped(q) != policy.Allowed {
		return false
	}
	if c.kind == iamRole && role.trust.Allows([]string{c.arn()}, action, context) == policy.Allowed {
		return true
	}
	return c.capped(q) == policy.Allowed && role.trust.Allows(itself, action, context) == policy.Allowed
}

// context returns the global condition keys of a request. A key that AWS would
// not send is not there: absent and false are different to a policy.
func (f *Fake) context(rq *request) map[string][]string {
	c := rq.caller
	k := f.surroundings(rq)
	k["aws:PrincipalArn"] = []string{c.principal.arn}
	k["aws:PrincipalAccount"] = []string{c.account}
	k["aws:PrincipalType"] = []string{[...]string{rootUser: "Account", iamUser: "User", iamRole: "AssumedRole"}[c.kind]}
	k["aws:PrincipalIsAWSService"] = []string{"false"}
	k["aws:userid"] = []string{c.userID()}
	k["aws:RequestedRegion"] = []string{rq.auth.region}
	switch {
	case c.federated():
		k["aws:PrincipalArn"], k["aws:PrincipalType"] = []string{c.arn()}, []string{"FederatedUser"}
	case c.kind == iamUser:
		k["aws:username"] = []string{c.name}
	}
	if c.session != nil {
		c.session.context(k, rq.now)
	}
	return k
}

// surroundings returns the condition keys of a request that nobody signed.
func (f *Fake) surroundings(rq *request) map[string][]string {
	host, _, _ := net.SplitHostPort(rq.RemoteAddr)
	k := map[string][]string{
		"aws:ViaAWSService":   {"false"},
		"aws:CurrentTime":     {rq.now.Format(time.RFC3339)},
		"aws:EpochTime":       {strconv.FormatInt(rq.now.Unix(), 10)},
		"aws:SecureTransport": {strconv.FormatBool(rq.TLS != nil)},
	}
	for key, value := range map[string]string{"aws:RequestedRegion": rq.region, "aws:SourceIp": host, "aws:UserAgent": rq.UserAgent()} {
		if value != "" {
			k[key] = []string{value}
		}
	}
	return k
}

// context adds the keys that only sessions have. MultiFactorAuthPresent is
// among them: AWS does not send it with long-term keys.
func (s *session) context(k map[string][]string, now time.Time) {
	k["aws:TokenIssueTime"] = []string{time.Unix(s.Issued, 0).UTC().Format(time.RFC3339)}
	k["aws:MultiFactorAuthPresent"] = []string{strconv.FormatBool(s.MFA != 0)}
	if s.MFA != 0 {
		k["aws:MultiFactorAuthAge"] = []string{strconv.FormatInt(now.Unix()-s.MFA, 10)}
	}
	if s.SourceIdentity != "" {
		k["aws:SourceIdentity"] = []string{s.SourceIdentity}
	}
	for key, value := range s.Tags {
		k["aws:PrincipalTag/"+key] = []string{value}
	}
	for key, value := range s.Keys {
		k[key] = []string{value}
	}
}

// denied words a denial as S3 does. Actions that have no resource of their own
// are named without one.
func (c *caller) denied(d denial, action, resource string) *failure {
	why := string(d)
	if strings.Contains(why, "%s") {
		why = fmt.Sprintf(why, action)
	}
	on := ""
	if resource != "" {
		on = fmt.Sprintf(" on resource: %q", resource)
	}
	return fail(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: %s%s %s", c.arn(), action, on, why)
}
