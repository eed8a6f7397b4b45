package fakeaws

import (
	"regexp"
	"sync"
)

// expression is a regular expression that is compiled when it is first used.
// vendord carries this package along for its demo alone: compiled at the start,
// these cost each of its commands 5 ms and 1 MiB.
type expression func() *regexp.Regexp

func expr(text string) expression {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// MatchString is the method of regexp.Regexp.
func (e expression) MatchString(s string) bool { return e().MatchString(s) }

// FindStringSubmatch is the method of regexp.Regexp.
func (e expression) FindStringSubmatch(s string) []string { return e().FindStringSubmatch(s) }
