package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// maxBytes is how long a text is read at all. The longest policy of
	// AWS's own, AWSSupportServiceRolePolicy, has 157,000 as of 2026-11, and
	// more with white space; those of others have less than seven thousand.
	maxBytes = 512 << 10
	// maxDepth is how deep values may be nested. Policies need seven levels;
	// a document of brackets alone must not exhaust the stack.
	maxDepth = 32
	// maxSyntaxErrors is after how many the parser gives up: what follows
	// would only be their consequence.
	maxSyntaxErrors = 10
)

// parser reads JSON into nodes. It goes on after the mistakes that people
// make when they write or paste JSON, so that one check finds all of them; a
// document with any of them is still refused.
type parser struct {
	*source
	at, depth, errors int
	// dead says that the rest of the text makes no sense.
	dead bool
	// members are those read so far.
	members map[memberKey]*node
	// said are the mistakes that are reported once, however often they are
	// made.
	said map[string]bool
}

// memberKey is the name of a member.
type memberKey struct {
	parent *node
	key    string
}

func newParser(s *source) *parser {
	return &parser{source: s, members: map[memberKey]*node{}, said: map[string]bool{}}
}

// parse returns the document's value, or nil if there is none.
func (p *parser) parse() *node {
	if len(p.text) > maxBytes {
		p.stop(0, fmt.Sprintf("the text has %d bytes, and none of more than %d is read", len(p.text), maxBytes), "")
		return nil
	}
	p.space()
	if p.at == len(p.text) {
		p.syntax(p.at, "the document is empty", "a policy is a JSON object: {…}")
		return nil
	}
	n := &node{}
	p.value(n)
	p.space()
	if !p.dead && p.at < len(p.text) {
		p.syntax(p.at, "text after the end of the document", "a policy is a single JSON object")
	}
	return n
}

// syntax reports a mistake after which reading goes on.
func (p *parser) syntax(at int, problem, hint string) {
	p.report("P002", Error, at, "", problem, hint)
	if p.errors++; p.errors >= maxSyntaxErrors {
		p.dead = true
	}
}

// once reports a mistake that is made everywhere, if anywhere.
func (p *parser) once(at int, problem, hint string) {
	if !p.said[problem] {
		p.said[problem] = true
		p.syntax(at, problem, hint)
	}
}

// stop reports a mistake after which it cannot.
func (p *parser) stop(at int, problem, hint string) {
	p.syntax(at, problem, hint)
	p.dead = true
}

