package profiles

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vendord/vendord/session"
)

// Render returns what AWS is asked for when a profile is vended to an identity.
// It is a pure function of the configuration and its arguments. Its error is a
// *session.Error of class Refused: a name that may not be put into a policy, a
// tag or the source identity, or a profile that does not exist.
//
// A profile whose session rests on others has them as Parent: the session with
// MFA that all profiles of its source share, or the one of the profile that its
// source names. A profile with a scope is a GetScopedCredentials around itself.
func (c *Config) Render(profile string, who Identity) (session.Request, error) {
	p, ok := c.Profiles[profile]
	if !ok {
		return session.Request{}, noProfile(profile)
	}
	return c.render(p, who)
}

func noProfile(name string) error {
	return &session.Error{Class: session.Refused,
		Public: fmt.Sprintf("profile %q: there is none of this name to vend", shortened(name)),
		Hint:   "vendord list shows the profiles"}
}

func (c *Config) render(p Profile, who Identity) (session.Request, error) {
	r, v, err := c.inner(p, who)
	if err == nil && p.Scope.Scoped() {
		return v.scoped(r, p.Scope)
	}
	return r, err
}

// inner renders a profile without its scope.
func (c *Config) inner(p Profile, who Identity) (session.Request, values, error) {
	v := values{profile: p.Name, app: who.App, user: who.User, host: c.host}
	r := session.Request{
		Source: c.Sources[p.Source], Operation: p.Operation, RoleARN: p.RoleARN, ExternalID: p.ExternalID,
		PolicyARNs: session.List(p.PolicyARNs), TransitiveTags: session.List(p.TransitiveTags),
		MFASerial: p.MFASerial, MFACommand: session.List(p.MFACommand), MinTokenSize: p.MinTokenSize,
		Region: p.Region, Endpoint: c.Daemon.STSEndpoint, Duration: p.Duration,
	}
	if p.PerApp {
		r.Separate = who.App + "/" + who.User
	}
	var err error
	if r.Parent, err = c.parent(p, who); err != nil {
		return session.Request{}, v, err
	}
	if r.SessionName, err = v.label(p.SessionName, p.nameLimits()); err != nil {
		return session.Request{}, v, v.refuse(p.nameKey(), err)
	}
	if r.SourceIdentity, err = v.name(p.SourceIdentity, sourceIdentity, v.claim); err != nil {
		return session.Request{}, v, v.refuse("source_identity", err)
	}
	tags := make(map[string]string, len(p.Tags))
	for _, key := range slices.Sorted(maps.Keys(p.Tags)) {
		if tags[key], err = v.name(p.Tags[key], tagValue, v.claim); err != nil {
			return session.Request{}, v, v.refuse("tag "+shortened(key), err)
		}
	}
	r.Tags = session.Pairs(tags)
	if r.Policy, err = renderPolicy(p.Policy, v.exact); err != nil {
		return session.Request{}, v, v.refuse("session policy", err)
	}
	return r, v, nil
}

// parent returns the request whose credentials sign a profile's, in canonical
// form, or "" where the source signs.
func (c *Config) parent(p Profile, who Identity) (string, error) {
	source := c.Sources[p.Source]
	if source.Type == session.ParentProfile {
		r, err := c.Render(source.Profile, who)
		if err != nil {
			return "", err
		}
		return r.Canonical(), nil
	}
	if r, ok := c.SourceSession(p.Source, p.Region); ok {
		return r.Canonical(), nil
	}
	return "", nil
}

// SourceSession returns the session with MFA of a source, where it has one. It
// is the same for all profiles of the source, so that a person is asked for a
// code once: its region is the source's own, else the daemon's, and region, which
// is a profile's, only where neither has one.
func (c *Config) SourceSession(source, region string) (session.Request, bool) {
	m, ok := c.MFA[source]
	if !ok {
		return session.Request{}, false
	}
	s := c.Sources[source]
	return session.Request{Source: s, Operation: session.GetSessionToken, MFASerial: m.Serial,
		MFACommand: session.List(m.Command), Duration: m.Duration,
		Region: cmp.Or(s.Region, c.Daemon.Region, region), Endpoint: c.Daemon.STSEndpoint}, true
}

// scoped returns the request that scopes r down.
func (v values) scoped(r session.Request, s Scope) (session.Request, error) {
	text, err := renderPolicy(s.Policy, v.exact)
	if err != nil {
		return session.Request{}, v.refuse("scope policy", err)
	}
	return session.Request{Source: r.Source, Parent: r.Canonical(), Operation: session.GetScopedCredentials,
		RoleARN: r.RoleARN, Policy: text, Region: r.Region, Endpoint: r.Endpoint, Duration: s.Duration}, nil
}

// nameLimits and nameKey are those of the name that the operation gives its
// session.
func (p Profile) nameLimits() limits {
	if p.Operation == session.GetFederationToken {
		return federatedName
	}
	return sessionName
}

