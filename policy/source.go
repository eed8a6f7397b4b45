package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// source is the text of a document and what was found in it.
type source struct {
	text string
	// lines are the offsets at which lines begin.
	lines    []int
	findings []Finding
	counts   [Error + 1]int
}

func newSource(text []byte) *source {
	s := &source{text: string(text), lines: []int{0}}
	for i := range len(s.text) {
		if s.text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// position returns the line and the column of an offset.
func (s *source) position(at int) (line, column int) {
	at = min(at, len(s.text))
	i, exact := slices.BinarySearch(s.lines, at)
	if !exact {
		i--
	}
	return i + 1, utf8.RuneCountInString(s.text[s.lines[i]:at]) + 1
}

// maxFindings is how many findings of each level are kept. Each costs a look
// at its line, which can be the whole text; and nobody reads more.
const maxFindings = 100

// report adds a finding about the text at an offset.
func (s *source) report(code string, level Level, at int, path, problem, hint string) {
	if s.counts[level]++; s.counts[level] > maxFindings {
		return
	}
	line, column := s.position(at)
	s.findings = append(s.findings, Finding{Code: code, Level: level, Line: line, Column: column,
		Path: path, Problem: problem, Hint: hint})
}

// fail and warn add a finding about an element.
func (s *source) fail(code string, n *node, problem, hint string) {
	s.report(code, Error, n.at, n.path(), problem, hint)
}

func (s *source) warn(code string, n *node, problem, hint string) {
	s.report(code, Warning, n.at, n.path(), problem, hint)
}

// failKey and warnKey add a finding about the key of a member.
func (s *source) failKey(code string, n *node, problem, hint string) {
	s.report(code, Error, n.keyAt, n.path(), problem, hint)
}

func (s *source) warnKey(code string, n *node, problem, hint string) {
	s.report(code, Warning, n.keyAt, n.path(), problem, hint)
}

// sorted returns the findings in the order of the text, nil if there are none.
func (s *source) sorted() []Finding {
	slices.SortStableFunc(s.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code))
	})
	return s.findings
}

// structural reports whether a finding is about the grammar: without those
// that are errors, a document can be evaluated.
func structural(f Finding) bool { return f.Level == Error && f.Code < "P015" }

// joined lists names for a message.
func joined(names []string) string {
	var all []string
	for _, name := range names {
		all = append(all, shown(name))
	}
	return strings.Join(all, ", ")
}

// shown returns a name for a message as it is, or quoted if it has characters
// that names of context keys, files and ARNs mostly do without.
func shown(name string) string {
	if name != "" && strings.Trim(name, keyCharacters) == "" {
		return name
	}
	return quoted(name)
}

// quoted returns a text for a message, in quotes and cut to a bearable length.
// Parts of a policy get into messages by it alone: a string may hold a line
// break or a terminal's control sequence, as an escape, and a message that
// carried them out would forge lines of a log.
func quoted(text string) string {
	const longest = 80
	if utf8.RuneCountInString(text) <= longest {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q…", string([]rune(text)[:longest]))
}
