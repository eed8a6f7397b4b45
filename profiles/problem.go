package profiles

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vendord/vendord/session"
)

// Problem is one thing that is wrong, or doubtful, in a configuration.
type Problem struct {
	// File is the file's path: relative to vendord.toml's folder if it is
	// inside, else absolute.
	File string `json:"file"`
	// Key is the path of the key in vendord.toml, such as
	// profiles.x.role_arn, or of the element in a policy file, such as
	// Statement[0].Action. It may be empty.
	Key string `json:"key,omitempty"`
	// Line and Column count from 1; 0 is unknown.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Code is the finding's code, such as P007, for what the check of a
	// session policy found.
	Code string `json:"code,omitempty"`
	// Problem is one lower-case line; Hint says what to do, and may be empty.
	Problem string `json:"problem"`
	Hint    string `json:"hint,omitempty"`
}

// Error returns the problem in one line, without its hint:
// "vendord.toml:12: profiles.x.role_arn: problem".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	b.WriteString(": " + p.Problem)
	if p.Code != "" {
		b.WriteString(" (" + p.Code + ")")
	}
	return b.String()
}

// Problems returns the problems in an error of Load, sorted by file and line;
// nil if it holds none.
func Problems(err error) []Problem {
	if all, ok := errors.AsType[problems](err); ok {
		return slices.Clone(all)
	}
	return nil
}

// maxProblems is how many errors, and how many warnings, are told. Nobody reads
// more at once, to find the line of each costs as much as the file is long, and
// all of them cross the control socket in one answer.
const maxProblems = 100

// problems is the error of Load. It is never empty.
type problems []Problem

// Error returns one line for each problem, without hints.
func (all problems) Error() string {
	lines := make([]string, len(all))
	for i, p := range all {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// add appends p unless it is there already: a key that several profiles inherit
// is wrong once. What p quotes of a file that somebody else wrote is made visible.
func (all *problems) add(p Problem) {
	p.File, p.Key = session.Visible(p.File), session.Visible(p.Key)
	p.Problem, p.Hint = session.Visible(p.Problem), session.Visible(p.Hint)
	if !all.full() && !slices.Contains(*all, p) {
		*all = append(*all, p)
	}
}

// full reports whether there are more problems than are told: one, to know that
// there are more.
func (all *problems) full() bool { return len(*all) > maxProblems }

// told returns the problems that are told, sorted. what they are is said of the
// rest.
func (all problems) told(main, what string) problems {
	if !all.full() {
		all.sort(main)
		return all
	}
	all = all[:maxProblems]
	all.sort(main)
	return append(all, Problem{File: main, Problem: fmt.Sprintf("more than %d %s; the others are not shown", maxProblems, what),
		Hint: "mend these first"})
}

// sort puts the main file's problems in the order of its lines, with those of
// unknown lines first, and other files after it. What is on one line stays in
// the order in which it was found.
func (all problems) sort(main string) {
	slices.SortStableFunc(all, func(a, b Problem) int {
		if a.File != b.File && (a.File == main || b.File == main) {
			if a.File == main {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
