package profiles

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"

	"github.com/vendord/vendord/policy"
)

// written is an inline policy, of the session or its scope, as somebody wrote it: in vendord.toml as
// JSON or as tables, or in a file of its own.
type written struct {
	key  string // policy, scope_policy, policy_file and so on
	file string // the absolute path of policy_file, or empty
	text []byte
	// place turns a finding into a problem at the place where its author can
	// mend it.
	place func(policy.Finding) Problem
}

// written returns the inline policy of a profile that stands at one of keys; ok
// is false if there is none, or none that can be read.
func (l *loader) written(d *draft, keys ...string) (w written, ok bool) {
	for _, key := range keys {
		if !d.named(key) {
			continue
		}
		if w.key != "" {
			hint := "keep one of them; policy_arns may stand beside it"
			if key == "scope_policy_file" {
				hint = "keep one of them"
			}
			l.wrong(d.at(key), hint, "%s and %s are two ways to write one policy", w.key, key)
			return written{}, false
		}
		w.key = key
	}
	if w.key == "" || !d.has(w.key) {
		return written{}, false
	}
	switch at := d.at(w.key); w.key {
	case "policy":
		return l.inline(at, d.Policy)
	case "scope_policy":
		return l.inline(at, d.ScopePolicy)
	case "policy_file":
		return l.policyFile(at, d.PolicyFile)
	case "scope_policy_file":
		return l.policyFile(at, d.ScopePolicyFile)
	default:
		return l.statements(d, at)
	}
}

// fileName is what nobody writes as a policy.
var fileName = regexp.MustCompile(`^[\w./~-]+$`)

// inline is a policy between quotes. Its lines are lines of vendord.toml.
func (l *loader) inline(at path, text string) (written, bool) {
	key := at[len(at)-1]
	if fileName.MatchString(text) {
		l.wrong(at, "did you mean "+key+"_file?", "the name of a file, not a policy")
		return written{}, false
	}
	return written{key: key, text: []byte(text), place: func(f policy.Finding) Problem {
		p := l.finding(at, f)
		if f.Path != "" {
			p.Problem = f.Path + ": " + p.Problem
		}
		if first := l.document.textLine(at); first > 0 && f.Line > 0 {
			p.Line = first + f.Line - 1
		}
		return p
	}}, true
}

// policyFile is a policy in a file of its own.
func (l *loader) policyFile(at path, named string) (written, bool) {
	file, ok := l.resolve(at, named)
	if !ok {
		return written{}, false
	}
	name := l.name(file)
	text, ok := l.read(file, name, at)
	return written{key: at[len(at)-1], file: file, text: text, place: func(f policy.Finding) Problem {
		return Problem{File: name, Key: f.Path, Line: f.Line, Column: f.Column, Code: f.Code, Problem: f.Problem, Hint: f.Hint}
	}}, ok
}

// statements is a policy as TOML tables, put into JSON. Findings are told in
// the words of the tables: Statement[0].NotAction is statement[0].not_action.
func (l *loader) statements(d *draft, at path) (written, bool) {
	if len(d.Statement) == 0 {
		l.wrong(at, "write a [["+at.String()+"]] table, or remove the key", "an empty list narrows nothing")
		return written{}, false
	}
	return written{key: "statement", text: statementsJSON(d.Statement), place: func(f policy.Finding) Problem {
		return l.finding(at.below(f.Path), f)
	}}, true
}

// finding turns a finding into a problem at a key.
func (l *loader) finding(at path, f policy.Finding) Problem {
	p := l.problem(at, f.Hint, "%s", f.Problem)
	p.Code = f.Code
	return p
}

// tableNames are the keys of a statement table by IAM's names of elements.
var tableNames = map[string]string{"Sid": "sid", "Effect": "effect", "Action": "action", "NotAction": "not_action",
	"Resource": "resource", "NotResource": "not_resource", "Condition": "condition"}

// statementPath takes the path of an element in a policy apart: statement,
// element, item; for conditions operator, key, item.
var statementPath = regexp.MustCompile(`^Statement\[(\d+)\](?:\.(\w+)(?:\[(\d+)\])?(?:\.([^."]+)(?:\.(.+?)(?:\[(\d+)\])?)?)?)?$`)

// below returns the path, below the list of statements at p, of an element of
// the policy that was made from them.
func (p path) below(element string) path {
	m := statementPath.FindStringSubmatch(element)
	if m == nil {
		return p // the document as a whole
	}
	p = p.to("[" + m[1] + "]")
	for i, step := range m[2:] {
		switch isItem := i == 1 || i == 4; {
		case step == "":
		case isItem:
			p = p.to("[" + step + "]")
		default:
			p = p.to(cmp.Or(tableNames[step], step))
		}
	}
	return p
}

// statementJSON is one statement in the order in which IAM's examples write it.
type statementJSON struct {
	Sid         string     `json:",omitempty"`
	Effect      string     `json:",omitempty"`
	Action      *oneOrMany `json:",omitempty"`
	NotAction   *oneOrMany `json:",omitempty"`
	Resource    *oneOrMany `json:",omitempty"`
	NotResource *oneOrMany `json:",omitempty"`
	Condition   condition  `json:",omitempty"`
}

// statementsJSON writes statements as a policy. The same tables give the same
// bytes: the policy is part of what identifies a session.
func statementsJSON(tables []*statementTable) []byte {
	document := struct {
		Version   string
		Statement []statementJSON
	}{Version: "2012-10-17"}
	for _, t := range tables {
		optional := func(key string, v *oneOrMany) *oneOrMany {
			if t.has(key) {
				return v
			}
			return nil
		}
		document.Statement = append(document.Statement, statementJSON{Sid: t.Sid, Effect: t.Effect,
			Action: optional("action", &t.Action), NotAction: optional("not_action", &t.NotAction),
			Resource: optional("resource", &t.Resource), NotResource: optional("not_resource", &t.NotResource),
			Condition: t.Condition})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // & < > would count six characters each
	if err := e.Encode(document); err != nil {
		panic(err) // strings, numbers and booleans that decode let through: cannot fail
	}
	return bytes.TrimSpace(b.Bytes())
}

// MarshalJSON writes a string as a string and a list as a list.
func (o *oneOrMany) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	var v any = o.items
	if !o.list {
		v = o.items[0]
	}
	err := e.Encode(v)
	return b.Bytes(), err
}
