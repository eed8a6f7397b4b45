package policy

import (
	"fmt"
	"slices"
)

// principalTypes are the keys of a Principal (IAM user guide, Principal).
var principalTypes = []string{"AWS", "Service", "Federated", "CanonicalUser"}

// readPrincipal reads the Principal of a statement in a trust policy, and
// refuses it elsewhere: a session policy is about whoever has the session.
func (r *reading) readPrincipal(s *statement) {
	principal, not := s.node.member("Principal"), s.node.member("NotPrincipal")
	if !r.trust {
		for _, n := range []*node{principal, not} {
			if n != nil {
				r.failKey("P010", n, "session policies have no "+n.key, "remove it: the policy is for whoever gets the session")
			}
		}
		return
	}
	switch {
	case not != nil:
		r.failKey("P010", not, "NotPrincipal in a trust policy is not supported", "name the principals that are trusted")
	case principal == nil:
		r.lacks("P010", s.node, "the statement has no Principal", "a trust policy names who may assume the role")
	case principal.kind == text && principal.value == "*":
		s.principals = map[string][]string{"AWS": {"*"}}
	case principal.kind != object:
		r.lacks("P010", principal, `is neither "*" nor an object`, `write {"AWS": "arn:aws:iam::123456789012:user/name"}`)
	default:
		s.principals = map[string][]string{}
		for _, n := range principal.children {
			if !slices.Contains(principalTypes, n.key) {
				r.failKey("P010", n, fmt.Sprintf("%s is no type of principal", quoted(n.key)), "the types are AWS, Service and Federated")
				continue
			}
			for _, item := range r.readStrings(n, "P010") {
				s.principals[n.key] = append(s.principals[n.key], item.value)
			}
		}
	}
}

// readTrust refuses what has no place in a trust policy: resources, as its
// resource is the role that it belongs to, and NotAction.
func (r *reading) readTrust(n *node) {
	if c := n.member("NotAction"); c != nil {
		r.failKey("P008", c, "NotAction in a trust policy is not supported", "name the actions, such as sts:AssumeRole")
	}
	for _, key := range []string{"Resource", "NotResource"} {
		if c := n.member(key); c != nil {
			r.failKey("P009", c, "trust policies have no "+key, "remove it")
		}
	}
}
