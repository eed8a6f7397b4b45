package profiles

import (
	"errors"
	"maps"
	"slices"

	"github.com/vendord/vendord/policy"
)

// policyCopy is the text of a managed policy, as somebody saved it.
type policyCopy struct {
	text     string
	document *policy.Document
}

// policyDocuments reads the texts of managed policies. They are identity
// policies: the grammar is the same, but their size is another matter.
func (l *loader) policyDocuments(d *draft) map[string]string {
	if !d.has("policy_documents") || d.refused("policy_documents") {
		return nil
	}
	texts := make(map[string]string, len(d.PolicyDocuments))
	d.copies = make(map[string]*policy.Document, len(d.PolicyDocuments))
	for _, arn := range slices.Sorted(maps.Keys(d.PolicyDocuments)) {
		at := d.at("policy_documents").to(arn)
		if _, ok := parseARN(policyARN, arn); !ok {
			l.wrongARN(at, "policy", arn)
			continue
		}
		if c := l.copyOf(at, d.PolicyDocuments[arn]); c != nil {
			texts[arn], d.copies[arn] = c.text, c.document
		}
		if d.sets("policy_documents") && d.sets("policy_arns") && !slices.Contains(d.PolicyARNs, arn) {
			l.doubt(at, "", "is not among policy_arns")
		}
	}
	return texts
}

// copyOf reads and parses one file, once for all profiles that name it; nil if
// that goes wrong.
func (l *loader) copyOf(at path, named string) *policyCopy {
	file, ok := l.resolve(at, named)
	if !ok {
		return nil
	}
	if c, done := l.copies[file]; done {
		return c
	}
	l.copies[file] = nil
	name := l.name(file)
	text, ok := l.read(file, name, at)
	if !ok {
		return nil
	}
	document, err := policy.Parse(text)
	if f, found := errors.AsType[policy.Finding](err); found {
		l.errors.add(Problem{File: name, Key: f.Path, Line: f.Line, Column: f.Column, Code: f.Code, Problem: f.Problem, Hint: f.Hint})
		return nil
	}
	l.copies[file] = &policyCopy{text: string(text), document: document}
	return l.copies[file]
}