// peek returns the next character, or -1 at the end.
func (p *parser) peek() rune {
	if p.at >= len(p.text) {
		return -1
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return r
}

// value reads a value into n, which knows its place already.
func (p *parser) value(n *node) {
	p.space()
	n.at = p.at
	r := p.peek()
	switch {
	case p.dead:
	case r == '{':
		n.kind = object
		p.container(n, '}', p.readMember)
	case r == '[':
		n.kind = array
		p.container(n, ']', p.readItem)
	case isQuote(r):
		n.kind, n.value = text, p.readString()
	case r == '-' || '0' <= r && r <= '9':
		p.readNumber(n)
	case isWord(r):
		p.readWord(n)
	default:
		p.stop(p.at, p.found()+" where a value should be", "")
	}
	if p.dead {
		n.broken = true
		if n.kind != object && n.kind != array {
			n.kind = 0 // what it would have been is unknown
		}
	}
}

// found names what stands at the parser's place.
func (p *parser) found() string {
	if p.at >= len(p.text) {
		return "the end of the text"
	}
	r, size := utf8.DecodeRuneInString(p.text[p.at:])
	if r == utf8.RuneError && size == 1 {
		return fmt.Sprintf("the byte 0x%02x", p.text[p.at])
	}
	return fmt.Sprintf("%q", r)
}

// container reads an object or a list up to its closing bracket.
func (p *parser) container(n *node, closing rune, readChild func(*node)) {
	opening := p.text[p.at]
	if p.depth++; p.depth > maxDepth {
		p.stop(p.at, fmt.Sprintf("nested deeper than %d levels", maxDepth), "")
		return
	}
	p.at++
	for p.space(); !p.dead && p.peek() != closing; p.space() {
		if p.at == len(p.text) {
			line, _ := p.position(n.at)
			p.stop(p.at, fmt.Sprintf("the text ends before the %q of line %d is closed", opening, line),
				fmt.Sprintf("add %q", closing))
			break
		}
		if readChild(n); p.dead {
			break
		}
		p.separator(closing)
	}
	if !p.dead {
		p.at++
	}
	p.depth--
}

// separator reads the comma between two members or items. Where one is missing,
// or one too many, what is meant is plain, and reading goes on.
func (p *parser) separator(closing rune) {
	p.space()
	comma := p.at // after which white space may follow
	switch r := p.peek(); {
	case p.dead:
	case r == ',':
		p.at++
		if p.space(); p.peek() == closing {
			p.syntax(comma, fmt.Sprintf("comma before %q", closing), "remove it")
		}
	case r == closing || r == -1:
	case isQuote(r) || r == '{' || r == '[' || r == '-' || isWord(r):
		p.syntax(p.at, "no comma before "+p.found(), "add one")
	default:
		p.stop(p.at, fmt.Sprintf("%s where a comma or %q should be", p.found(), closing), "")
	}
}

func (p *parser) readItem(list *node) {
	n := &node{parent: list, index: len(list.children)}
	list.children = append(list.children, n)
	p.value(n)
}

// readMember reads a key, a colon and a value. A key that is there already is
// reported and its value kept aside: STS refuses the document, so which of
// the two counts makes no difference.
func (p *parser) readMember(parent *node) {
	n := &node{parent: parent, keyAt: p.at}
	switch r := p.peek(); {
	case isQuote(r):
		n.key = p.readString()
	case isWord(r):
		n.key = p.bareWord("")
		p.syntax(n.keyAt, fmt.Sprintf("the key %s has no quotes", quoted(n.key)), "write "+quoted(n.key))
	default:
		p.stop(p.at, p.found()+" where a key should be", "keys are strings in double quotes")
		return
	}
	if p.dead {
		return
	}
	name := memberKey{parent, n.key}
	if first := p.members[name]; first != nil {
		line, _ := p.position(first.keyAt)
		p.failKey("P003", n, fmt.Sprintf("the key stands here twice, the first time in line %d", line),
			"join the two, or remove one")
	} else {
		p.members[name] = n
	}
	parent.children = append(parent.children, n)
	p.space()
	n.at = p.at
	if p.peek() != ':' && !p.dead {
		p.stop(p.at, p.found()+" where a colon should be", "")
	}
	if p.dead {
		n.broken = true
		return
	}
	p.at++
	p.value(n)
}

// readNumber reads a number, which must be one of JSON.
func (p *parser) readNumber(n *node) {
	length := len(p.text[p.at:]) - len(strings.TrimLeft(p.text[p.at:], "+-.0123456789eE"))
	n.kind, n.value = number, p.text[p.at:p.at+length]
	if !json.Valid([]byte(n.value)) {
		p.syntax(p.at, fmt.Sprintf("%s is no JSON number", quoted(n.value)), "")
	}
	p.at += length
}

// readWord reads true, false or null, or a string whose quotes are missing, as
// YAML allows; Python's True and None are met as well.
func (p *parser) readWord(n *node) {
	word := p.bareWord(":*?")
	n.kind, n.value = text, word
	switch lower := strings.ToLower(word); lower {
	case "true", "false":
		n.kind, n.value = boolean, lower
	case "null", "none":
		n.kind, n.value = null, "null"
	}
	switch {
	case n.kind == text:
		p.syntax(n.at, fmt.Sprintf("the string %s has no quotes", quoted(word)), "write "+quoted(word))
	case n.value != word:
		p.syntax(n.at, word+" is no JSON word", "JSON has true, false and null, in small letters")
	}
}

// bareWord reads what could be a key or a value without its quotes: letters,
// and after the first also digits, a few others, and those given.
func (p *parser) bareWord(others string) string {
	word := p.text[p.at:]
	if i := strings.IndexFunc(word, func(r rune) bool { return !isWord(r) && !strings.ContainsRune("0123456789-./"+others, r) }); i >= 0 {
		word = word[:i]
	}
	p.at += len(word)
	return word
}

// isWord reports whether a character can begin a word.
func isWord(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_'
}
