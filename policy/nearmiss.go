package policy

import (
	"fmt"
	"slices"
	"strings"
)

// mostNear is how many near misses are of use to a reader.
const mostNear = 5

// nearMisses returns the statements that came closest to another answer: of
// layers that may not let the request through, each Allow with the fewest
// parts that fail; and any Deny that may apply.
func (e *evaluation) nearMisses(layers []*layer, q Question) []NearMiss {
	var all []NearMiss
	fewest := 0
	for _, l := range layers {
		for _, w := range l.statements {
			if w.Allow && l.allow == yes || !w.Allow && w.applies != maybe {
				continue
			}
			failed := e.failures(w, q)
			if !isNear(failed, q.Action) {
				continue
			}
			if w.Allow && (fewest == 0 || len(failed) < fewest) {
				fewest = len(failed)
			}
			all = append(all, NearMiss{Place: w.Place, Failed: failed})
		}
	}
	all = slices.DeleteFunc(all, func(n NearMiss) bool { return n.Effect == "Allow" && len(n.Failed) > fewest })
	return all[:min(len(all), mostNear)]
}

// isNear leaves out what no reader would call near: a statement about another
// action, unless nothing else keeps it from applying and its service is the
// same.
func isNear(failed []Failure, action string) bool {
	if failed[0].Part != "action" {
		return true
	}
	service, _, _ := strings.Cut(action, ":")
	return len(failed) == 1 && slices.ContainsFunc(failed[0].Wanted, func(p string) bool {
		other, _, _ := strings.Cut(p, ":")
		return strings.EqualFold(other, service)
	})
}

// failures returns the parts of a statement that keep it, or may keep it, from
// applying. There is at least one.
func (e *evaluation) failures(w weighed, q Question) []Failure {
	e.variables = w.variables
	var failed []Failure
	if s := w.Statement; !e.aboutAction(s) {
		failed = append(failed, elementFailure("action", s.Actions, s.NotActions, q.Action))
	}
	e.missing = e.missing[:0]
	if about := e.aboutResource(w.Statement); about != yes {
		f := elementFailure("resource", w.Resources, w.NotResources, q.Resource)
		f.dependOn(about, e.missing)
		failed = append(failed, f)
	}
	for i := range w.Conditions {
		c := &w.Conditions[i]
		e.missing = e.missing[:0]
		if holds := e.holds(c, w.Allow); holds != yes {
			values, _ := e.lookup(c.Key)
			f := Failure{Part: "condition", Operator: c.Operator, Key: c.Key, Wanted: c.Values, Got: values}
			f.Problem = fmt.Sprintf("%s is %s, and %s wants %s", shown(c.Key), list(values, "absent"), c.Operator, list(c.Values, "nothing"))
			f.dependOn(holds, e.missing)
			failed = append(failed, f)
		}
	}
	return failed
}

// dependOn replaces the problem where the missing keys may solve it.
func (f *Failure) dependOn(t truth, missing []string) {
	if t == no {
		return
	}
	f.Missing = distinct(missing)
	f.Problem = "not given: " + joined(f.Missing)
}

func elementFailure(part string, patterns, excluded []string, got string) Failure {
	if got == "" {
		got = "*"
	}
	f := Failure{Part: part, Wanted: patterns, Got: []string{got}}
	if len(excluded) > 0 {
		f.Wanted = excluded
		f.Problem = fmt.Sprintf("%s is left out by %s", quoted(got), list(excluded, "nothing"))
		return f
	}
	f.Problem = fmt.Sprintf("%s does not match %s", quoted(got), list(patterns, "nothing"))
	if slices.ContainsFunc(patterns, func(p string) bool { return strings.EqualFold(p, got) }) {
		f.Problem += ": case counts"
	}
	return f
}

// list shows the first of several values.
func list(values []string, none string) string {
	const most = 3
	if len(values) == 0 {
		return none
	}
	var shown []string
	for _, v := range values[:min(len(values), most)] {
		shown = append(shown, quoted(v))
	}
	text := strings.Join(shown, " or ")
	if more := len(values) - most; more > 0 {
		text += fmt.Sprintf(" or %d more", more)
	}
	return text
}
