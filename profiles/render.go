package profiles

import (
	"bytes"
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
func (c *Config) Render(profile string, who Identity) (session.Request, error) {
	p, ok := c.Profiles[profile]
	if !ok {
		return session.Request{}, &session.Error{Class: session.Refused,
			Public: fmt.Sprintf("profile %q: there is none of this name to vend", shortened(profile)),
			Hint:   "vendord list shows the profiles"}
	}
	v := values{profile: p.Name, app: who.App, user: who.User, host: c.host}
	r := session.Request{
		Source: c.Sources[p.Source], Operation: session.AssumeRole, RoleARN: p.RoleARN, ExternalID: p.ExternalID,
		PolicyARNs: session.List(p.PolicyARNs), TransitiveTags: session.List(p.TransitiveTags),
		Region: p.Region, Endpoint: c.Daemon.STSEndpoint, Duration: p.Duration,
	}
	if p.PerApp {
		r.Separate = who.App + "/" + who.User
	}
	var err error
	if r.SessionName, err = v.label(p.SessionName); err != nil {
		return session.Request{}, v.refuse("session_name", err)
	}
	if r.SourceIdentity, err = v.name(p.SourceIdentity, sourceIdentity, v.claim); err != nil {
		return session.Request{}, v.refuse("source_identity", err)
	}
	tags := make(map[string]string, len(p.Tags))
	for _, key := range slices.Sorted(maps.Keys(p.Tags)) {
		if tags[key], err = v.name(p.Tags[key], tagValue, v.claim); err != nil {
			return session.Request{}, v.refuse("tag "+shortened(key), err)
		}
	}
	r.Tags = session.Pairs(tags)
	if r.Policy, err = renderPolicy(p.Policy, v.exact); err != nil {
		return session.Request{}, v.refuse("session policy", err)
	}
	return r, nil
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

// label renders session_name, which only has to be readable: without a user,
// "{{user}}-{{app}}" is the app's name.
func (v values) label(text string) (string, error) {
	gap := false
	name, err := v.name(text, sessionName, func(m limits, name string) (string, error) {
		gap = gap || v.of(name) == ""
		return m.clean(v.of(name)), nil
	})
	if trimmed := strings.Trim(name, "-_.,"); gap && err == nil {
		if trimmed == "" {
			return "", mistake{"nothing is left without the user", "issue the token for a user"}
		}
		return sessionName.fit(trimmed), nil
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
