package policy

import (
	"slices"
)

// Trust is a role's trust policy: who may assume the role.
type Trust struct {
	// Version is as in a Document.
	Version    string
	Statements []TrustStatement
}

// TrustStatement is one statement of a Trust. Its resource is the role that it
// belongs to.
type TrustStatement struct {
	Allow bool
	// Principals are the AWS principals: ARNs, account ids, or "*".
	Principals []string
	// Federated are identity providers: ARNs, or names such as
	// accounts.google.com.
	Federated []string
	// Services are such as ec2.amazonaws.com.
	Services   []string
	Actions    []string
	Conditions []Condition
}

// ParseTrust reads a trust policy. Its error is the first Finding that is one.
// NotPrincipal and NotAction, which AWS advises against there, are refused;
// canonical users are read and match nobody.
func ParseTrust(text []byte) (*Trust, error) {
	r := read(text, true)
	if err := r.firstError(); err != nil {
		return nil, err
	}
	t := &Trust{Version: r.version, Statements: make([]TrustStatement, len(r.statements))}
	for i, s := range r.statements {
		t.Statements[i] = TrustStatement{Allow: s.Allow, Principals: s.principals["AWS"], Federated: s.principals["Federated"],
			Services: s.principals["Service"], Actions: s.Actions, Conditions: s.Conditions}
	}
	return t, nil
}

// Allows reports whether the role trusts a caller for an action such as
// sts:AssumeRole. Principals are all that the caller goes by: the ARN of the
// user or the role and of the session, an identity provider, a service; and
// the account, as its id or as arn:aws:iam::ID:root, where being trusted
// through the account is to count: AWS then asks the caller's own policies as
// well (IAM user guide, Principal).
func (t *Trust) Allows(principals []string, action string, context map[string][]string) Decision {
	e := newEvaluation(Question{Action: action, Context: context})
	e.variables = t.Version == variablesSince
	decision := ImplicitDeny
	for i := range t.Statements {
		s := &t.Statements[i]
		if !s.names(principals) || !e.anyAction(s.Actions) || e.allHold(s.Conditions, s.Allow) != yes {
			continue
		}
		if !s.Allow {
			return ExplicitDeny
		}
		decision = Allowed
	}
	return decision
}

// names reports whether a statement is about one of a caller's principals.
// There are no wildcards but "*" alone.
func (s *TrustStatement) names(principals []string) bool {
	if slices.Contains(s.Principals, "*") {
		return true
	}
	return slices.ContainsFunc(principals, func(p string) bool {
		is := func(named string) bool { return accountOf(named) == accountOf(p) }
		return slices.ContainsFunc(s.Principals, is) || slices.Contains(s.Federated, p) || slices.Contains(s.Services, p)
	})
}

// accountOf returns the account id for the ARN of an account, and any other
// principal as it is: "the account ARN and the shortened account ID behave
// the same way".
func accountOf(principal string) string {
	parts := arnParts(principal)
	if len(parts) == 6 && parts[2] == "iam" && parts[5] == "root" && len(parts[4]) == 12 {
		return parts[4]
	}
	return principal
}
