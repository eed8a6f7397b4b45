//go:build policies

package policies

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/policy"
)

// testCase is a question to policies. A key of the context that has one value
// has it as a string, as the simulator wants it.
type testCase struct {
	// Session, if there is one, and the union of Identity must both let
	// the request through.
	Session  *document      `json:"session,omitempty"`
	Identity []document     `json:"identity"`
	Action   string         `json:"action"`
	Resource string         `json:"resource"`
	Context  map[string]any `json:"context"`
	// own counts the keys that rewrites made up.
	own int
}

type document struct {
	Version   string      `json:"Version,omitempty"`
	Statement []statement `json:"Statement"`
}

type statement struct {
	Effect      string
	Action      []string                       `json:",omitempty"`
	NotAction   []string                       `json:",omitempty"`
	Resource    []string                       `json:",omitempty"`
	NotResource []string                       `json:",omitempty"`
	Condition   map[string]map[string][]string `json:",omitempty"`
}

// The simulator's words for what Explain answers.
var answers = map[policy.Answer]string{policy.NotBlocked: "Allowed", policy.DeniedExplicitly: "ExplicitlyDenied", policy.DeniedImplicitly: "ImplicitlyDenied"}

// ours asks package policy, from the text on, as a user does. A key that the
// context lacks is known to be absent, as for the simulator. Asked once more
// without that knowledge, it may say that it does not know, and nothing else
// about whether the request is blocked.
func (c testCase) ours(t testing.TB) string {
	t.Helper()
	in := policy.Inputs{NoSession: c.Session == nil}
	if c.Session != nil {
		in.Session = []policy.Named{c.Session.parsed(t)}
	}
	for _, d := range c.Identity {
		in.Identity = append(in.Identity, d.parsed(t))
	}
	q := policy.Question{Action: c.Action, Resource: c.Resource, Context: c.values()}
	unsure := policy.Explain(in, q).Decision
	absent := func(name string) {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(q.Context)), func(k string) bool { return strings.EqualFold(k, name) }) {
			q.Context[name] = nil
		}
	}
	for _, k := range keys {
		absent(k.name)
	}
	absent("aws:PrincipalTag/none")
	c.conditions(func(_ *document, operator, name string, values []string) (string, string, []string) {
		absent(name)
		return operator, name, values
	})
	x := policy.Explain(in, q)
	if x.Decision == policy.Unknown || unsure != policy.Unknown && (unsure == policy.NotBlocked) != (x.Decision == policy.NotBlocked) {
		t.Fatalf("Explain(%s): got %s, and %s before absent keys were known", c, x.Decision, unsure)
	}
	return answers[x.Decision]
}

func (d document) parsed(t testing.TB) policy.Named {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return policy.Named{Document: parsed}
}

func (c testCase) values() map[string][]string {
	all := map[string][]string{}
	for key, value := range c.Context {
		switch v := value.(type) {
		case string:
			all[key] = []string{v}
		case []string:
			all[key] = v
		case []any: // from a file
			for _, one := range v {
				all[key] = append(all[key], one.(string))
			}
		}
	}
	return all
}

func (c testCase) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text)
}

// clone returns a copy that shares nothing with the case.
func (c testCase) clone(t testing.TB) testCase {
	t.Helper()
	var copied testCase
	if err := json.Unmarshal([]byte(c.String()), &copied); err != nil {
		t.Fatal(err)
	}
	return copied
}

// documents returns all policies of the case, to be changed in place.
func (c *testCase) documents() []*document {
	var all []*document
	if c.Session != nil {
		all = append(all, c.Session)
	}
	for i := range c.Identity {
		all = append(all, &c.Identity[i])
	}
	return all
}

// conditions calls f for each condition, in a fixed order, and keeps what it
// returns.
func (c *testCase) conditions(f func(d *document, operator, key string, values []string) (string, string, []string)) {
	for _, d := range c.documents() {
		for i := range d.Statement {
			s := &d.Statement[i]
			changed := map[string]map[string][]string{}
			for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
				for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
					o, k, values := f(d, operator, key, s.Condition[operator][key])
					if changed[o] == nil {
						changed[o] = map[string][]string{}
					}
					changed[o][k] = values
				}
			}
			s.Condition = changed
		}
	}
}
