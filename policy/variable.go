package policy

import (
	"slices"
	"strings"
)

// variable is one ${…} of a pattern (IAM user guide, "Variables and tags").
type variable struct {
	// text is as written, from "${" to "}".
	text string
	// literal is the character that ${*}, ${?} or ${$} stands for, or 0.
	literal rune
	// key is the context key whose value is put in.
	key string
	// fallback is what is put in where the key is absent; ok says that
	// there is one: ${key, 'fallback'}.
	fallback string
	ok       bool
}

// cutVariable takes a variable off the beginning of a text. What begins like
// one and is none to AWS is plain text.
func cutVariable(text string) (v variable, rest string, ok bool) {
	end := strings.IndexByte(text, '}')
	if end < 0 || !strings.HasPrefix(text, "${") {
		return variable{}, "", false
	}
	v.text, rest = text[:end+1], text[end+1:]
	inner := text[len("${"):end]
	switch inner {
	case "*", "?", "$":
		v.literal = rune(inner[0])
		return v, rest, true
	}
	key, fallback, hasFallback := strings.Cut(inner, ",")
	v.key = strings.TrimSpace(key)
	if v.key == "" || strings.Contains(v.key, "${") {
		return variable{}, "", false
	}
	if hasFallback {
		fallback = strings.TrimSpace(fallback)
		if len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'' {
			return variable{}, "", false
		}
		v.fallback, v.ok = fallback[1:len(fallback)-1], true
	}
	return v, rest, true
}

// severalValued are the global keys that may have several values, in small
// letters, as of 2026-11: "you cannot use a multivalued context key as a policy
// variable" (IAM user guide, "Single-valued vs. multivalued context keys"),
// however many it has. Those of services show only by having more than one.
var severalValued = []string{"aws:calledvia", "aws:principalorgpaths", "aws:principalservicenameslist", "aws:resourceorgpaths",
	"aws:sourceorgpaths", "aws:tagkeys", "aws:vpceorgpaths"}

// replace appends the value of a variable: always as plain characters, so
// that a user named * gets no more than the others. Only keys with a single
// value have one.
func (e *evaluation) replace(g glob, v variable) (glob, bool) {
	if v.literal != 0 {
		return append(g, v.literal), true
	}
	values, given := e.lookup(v.key)
	if !given {
		e.lacks(v.key)
	}
	switch {
	case !given && e.open:
		e.holes++
		return append(g, anyRun), true
	case len(values) == 0:
		return characters(g, v.fallback), v.ok
	case len(values) == 1 && !slices.Contains(severalValued, strings.ToLower(v.key)):
		return characters(g, values[0]), true
	default:
		return nil, false
	}
}

// unknown appends a variable as something that only the same variable, or a
// *, matches: one element below opaque for each of its characters. Its value
// can be anything, so ? does not match it, nor do the characters of its name.
func unknown(g glob, v variable) (glob, bool) {
	if v.literal != 0 {
		return append(g, v.literal), true
	}
	text := "${" + strings.ToLower(v.key) + "}"
	if v.ok {
		text += "'" + v.fallback + "'"
	}
	for _, r := range text {
		g = append(g, opaque-r)
	}
	return g, true
}
