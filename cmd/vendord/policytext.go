package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// policyText is a policy as Explain and Diff take it, and what people are told
// of it.
type policyText struct {
	policy.Named
	// text is what is in effect, templates filled in; "" where it is not at
	// hand.
	text string
	// place returns where a statement was written, as file:line.
	place func(index, line int) string
	// note says of a copy how old it is.
	note string
}

// statement returns the text of a statement in one line.
func (t policyText) statement(index int) json.RawMessage {
	var document struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(t.text), &document) != nil {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(document.Statement, &list) != nil {
		list = []json.RawMessage{document.Statement}
	}
	if index >= len(list) {
		return nil
	}
	line, err := policy.Minify(list[index])
	if err != nil {
		return nil
	}
	return json.RawMessage(line)
}

// fileText reads a policy from a file. What Parse finds wrong is told with its
// place.
func (p *program) fileText(file string) (policyText, error) {
	text, err := p.readPolicy(file)
	if err != nil {
		return policyText{}, err
	}
	if file == "-" {
		file = stdinName
	}
	document, err := policy.Parse(text)
	if f, ok := errors.AsType[policy.Finding](err); ok {
		return policyText{}, fail(f.Hint, "%s:%s", file, f.Error())
	}
	return policyText{Named: policy.Named{Name: file, Document: document}, text: string(text),
		place: func(_, line int) string { return fmt.Sprintf("%s:%d", file, line) }}, nil
}

// inlineText is a profile's inline policy, or its scope policy, as rendered.
func (c configured) inlineText(profile, rendered string, scope bool) (policyText, error) {
	name := "profile " + profile + ": session policy"
	written, ok := c.Written(profile)
	if scope {
		name = "profile " + profile + ": scope policy"
		written, ok = c.WrittenScope(profile)
	}
	document, err := policy.Parse([]byte(rendered))
	if err != nil {
		return policyText{}, err
	}
	t := policyText{Named: policy.Named{Name: name, Document: document}, text: rendered, place: func(index, _ int) string {
		return fmt.Sprintf("%s: Statement[%d]", name, index)
	}}
	original, err := policy.Parse(written.Text)
	if !ok || err != nil || len(original.Statements) != len(document.Statements) {
		return t, nil
	}
	t.place = func(index, _ int) string {
		at := written.Place(policy.Finding{Line: original.Statements[index].Line, Path: fmt.Sprintf("Statement[%d]", index)})
		return fmt.Sprintf("%s:%d", c.shown(at.File), at.Line)
	}
	return t, nil
}

// managedText is a managed policy: the text that the profile's
// policy_documents have, else the copy that was fetched, else none.
func (p *program) managedText(profile profiles.Profile, arn string) (policyText, error) {
	t := policyText{Named: policy.Named{Name: arn}, place: func(index, line int) string { return fmt.Sprintf("%s:%d", arn, line) }}
	text := profile.PolicyDocuments[arn]
	if text == "" {
		kept, ok, err := p.policyStore().get(arn)
		if err != nil || !ok {
			return t, err
		}
		text = kept.Document
		t.note = fmt.Sprintf("%s: its text is a copy of version %s, fetched %s", arn, kept.Version, kept.Fetched.Local().Format("2006-01-02 15:04"))
	}
	document, err := policy.Parse([]byte(text))
	t.Document, t.text = document, text
	return t, err
}

// sessionTexts are the session policies of a rendered request of a profile.
func (p *program) sessionTexts(c configured, profile profiles.Profile, r session.Request) ([]policyText, error) {
	var all []policyText
	if r.Policy != "" {
		t, err := c.inlineText(profile.Name, r.Policy, false)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	for _, arn := range session.Items(r.PolicyARNs) {
		t, err := p.managedText(profile, arn)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// namedOf returns texts as Explain and Diff take them.
func namedOf(texts []policyText) []policy.Named {
	var all []policy.Named
	for _, t := range texts {
		all = append(all, t.Named)
	}
	return all
}
