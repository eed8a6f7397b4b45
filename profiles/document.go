package profiles

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// document is the text of vendord.toml, parsed.
type document struct {
	text string
	tree map[string]any
	root toml.Primitive
	meta toml.MetaData
	// opened are the tables that line has gone through, by path: to open one
	// costs as much as all that is in it.
	opened map[string]map[string]toml.Primitive
	// start is where text begins in the whole file: see item.
	start   int
	headers []header             // of text; nil until they are needed
	items   map[string]*document // what item found, by path; nil for nothing
}

// path is the path of a key. Steps into a list are numbers in brackets.
type path []string

// to returns the path of a key below p.
func (p path) to(key string) path { return append(p[:len(p):len(p)], key) }

// item returns the path of an item of the list at p.
func (p path) item(i int) path { return p.to("[" + strconv.Itoa(i) + "]") }

// String writes the path as TOML would: names with dots are quoted.
func (p path) String() string {
	var b strings.Builder
	for _, step := range p {
		if strings.HasPrefix(step, "[") {
			b.WriteString(step)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(toml.Key{step}.String())
	}
	return b.String()
}

// parse reads TOML. Its problem has the position that the library found.
func parse(text string) (*document, *Problem) {
	d := &document{text: text, opened: make(map[string]map[string]toml.Primitive)}
	var err error
	if d.meta, err = toml.Decode(text, &d.root); err == nil {
		err = d.meta.PrimitiveDecode(d.root, &d.tree)
	}
	if err == nil {
		return d, nil
	}
	if e, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, &Problem{Line: e.Position.Line, Column: e.Position.Col,
			Problem: "not valid TOML: " + strings.TrimSuffix(e.Message, "."), Hint: syntaxHint(e.Message)}
	}
	return nil, &Problem{Problem: "not valid TOML: " + err.Error()}
}

// syntaxHint says what to do about the mistakes in TOML that people make when
// they paste: the library's own message names the letter, not the cause.
func syntaxHint(message string) string {
	switch {
	case strings.ContainsAny(message, "“”‘’"):
		return `curly quotes: retype them as " or '`
	case strings.Contains(message, "cannot contain newlines"):
		return "put a policy of several lines between ''' and '''"
	case strings.Contains(message, "escape"), strings.Contains(message, "hexadecimal"):
		return "write the text between ' and ', where a backslash is a backslash"
	case strings.Contains(message, "expected value"):
		return `texts stand in quotes: key = "text"`
	case strings.Contains(message, "already been defined"), strings.Contains(message, "duplicate"):
		return "every table and key may be written once"
	}
	return ""
}

// probe is decoded into to learn where a value stands: the library tells the
// position of a value only in the error of somebody who refuses it.
type probe struct{}

var errProbe = errors.New("where is it")

func (*probe) UnmarshalTOML(any) error { return errProbe }

// line returns the line on which the value at p begins, or the nearest table
// around it that has a line; 0 if there is none.
func (d *document) line(p path) int {
	for ; len(p) > 0; p = p[:len(p)-1] {
		if at := d.offset(p); at >= 0 {
			return 1 + strings.Count(d.text[:at], "\n")
		}
	}
	return 0
}

// textLine returns the line on which the first line of the string at p begins:
// TOML drops a newline after ”' and """.
func (d *document) textLine(p path) int {
	at := d.offset(p)
	if at < 0 {
		return 0
	}
	rest := d.text[at:]
	line := 1 + strings.Count(d.text[:at], "\n")
	if strings.HasPrefix(rest, "\n") || strings.HasPrefix(rest, "\r\n") {
		line++
	}
	return line
}

// offset returns where in the text the value at p stands, or -1. For a string
// that is behind its quotes.
func (d *document) offset(p path) int {
	at := d.root
	for i, step := range p {
		if strings.HasPrefix(step, "[") {
			var items []toml.Primitive
			if d.meta.PrimitiveDecode(at, &items) != nil || len(items) == 0 {
				return -1
			}
			if len(items) > 1 {
				return d.offsetIn(p, i)
			}
			at = items[0]
			continue
		}
		next, ok := d.open(p[:i], at)[step]
		if !ok {
			return -1
		}
		at = next
	}
	var items []toml.Primitive
	if d.meta.Type(p...) == "ArrayHash" && d.meta.PrimitiveDecode(at, &items) == nil && len(items) != 1 {
		return -1 // likewise: it would be the last of several [[tables]]
	}
	e, ok := errors.AsType[toml.ParseError](d.meta.PrimitiveDecode(at, &probe{}))
	if !ok || e.Position.Line == 0 || e.Position.Start > len(d.text) {
		return -1
	}
	return e.Position.Start
}

// offsetIn returns where in the text the value at p stands, whose step i is into a list
// of several items, or -1.
func (d *document) offsetIn(p path, i int) int {
	one, start := d.item(p[:i], p[i])
	if one == nil {
		return -1
	}
	at := one.offset(slices.Concat(p[:i], path{"[0]"}, p[i+1:]))
	if at < 0 {
		return -1
	}
	return start + at
}

// open returns what is in the table at p, or nil if there is none.
func (d *document) open(p path, at toml.Primitive) map[string]toml.Primitive {
	table, done := d.opened[p.String()]
	if !done {
		if d.meta.PrimitiveDecode(at, &table) != nil {
			table = nil
		}
		d.opened[p.String()] = table
	}
	return table
}
