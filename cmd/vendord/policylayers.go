package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// policyLayer is one question to the policies of one session. A profile has
// one, and one more for each step of its role chain that a session policy
// narrows: the session before must let through that the next role is assumed.
type policyLayer struct {
	title    string
	profile  string // whose session policies they are; "" for files
	who      string // whose own policies have to allow as well; "" for a role's
	step     bool   // of a chain, before the question itself
	question policy.Question
	// session and scope are as in policy.Inputs; federated says that the
	// session has nothing without session policies.
	session, scope, identity []policyText
	federated                bool
	// barred says why no session of the kind may do it, whatever policies
	// say; "" where some may.
	barred string
}

// inputs are what Explain takes.
func (l policyLayer) inputs() policy.Inputs {
	return policy.Inputs{Session: namedOf(l.session), Scope: namedOf(l.scope), Identity: namedOf(l.identity),
		NoSession: len(l.session) == 0 && !l.federated}
}

// narrows reports whether the layer could block anything.
func (l policyLayer) narrows() bool { return len(l.session)+len(l.scope) > 0 || l.federated }

// layers takes a profile apart, rendered for an identity, for a question.
func (p *program) layers(c configured, name string, who profiles.Identity, q policy.Question) ([]policyLayer, error) {
	l := policyLayer{question: q, title: "profile " + name}
	r, err := c.Render(name, who)
	for ; err == nil; r, err = session.ParseRequest(r.Parent) {
		if r.Operation == session.GetScopedCredentials {
			if r.Policy != "" {
				t, err := c.inlineText(name, r.Policy, true)
				if err != nil {
					return nil, err
				}
				l.scope = append(l.scope, t)
			}
			continue
		}
		if r.Operation != session.SourceItself || r.Parent == "" {
			break
		}
		name = r.Source.Profile // its session is this one's
	}
	if err != nil {
		return nil, err
	}
	if l.session, err = p.sessionTexts(c, c.Profiles[name], r); err != nil {
		return nil, err
	}
	l.profile, l.who = name, whoAllows(c.Profiles[name])
	l.federated = r.Operation == session.GetFederationToken
	l.barred = barred(r, q.Action)
	l.question.Context = with(known(r, time.Now()), q.Context)
	if r.Source.Type != session.ParentProfile || r.Operation != session.AssumeRole {
		return []policyLayer{l}, nil
	}
	steps, err := p.steps(c, r, who, q.Context)
	return append([]policyLayer{l}, steps...), err
}

// steps are the questions to the session that a role is assumed from.
func (p *program) steps(c configured, r session.Request, who profiles.Identity, given map[string][]string) ([]policyLayer, error) {
	actions := []string{"sts:AssumeRole"}
	tags, identity, err := passedOn(r.Parent)
	if err != nil {
		return nil, err
	}
	if r.Tags != "" || tags {
		actions = append(actions, "sts:TagSession")
	}
	if r.SourceIdentity != "" || identity {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	var all []policyLayer
	for i, action := range actions {
		above, err := p.layers(c, r.Source.Profile, who, policy.Question{Action: action, Resource: r.RoleARN, Context: given})
		if err != nil {
			return nil, err
		}
		if i > 0 {
			above = above[:1] // the steps before that are asked about once
		}
		for _, l := range above {
			if !l.step {
				l.title, l.step = "profile "+r.Source.Profile+", from which the role is assumed", true
			}
			if l.narrows() {
				all = append(all, l)
			}
		}
	}
	return all, nil
}

// barred says why no session that a request makes may do an action, whatever
// policies say, or nothing (STS API reference and IAM user guide, comparing the
// operations). Only what is said of an operation of STS by its name counts, so
// that new ones are not denied by mistake.
func barred(r session.Request, action string) string {
	service, name, _ := strings.Cut(strings.ToLower(action), ":")
	is := func(names ...string) bool { return service == "sts" && slices.Contains(names, name) }
	switch {
	case r.Operation == session.GetFederationToken && (service == "iam" ||
		is("assumerole", "assumeroot", "decodeauthorizationmessage", "getaccesskeyinfo", "getfederationtoken", "getsessiontoken")):
		return "a session of get-federation-token may call nothing of IAM, and of STS little but GetCallerIdentity"
	case r.Operation == session.GetSessionToken && r.MFASerial == "" && service == "iam":
		return "a session of get-session-token without MFA may call nothing of IAM"
	case r.Operation == session.GetSessionToken && is("assumeroot", "decodeauthorizationmessage", "getaccesskeyinfo", "getfederationtoken", "getsessiontoken"):
		return "a session of get-session-token may call little of STS but AssumeRole and GetCallerIdentity"
	case r.RoleARN != "" && is("getfederationtoken", "getsessiontoken"):
		return "a role's session may call neither GetFederationToken nor GetSessionToken"
	}
	return ""
}

// passedOn tells whether the sessions that one rests on pass transitive tags, or
// a source identity, on to it. What comes along needs the same permissions as
// what is set at a role itself (IAM user guide, chaining roles with session tags;
// source identity).
func passedOn(parent string) (tags, identity bool, err error) {
	for parent != "" {
		r, err := session.ParseRequest(parent)
		if err != nil {
			return false, false, err
		}
		tags, identity, parent = tags || r.TransitiveTags != "", identity || r.SourceIdentity != "", r.Parent
	}
	return tags, identity, nil
}

// known returns the context keys that every request of a session has, as far as
// its parameters tell (IAM user guide, "AWS global condition context keys"). A
// key without values is known to be absent. Tags that the role itself has are for AWS
// to say, and so is what MFA counts for in a role's session: "the temporary
// credentials returned by AssumeRole do not include MFA information in the
// context", says one page (Configuring MFA-protected API access), and others
// read as if they did.
func known(r session.Request, now time.Time) map[string][]string {
	keys := map[string][]string{
		"aws:CurrentTime":    {now.UTC().Format(time.RFC3339)},
		"aws:EpochTime":      {strconv.FormatInt(now.Unix(), 10)},
		"aws:TokenIssueTime": {now.UTC().Format(time.RFC3339)},
	}
	for _, tag := range session.PairItems(r.Tags) {
		keys["aws:PrincipalTag/"+tag[0]] = []string{tag[1]}
	}
	if r.SourceIdentity != "" {
		keys["aws:SourceIdentity"] = []string{r.SourceIdentity}
	}
	if r.RoleARN != "" {
		keys["aws:PrincipalArn"] = []string{r.RoleARN}
		if parts := strings.Split(r.RoleARN, ":"); len(parts) > 4 {
			keys["aws:PrincipalAccount"] = []string{parts[4]}
		}
		keys["aws:username"] = nil
	}
	switch {
	case r.Operation == session.GetSessionToken:
		keys["aws:MultiFactorAuthPresent"] = []string{strconv.FormatBool(r.MFASerial != "")}
	case r.Operation == session.AssumeRole && r.Source.Type == session.Keyring && r.MFASerial == "" && r.Parent == "":
		keys["aws:MultiFactorAuthPresent"] = []string{"false"}
	}
	return keys
}

// with returns keys with those that were given in their place, whatever case
// they are written in.
func with(keys, given map[string][]string) map[string][]string {
	for name, values := range given {
		for other := range keys {
			if strings.EqualFold(name, other) {
				delete(keys, other)
			}
		}
		keys[name] = values
	}
	return keys
}
