//go:build machine

package machine

import (
	"fmt"
	"strings"
	"testing"
)

// Row is a case of the documentation's table of hostile callers, and of honest
// ones, without whom it would show nothing.
type Row struct {
	name, app string
	ask       func() Answer
	in        string
	silent    bool
}

// Caller is a row: how the caller asks, and whose credentials it gets, an app's or,
// where that is empty, nobody's.
func Caller(name, app string, ask func() Answer) Row { return Row{name: name, app: app, ask: ask} }

// In is the row, with the end of the control group's path that the caller must have
// got itself into: else the row shows nothing.
func (r Row) In(group string) Row {
	r.in = group
	return r
}

// Silent is the row of one that can have no answer. All others must have one, or
// they show nothing.
func (r Row) Silent() Row {
	r.silent = true
	return r
}

// Run runs each row as a test of its own, and prints it as the documentation has
// it, with what came of it: the script that started us compares.
func (m *Machine) Run(rows ...Row) {
	for _, row := range rows {
		m.t.Run(row.name, func(t *testing.T) {
			a := row.ask()
			e, recorded := m.Event(a)
			if (a.Status == 0) != row.silent {
				t.Errorf("got %+v; want an answer: %v", a, !row.silent)
			}
			if !strings.HasSuffix(a.Cgroup, row.in) {
				t.Errorf("got %+v, want it in the control group …%s", a, row.in)
			}
			vended := a.Status == 200 || a.Key != "" || e.Key != ""
			if vended != (row.app != "") || e.App != row.app && vended {
				t.Errorf("got %+v, on record %+v; want credentials of app %q", a, e, row.app)
			}
			if vended && e.Key != a.Key && a.Problem == "" {
				t.Errorf("got the key %s, on record %s", a.Key, e.Key)
			}
			expected := "nothing"
			if row.app != "" {
				expected = row.app + "'s"
			}
			fmt.Printf("row: | %s | %s | %s | `%s` |\n", row.name, expected, observed(a, e, recorded), strings.SplitN(t.Name(), "/", 2)[0])
		})
	}
}

// observed says what came of a question, in a few words that are the same each
// time.
func observed(a Answer, e Event, recorded bool) string {
	switch {
	case a.Status == 200:
		return fmt.Sprintf("200: %s, by %s", e.App, e.How)
	case a.Status != 0:
		return strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, a.Code))
	case recorded:
		return fmt.Sprintf("no answer; on record %d", e.Status)
	}
	return "no answer"
}
