package policy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/policy"
)

// verdicts is a file of testdata/verdicts: policies and what AWS says of them.
type verdicts struct {
	// Source is the page that the rule comes from.
	Source    string            `json:"source"`
	Policies  []json.RawMessage `json:"policies"`
	Questions []question        `json:"questions"`
}

type question struct {
	Want      string              `json:"want"`
	Action    string              `json:"action"`
	Resource  string              `json:"resource"`
	Context   map[string]oneOrAll `json:"context"`
	Missing   []string            `json:"missing"`
	Statement *int                `json:"statement"`
}

// oneOrAll is a list of strings, or one.
type oneOrAll []string

func (v *oneOrAll) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*v = oneOrAll{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(v))
}

func (q question) ask() policy.Question {
	context := map[string][]string{}
	for k, v := range q.Context {
		context[k] = v
	}
	return policy.Question{Action: q.Action, Resource: q.Resource, Context: context}
}

// readVerdicts returns the files of testdata/verdicts by name.
func readVerdicts(t testing.TB) map[string]verdicts {
	t.Helper()
	files := map[string]verdicts{}
	for _, path := range glob(t, "testdata/verdicts/*.json") {
		var v verdicts
		if err := json.Unmarshal(readFile(t, path), &v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		files[strings.TrimSuffix(filepath.Base(path), ".json")] = v
	}
	return files
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("Glob(%q): got %d files, %v", pattern, len(paths), err)
	}
	return paths
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(t testing.TB, texts ...string) []*policy.Document {
	t.Helper()
	var docs []*policy.Document
	for _, text := range texts {
		d, err := policy.Parse([]byte(text))
		if err != nil {
			t.Fatalf("Parse(%s): %v", text, err)
		}
		docs = append(docs, d)
	}
	return docs
}

func (v verdicts) documents(t testing.TB) []*policy.Document {
	t.Helper()
	var texts []string
	for _, text := range v.Policies {
		texts = append(texts, string(text))
	}
	return parse(t, texts...)
}

func TestVerdicts(t *testing.T) {
	for name, v := range readVerdicts(t) {
		t.Run(name, func(t *testing.T) {
			if v.Source == "" || len(v.Questions) == 0 {
				t.Fatal("the file needs a source and questions")
			}
			docs := v.documents(t)
			for _, q := range v.Questions {
				checkVerdict(t, docs, q)
			}
		})
	}
}

func checkVerdict(t *testing.T, docs []*policy.Document, q question) {
	t.Helper()
	got := policy.Evaluate(q.ask(), docs...)
	if got.Decision.String() != q.Want {
		t.Errorf("Evaluate(%s on %q, %v): got %s, want %s", q.Action, q.Resource, q.Context, got.Decision, q.Want)
	}
	if !slices.Equal(got.Missing, q.Missing) {
		t.Errorf("Evaluate(%s on %q, %v): got missing %q, want %q", q.Action, q.Resource, q.Context, got.Missing, q.Missing)
	}
	if (got.Statement == nil) != (got.Decision == policy.ImplicitDeny) {
		t.Errorf("Evaluate(%s on %q, %v): got %s with statement %v", q.Action, q.Resource, q.Context, got.Decision, got.Statement)
	}
	if q.Statement != nil && (got.Statement == nil || got.Statement.Index != *q.Statement) {
		t.Errorf("Evaluate(%s on %q, %v): got statement %+v, want %d", q.Action, q.Resource, q.Context, got.Statement, *q.Statement)
	}
}
