package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vendord/vendord/near"
)

// reading is a document on its way from nodes to statements.
type reading struct {
	*source
	// trust says that it is a trust policy: principals, and no resources.
	trust      bool
	root       *node
	version    string
	statements []*statement
	// sids are the lines of the Sids so far.
	sids map[string]int
}

// statement is a Statement with the nodes that it was read from.
type statement struct {
	Statement
	node               *node
	actions, resources element
	conditions         []condition
	principals         map[string][]string
}

// element is the Action or NotAction, Resource or NotResource of a statement.
type element struct {
	node  *node // nil if there is none
	not   bool
	items []*node
}

// condition is a Condition with the nodes that it was read from.
type condition struct {
	operator operator
	name     *node // under the operator's name
	key      *node // under the context key
	values   []*node
}

var (
	documentKeys   = []string{"Version", "Id", "Statement"}
	statementKeys  = []string{"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
	principalKeys  = []string{"Principal", "NotPrincipal"}
	policyVersions = []string{variablesSince, "2008-10-17"}
)

// read parses a text and reads it as a policy, or as a trust policy. It
// reports what is wrong with the text and the grammar, P001 to P014.
func read(text []byte, trust bool) *reading {
	r := &reading{source: newSource(text), trust: trust, sids: map[string]int{}}
	r.checkCharacters()
	r.root = newParser(r.source).parse()
	if r.root != nil {
		r.readDocument()
	}
	return r
}

func (r *reading) readDocument() {
	if r.root.kind != object {
		if !r.root.broken {
			r.fail("P002", r.root, fmt.Sprintf("the document is %s, not an object", r.root.kind), "a policy is a JSON object: {…}")
		}
		return
	}
	r.readKeys(r.root, "a policy", documentKeys)
	r.readVersion(r.root.member("Version"))
	if id := r.root.member("Id"); id != nil && id.kind != text && !id.broken {
		r.fail("P004", id, fmt.Sprintf("is %s, not a string", id.kind), "")
	}
	list := r.root.member("Statement")
	switch {
	case list == nil:
		r.lacks("P006", r.root, "the document has no Statement", "a policy needs a list of one statement or more")
	case list.kind == object:
		r.readStatement(list)
	case list.kind != array:
		r.mistyped("P006", list, "a list of statements")
	case len(list.children) == 0:
		r.lacks("P006", list, "the list of statements is empty", "a policy needs one statement or more")
	default:
		for _, n := range list.children {
			r.readStatement(n)
		}
	}
}

// lacks reports that something is missing in n, unless n could not be read to
// its end.
func (r *reading) lacks(code string, n *node, problem, hint string) {
	if !n.broken {
		r.fail(code, n, problem, hint)
	}
}

// mistyped reports a value of the wrong type, unless it could not be read.
func (r *reading) mistyped(code string, n *node, want string) {
	if !n.broken {
		r.fail(code, n, fmt.Sprintf("is %s, not %s", n.kind, want), "")
	}
}

// readKeys reports keys that AWS does not know. They are case-sensitive, unlike
// in Go's decoder of JSON, which would take "effect" for Effect and let a
// policy pass that STS refuses. One that was meant for another counts as that
// from here on, so that the mistake is reported once.
func (r *reading) readKeys(n *node, what string, known []string) {
	for _, c := range n.children {
		switch {
		case slices.Contains(known, c.key):
			continue
		case slices.Contains(principalKeys, c.key) && n != r.root:
			continue // readPrincipal's
		}
		meant := near.Name(c.key, known)
		hint := fmt.Sprintf("write %q", meant)
		switch {
		case meant == "" && slices.Contains(statementKeys, c.key):
			hint = `it belongs to a statement: "Statement": [{"Effect": "Allow", …}]`
		case meant == "":
			hint = "its keys are " + strings.Join(known, ", ")
		}
		r.failKey("P004", c, fmt.Sprintf("%s is no key of %s", quoted(c.key), what), hint)
		if meant != "" && n.member(meant) == nil {
			c.key = meant
		}
	}
}

// readVersion reads Version. The old one and none are legal, and turn every
// variable into plain text: a warning, whether there are variables or not, as
// the next edit may add one.
func (r *reading) readVersion(n *node) {
	const hint = `write "Version": "2012-10-17"`
	switch {
	case n == nil:
		if !r.root.broken {
			r.warn("P005", r.root, "the document has no Version: AWS takes it for 2008-10-17, which has no variables", hint)
		}
	case n.kind != text:
		r.mistyped("P005", n, "a string")
	case !slices.Contains(policyVersions, n.value):
		r.fail("P005", n, fmt.Sprintf("%s is no version of the policy language", quoted(n.value)), hint)
		r.version = variablesSince // for the checks: it will be, once this is mended
	case n.value != variablesSince:
		r.warn("P005", n, "version 2008-10-17 has no variables, and AWS advises against it", hint)
		fallthrough
	default:
		r.version = n.value
	}
}

// readStatement reads one statement, which need not be whole: whatever can be
// read of it is checked.
func (r *reading) readStatement(n *node) {
	if n.kind != object {
		r.mistyped("P006", n, "an object")
		return
	}
	line, _ := r.position(n.at)
	s := &statement{Statement: Statement{Index: len(r.statements), Line: line}, node: n}
	r.statements = append(r.statements, s)
	r.readKeys(n, "a statement", statementKeys)
	r.readSid(s, n.member("Sid"))
	r.readEffect(s, n.member("Effect"))
	r.readPrincipal(s)
	s.actions = r.readElement(n, "P008", "Action", r.checkAction)
	if r.trust {
		r.readTrust(n)
	} else {
		s.resources = r.readElement(n, "P009", "Resource", r.checkResource)
	}
	r.readConditions(s, n.member("Condition"))
	s.fill()
}

// fill puts what was read into the Statement.
func (s *statement) fill() {
	s.Actions, s.NotActions = s.actions.values()
	s.Resources, s.NotResources = s.resources.values()
	for _, c := range s.conditions {
		values := make([]string, len(c.values))
		for i, v := range c.values {
			values[i] = v.value
		}
		s.Conditions = append(s.Conditions, Condition{Operator: c.name.key, Key: c.key.key, Values: values})
	}
}

func (e element) values() (values, notValues []string) {
	for _, n := range e.items {
		values = append(values, n.value)
	}
	if e.not {
		return nil, values
	}
	return values, nil
}

// readSid reads a Sid. Some services take more characters in their own policies;
// IAM, and so STS, takes letters and digits.
func (r *reading) readSid(s *statement, n *node) {
	if n == nil || n.broken {
		return
	}
	if n.kind != text {
		r.mistyped("P013", n, "a string")
		return
	}
	s.Sid = n.value
	if strings.Trim(withoutTemplates(n.value), lettersAndDigits) != "" {
		r.fail("P013", n, quoted(n.value)+" has characters besides letters and digits",
			"a Sid consists of A-Z, a-z and 0-9")
	}
	if line, ok := r.sids[n.value]; ok && n.value != "" {
		r.fail("P013", n, fmt.Sprintf("%s is the Sid of the statement of line %d too", quoted(n.value), line),
			"make each Sid unique, or leave them out")
	}
	r.sids[n.value] = s.Line
}

func (r *reading) readEffect(s *statement, n *node) {
	const hint = `write "Allow" or "Deny", with a capital`
	switch {
	case n == nil:
		r.lacks("P007", s.node, "the statement has no Effect", hint)
	case n.kind != text:
		r.mistyped("P007", n, "a string")
	case n.value != "Allow" && n.value != "Deny":
		r.fail("P007", n, quoted(n.value)+" is no effect", hint)
	default:
		s.Allow = n.value == "Allow"
	}
}

// readElement reads Action or NotAction, Resource or NotResource, of which a
// statement has exactly one.
func (r *reading) readElement(n *node, code, name string, check func(*node)) element {
	yes, no := n.member(name), n.member("Not"+name)
	switch {
	case yes == nil && no == nil:
		r.lacks(code, n, fmt.Sprintf("the statement has neither %s nor Not%s", name, name), "add one of the two")
		return element{}
	case yes != nil && no != nil:
		r.failKey(code, no, fmt.Sprintf("the statement has both %s and Not%s", name, name), "keep one of the two")
	}
	e := element{node: yes}
	if yes == nil {
		e = element{node: no, not: true}
	}
	e.items = r.readStrings(e.node, code)
	for _, item := range e.items {
		check(item)
	}
	return e
}

// readStrings reads a string or a list of strings.
func (r *reading) readStrings(n *node, code string) []*node {
	switch {
	case n.kind == text:
		return []*node{n}
	case n.kind != array:
		r.mistyped(code, n, "a string or a list of strings")
		return nil
	case len(n.children) == 0:
		r.lacks(code, n, "the list is empty", "name one or more")
	}
	var items []*node
	for _, c := range n.children {
		if c.kind == text {
			items = append(items, c)
		} else {
			r.mistyped(code, c, "a string")
		}
	}
	return items
}