func (p Profile) nameKey() string {
	if p.Operation == session.GetFederationToken {
		return "name"
	}
	return "session_name"
}

// WithGenerations returns a copy of the configuration whose sources have these
// generations, by name; a source that is not among them has none.
func (c *Config) WithGenerations(generations map[string]string) *Config {
	other := *c
	other.Sources = make(map[string]session.Source, len(c.Sources))
	for name, s := range c.Sources {
		s.Generation = generations[name]
		other.Sources[name] = s
	}
	return &other
}

// values are what templates stand for in one rendering.
type values struct{ profile, app, user, host string }

// of returns the value of a template, which Load made sure exists.
func (v values) of(name string) string {
	switch name {
	case "profile":
		return v.profile
	case "app":
		return v.app
	case "host":
		return v.host
	}
	return v.user
}

// name renders a text that becomes a name. What has no templates is left as it
// stands.
func (v values) name(text string, m limits, value func(m limits, name string) (string, error)) (string, error) {
	if !templated(text) {
		return text, nil
	}
	rendered, err := expand(text, func(name string) (string, error) { return value(m, name) })
	if err != nil {
		return "", err
	}
	return m.fit(rendered), nil
}

// label renders session_name or name, which only has to be readable: without a user,
// "{{user}}-{{app}}" is the app's name.
func (v values) label(text string, m limits) (string, error) {
	gap := false
	name, err := v.name(text, m, func(m limits, name string) (string, error) {
		gap = gap || v.of(name) == ""
		return m.clean(v.of(name)), nil
	})
	if trimmed := strings.Trim(name, "-_.,"); gap && err == nil {
		if trimmed == "" {
			return "", mistake{"nothing is left without the user", "issue the token for a user"}
		}
		return m.fit(trimmed), nil
	}
	return name, err
}

// claim is the value of a template in source_identity and tags. Policies
// compare these, so nobody may pass for a user without a name.
func (v values) claim(m limits, name string) (string, error) {
	value := v.of(name)
	if value == "" {
		return "", nameless(name)
	}
	return m.clean(value), nil
}

// exact is the value of a template in a policy: as it is, or not at all.
func (v values) exact(name string) (string, error) {
	value := v.of(name)
	if value == "" {
		return "", nameless(name)
	}
	if r, found := offender(value, policyRune); found {
		return "", mistake{fmt.Sprintf("{{%s}} would be %q, and %q could widen it", name, cut(value, 32), r),
			"in policies the values have only letters, digits and ._@+=,-"}
	}
	return value, nil
}

// nameless refuses an empty value: "home/{{user}}/*" would be everybody's home.
func nameless(name string) error {
	return mistake{"{{" + name + "}} is empty", "a token issued for a user has one"}
}

// refuse turns a mistake in a rendering into the error that callers see.
func (v values) refuse(what string, err error) error {
	m, _ := err.(mistake)
	return &session.Error{Class: session.Refused, Err: err, Hint: m.hint,
		Public: fmt.Sprintf("profile %q: %s: %s", v.profile, what, m.problem)}
}

// renderPolicy puts values into the strings of a minified policy. It works on
// each string as JSON parsed it and encodes the result anew: whatever a value
// is, the policy keeps its structure. Keys have no templates, since a value
// could repeat a key that is there.
func renderPolicy(text string, value func(name string) (string, error)) (string, error) {
	if text == "" {
		return "", nil
	}
	var b strings.Builder
	for text != "" {
		start := strings.IndexByte(text, '"')
		if start < 0 {
			start = len(text)
		}
		b.WriteString(text[:start])
		if text = text[start:]; text == "" {
			break
		}
		literal := text[:literalEnd(text)]
		text = text[len(literal):]
		rendered, err := renderLiteral(literal, strings.HasPrefix(text, ":"), value)
		if err != nil {
			return "", err
		}
		b.WriteString(rendered)
	}
	return b.String(), nil
}

// literalEnd returns where the string literal ends with which text begins.
func literalEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// renderLiteral renders one string literal. One without a template stays byte
// for byte what it was.
func renderLiteral(literal string, key bool, value func(name string) (string, error)) (string, error) {
	if !strings.ContainsAny(literal, `{\`) { // a brace may be written \u007b
		return literal, nil
	}
	var parsed string
	if err := json.Unmarshal([]byte(literal), &parsed); err != nil {
		return "", fmt.Errorf("reading a string of the policy: %w", err)
	}
	if !templated(parsed) {
		return literal, nil
	}
	if key {
		return "", mistake{fmt.Sprintf("%q is a key, and templates are only possible in values", shortened(parsed)), ""}
	}
	if strings.Contains(parsed, "${{") {
		return "", mistake{"${{ is neither a template nor a variable of AWS", "write {{user}}, or ${aws:PrincipalTag/user}"}
	}
	rendered, err := expand(parsed, value)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(rendered); err != nil {
		return "", fmt.Errorf("writing a string of the policy: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
