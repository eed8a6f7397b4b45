//go:build policies

package policies

import (
	"maps"
	"slices"
	"testing"
)

// shrink makes a case smaller as long as it still has a property, so that a
// person sees what the matter is.
func (c testCase) shrink(t testing.TB, still func(testCase) bool) testCase {
	t.Helper()
	for smaller := true; smaller; {
		smaller = false
		for _, without := range c.smaller(t) {
			if still(without) {
				c, smaller = without, true
				break
			}
		}
	}
	return c
}

// smaller returns the case with one thing less each.
func (c testCase) smaller(t testing.TB) []testCase {
	var all []testCase
	change := func(f func(*testCase)) {
		copied := c.clone(t)
		f(&copied)
		all = append(all, copied)
	}
	if c.Session != nil {
		change(func(c *testCase) { c.Session = nil })
		if len(c.Identity) > 0 {
			change(func(c *testCase) { c.Identity, c.Session = []document{*c.Session}, nil })
		}
	}
	for i := range c.Identity {
		if len(c.Identity) > 1 {
			change(func(c *testCase) { c.Identity = slices.Delete(c.Identity, i, i+1) })
		}
	}
	for i, d := range c.documents() {
		for j := range d.Statement {
			if len(d.Statement) > 1 {
				change(func(c *testCase) { s := c.documents()[i]; s.Statement = slices.Delete(s.Statement, j, j+1) })
			}
		}
		for j, s := range d.Statement {
			at := func(c *testCase) *statement { return &c.documents()[i].Statement[j] }
			for _, list := range []func(*statement) *[]string{
				func(s *statement) *[]string { return &s.Action }, func(s *statement) *[]string { return &s.NotAction },
				func(s *statement) *[]string { return &s.Resource }, func(s *statement) *[]string { return &s.NotResource },
			} {
				for k := range *list(&s) {
					if len(*list(&s)) > 1 {
						change(func(c *testCase) { l := list(at(c)); *l = slices.Delete(*l, k, k+1) })
					}
				}
			}
			for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
				change(func(c *testCase) { delete(at(c).Condition, operator) })
				for key, values := range s.Condition[operator] {
					for k := range values {
						if len(values) > 1 {
							change(func(c *testCase) { at(c).Condition[operator][key] = slices.Delete(slices.Clone(values), k, k+1) })
						}
					}
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Context)) {
		change(func(c *testCase) { delete(c.Context, key) })
	}
	return all
}
