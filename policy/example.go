package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// example looks for a request that x lets through by a pair and y does not. It
// makes a few of which that is likely and asks Evaluate: so what it finds is
// right, whatever it was made of. The request is nil where its action would
// have to be invented, and the difference is one whatever the action.
func (c *comparer) example(x, y *side, p pair) (request *Request, found bool) {
	if c.tries < 0 {
		return nil, false
	}
	actions, invented := c.exampleActions(x, y, p)
	for _, context := range p.exampleContexts(y) {
		for _, action := range actions {
			for _, resource := range p.exampleResources(action, context) {
				if c.tries -= x.size + y.size; c.tries < 0 {
					return nil, false
				}
				q := Question{Action: action, Resource: resource, Context: context}
				if Evaluate(q, x.docs...).Decision != Allowed || Evaluate(q, y.docs...).Decision == Allowed {
					continue
				}
				if invented {
					return nil, true
				}
				return &Request{Action: action, Resource: resource, Context: context}, true
			}
		}
	}
	return nil, false
}

// commonActions stand for all others where a pattern names no service.
var commonActions = []string{"s3:GetObject", "s3:PutObject", "s3:ListBucket", "ec2:RunInstances", "ec2:DescribeInstances",
	"iam:CreateUser", "iam:PassRole", "sts:AssumeRole", "lambda:InvokeFunction", "dynamodb:GetItem"}

// exampleActions returns actions that a pair is about: those that the table of
// actions or the policies have, or an invented one. An invented one proves a
// difference only where y does not tell actions of this pair apart: it might
// let through each that there is, by its name.
func (c *comparer) exampleActions(x, y *side, p pair) (actions []string, invented bool) {
	const most, enough = 12, 200
	service := p.action.service()
	known := actionNames(service)
	candidates := slices.Concat(x.plainActions[service], y.plainActions[service], commonActions)
	for _, name := range known {
		candidates = append(candidates, service+":"+name)
	}
	c.tries -= len(candidates)
	for _, a := range candidates {
		if len(actions) < enough && p.action.has(characters(nil, a).lower()) && !slices.Contains(actions, a) {
			actions = append(actions, a)
		}
	}
	if known != nil || len(actions) > 0 {
		return spread(actions, most), false
	}
	if service == "" || slices.ContainsFunc(y.allows, func(t sided) bool {
		return slices.ContainsFunc(t.actions, func(s scope) bool { return s.overlaps(p.action) && !s.contains(p.action) })
	}) {
		return nil, false
	}
	return []string{strings.NewReplacer("*", "Example", "?", "x").Replace(p.action.text)}, true
}

// spread returns at most n of several, from all over.
func spread(all []string, n int) []string {
	if len(all) <= n {
		return all
	}
	var some []string
	for i := range n {
		some = append(some, all[i*len(all)/n])
	}
	return some
}

// has reports whether a text is within a scope.
func (s scope) has(text glob) bool {
	if s.except == nil {
		return s.pattern.covers(text)
	}
	return !slices.ContainsFunc(s.except, func(e glob) bool { return e.covers(text) })
}

// exampleResources returns resources that a pair is about.
func (p pair) exampleResources(action string, context map[string][]string) []string {
	text := p.resource.text
	if p.resource.except != nil || text == "*" {
		service, name, _ := strings.Cut(action, ":")
		service = strings.ToLower(service)
		switch {
		case service == "s3" && slices.Contains(s3ObjectActions, name):
			return []string{"arn:aws:s3:::example/x", "arn:aws:s3:::other/y"}
		case service == "s3" && slices.Contains(s3BucketActions, name):
			return []string{"arn:aws:s3:::example", "arn:aws:s3:::other"}
		}
		return []string{"*", "arn:aws:" + service + ":us-east-1:123456789012:example"}
	}
	var all []string
	for _, fill := range []string{"example", "other", ""} {
		if r := p.filled(text, fill, context); !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// filled puts texts in place of wildcards and variables. A variable whose key
// has no value yet gets one.
func (p pair) filled(text, fill string, context map[string][]string) string {
	var b strings.Builder
	version := p.allow.version
	if p.deny != nil && slices.Contains(slices.Concat(p.deny.Resources, p.deny.NotResources), p.resource.text) {
		version = p.deny.version
	}
	for colons := 0; text != ""; {
		v, rest, ok := cutVariable(text)
		if ok = ok && version == variablesSince && colons >= 5; ok {
			text = rest
			b.WriteString(v.filled(context))
			continue
		}
		switch text[0] {
		case '*':
			b.WriteString(fill)
		case '?':
			b.WriteByte('x')
		case ':':
			colons++
			fallthrough
		default:
			b.WriteByte(text[0])
		}
		text = text[1:]
	}
	return b.String()
}

func (v variable) filled(context map[string][]string) string {
	if v.literal != 0 {
		return string(v.literal)
	}
	e := evaluation{context: context}
	values, given := e.lookup(v.key)
	switch {
	case len(values) > 0:
		return values[0]
	case v.ok:
		return v.fallback
	case !given:
		context[v.key] = []string{"example"}
	}
	return "example"
}

// exampleContexts returns contexts in which the statements of a pair probably
// apply; the first also has values that y's other conditions do not want.
func (p pair) exampleContexts(y *side) []map[string][]string {
	wanted := map[string][]string{}
	p.allow.Statement.fulfil(wanted)
	if p.deny != nil {
		p.deny.Statement.fulfil(wanted)
		return []map[string][]string{wanted}
	}
	other := maps.Clone(wanted)
	for _, t := range y.allows {
		for _, c := range t.Conditions {
			if _, ok := other[c.Key]; !ok {
				if v := unwanted(c); v != "" {
					other[c.Key] = []string{v}
				}
			}
		}
	}
	return []map[string][]string{other, wanted}
}

// fulfil puts values into a context with which a statement's conditions hold,
// where that is easy.
func (s *Statement) fulfil(context map[string][]string) {
	for _, c := range s.Conditions {
		o, ok := parseOperator(c.Operator)
		if !ok || o.negated || len(c.Values) == 0 || context[c.Key] != nil {
			continue
		}
		v := c.Values[0]
		switch {
		case o.null && isBool(v, true):
			continue
		case o.null:
			v = "example"
		case o.values == &addresses:
			if r, ok := parseRange(v); ok {
				v = r.Addr().String()
			}
		case o.values == &anyText || o.values == &arns:
			v = strings.NewReplacer("*", "example", "?", "x").Replace(v)
		}
		context[c.Key] = []string{v}
	}
}

// unwanted returns a value that a condition probably does not want, or nothing.
func unwanted(c Condition) string {
	o, ok := parseOperator(c.Operator)
	if !ok || o.negated || o.null {
		return ""
	}
	switch o.values {
	case &anyText:
		return "other"
	case &booleans:
		if slices.ContainsFunc(c.Values, func(v string) bool { return isBool(v, true) }) {
			return "false"
		}
		return "true"
	case &addresses:
		return netip.AddrFrom4([4]byte{198, 51, 100, 1}).String()
	default:
		return ""
	}
}
