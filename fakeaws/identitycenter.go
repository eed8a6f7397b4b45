package fakeaws

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/vendord/vendord/policy"
)

// IdentityCenter is an instance of IAM Identity Center: people, and what each
// of them may be in which account.
type IdentityCenter struct {
	// StartURL is the address of its portal, by which clients name it. It is
	// a name alone: nothing listens there, and the fake's own port has the
	// sign-in and the portal of every instance.
	StartURL string `json:"start_url"`
	// Region is where the instance is; it is part of its roles' paths. As
	// sign-in is not signed, nobody can be told to have asked another one.
	Region         string          `json:"region"`
	PermissionSets []PermissionSet `json:"permission_sets,omitempty"`
	// People may sign in. The first is at the browser unless another is named.
	People []Person `json:"people,omitempty"`
	// SessionLength is how long a sign-in lasts, in seconds; 0 means 8 hours.
	SessionLength int `json:"session_length,omitempty"`
	// TokenLifetime is how long an access token that can be refreshed is good,
	// in seconds; 0 means an hour. Others last as long as the sign-in.
	TokenLifetime int `json:"token_lifetime,omitempty"`
	// PollInterval is how long a client has to wait between two questions for
	// the token of a device, in seconds; 0 means 5.
	PollInterval int `json:"poll_interval,omitempty"`
}

// PermissionSet is what IAM Identity Center makes a role of, in each account
// where somebody has it: AWSReservedSSO_, the name and 16 hexadecimal digits.
type PermissionSet struct {
	Name       string    `json:"name"`
	Policies   Documents `json:"policies,omitempty"`
	PolicyARNs []string  `json:"policy_arns,omitempty"`
	// SessionDuration is the life of the role's credentials in seconds, 3600
	// to 43200; 0 means 3600.
	SessionDuration int `json:"session_duration,omitempty"`
}

// Person is somebody who may sign in.
type Person struct {
	// Name is the user name, and the name of the person's sessions.
	Name        string       `json:"name"`
	Assignments []Assignment `json:"assignments,omitempty"`
}

// Assignment gives a person a permission set in an account.
type Assignment struct {
	Account       string `json:"account"`
	PermissionSet string `json:"permission_set"`
}

// center is an IdentityCenter that was checked.
type center struct {
	startURL                string
	session, lifetime, poll time.Duration
	people                  []*person
}

// person is somebody of a center, and the roles that they may have.
type person struct {
	center *center
	name   string
	roles  []ssoRole
}

// ssoRole is one assignment: name is the permission set's, which the portal
// knows the role by.
type ssoRole struct {
	account, name string
	role          *principal
	duration      time.Duration
}

var setPattern = expr(`^[A-Za-z0-9_+=,.@-]{1,32}$`)

// identityCenter adds an instance, its people and its roles.
func (b *builder) identityCenter(path string, s State, ic IdentityCenter) {
	u, err := url.Parse(ic.StartURL)
	b.must(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "", path+".start_url", "%q is not a web address", ic.StartURL)
	b.must(regionPattern.MatchString(ic.Region), path+".region", "%q is not the name of a region", ic.Region)
	b.must(b.world.center(ic.StartURL) == nil, path+".start_url", "%s is there already", ic.StartURL)
	c := &center{startURL: ic.StartURL,
		session:  b.seconds(path+".session_length", ic.SessionLength, 8*3600, 60, 90*24*3600),
		lifetime: b.seconds(path+".token_lifetime", ic.TokenLifetime, 3600, 1, 24*3600),
		poll:     b.seconds(path+".poll_interval", ic.PollInterval, 5, 1, 60)}
	b.world.centers = append(b.world.centers, c)
	for i, set := range ic.PermissionSets {
		at := fmt.Sprintf("%s.permission_sets[%d]", path, i)
		b.must(setPattern.MatchString(set.Name), at+".name", "%q is not the name of a permission set", set.Name)
	}
	for i, p := range ic.People {
		b.person(fmt.Sprintf("%s.people[%d]", path, i), s, ic, c, p)
	}
}

// person adds somebody with the roles that they may have.
func (b *builder) person(path string, s State, ic IdentityCenter, c *center, p Person) {
	b.must(namePattern.MatchString(p.Name) && len(p.Name) > 1, path+".name", "%q is not the name of a session", p.Name)
	b.must(c.person(p.Name) == nil, path+".name", "%s is there already", p.Name)
	who := &person{center: c, name: p.Name}
	for i, a := range p.Assignments {
		at := fmt.Sprintf("%s.assignments[%d]", path, i)
		account := slices.ContainsFunc(s.Accounts, func(known Account) bool { return known.ID == a.Account })
		b.must(account, at+".account", "%q is not an account", a.Account)
		set := slices.IndexFunc(ic.PermissionSets, func(set PermissionSet) bool { return set.Name == a.PermissionSet })
		b.must(set >= 0, at+".permission_set", "%q is not a permission set of this instance", a.PermissionSet)
		if account && set >= 0 {
			who.roles = append(who.roles, b.reservedRole(at, ic, a.Account, ic.PermissionSets[set]))
		}
	}
	c.people = append(c.people, who)
}

// reservedRole makes the role of a permission set in an account, or finds it.
// Its trust names the instance's own SAML provider, so that nobody becomes it
// but by the portal.
func (b *builder) reservedRole(path string, ic IdentityCenter, account string, set PermissionSet) ssoRole {
	sum := sha256.Sum256([]byte(ic.StartURL + " " + account + " " + set.Name))
	digits := hex.EncodeToString(sum[:8])
	name, at := "AWSReservedSSO_"+set.Name+"_"+digits, "/aws-reserved/sso.amazonaws.com/"+ic.Region+"/"
	if ic.Region == "us-east-1" {
		at = "/aws-reserved/sso.amazonaws.com/"
	}
	arn := "arn:aws:iam::" + account + ":role" + at + name
	r := ssoRole{account: account, name: set.Name, role: b.world.principals[arn],
		duration: b.seconds(path+".permission_set.session_duration", set.SessionDuration, 3600, 3600, 43200)}
	if r.role != nil {
		return r
	}
	r.role = &principal{kind: iamRole, account: account, name: name, arn: arn, id: uniqueID("AROA", "", arn), maxSession: r.duration,
		policies: b.policies(path+".permission_set", account, set.Policies, set.PolicyARNs),
		trust: &policy.Trust{Version: "2012-10-17", Statements: []policy.TrustStatement{{Allow: true,
			Federated: []string{"arn:aws:iam::" + account + ":saml-provider/AWSSSO_" + digits + "_DO_NOT_DELETE"},
			Actions:   []string{"sts:AssumeRoleWithSAML", "sts:TagSession"}}}}}
	b.add(path, r.role)
	return r
}

// seconds checks a number of seconds, and returns it or what it is when not
// given.
func (b *builder) seconds(path string, n, otherwise, least, most int) time.Duration {
	if n == 0 {
		n = otherwise
	}
	b.must(n >= least && n <= most, path, "%d is not between %d and %d seconds", n, least, most)
	return time.Duration(n) * time.Second
}

// center returns the instance with a start URL, or nil. Portals are named with
// and without a slash or a fragment at the end.
func (w *world) center(startURL string) *center {
	for _, c := range w.centers {
		if bareURL(c.startURL) == bareURL(startURL) {
			return c
		}
	}
	return nil
}

// person returns somebody by name, or nil.
func (c *center) person(name string) *person {
	for _, p := range c.people {
		if p.name == name {
			return p
		}
	}
	return nil
}
