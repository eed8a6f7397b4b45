//go:build policies

package policies

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// verdict is a file of verdicts: where policy and the simulator differ.
type verdict struct {
	// Ours and Simulator say what each of them does.
	Ours, Simulator string
	// Decided says who is right, Page by which page of AWS, Why what it
	// says; where it does not say enough, both stay as they are.
	Decided, Page, Why string
	// Examples are cases on which the two differ for this reason alone.
	Examples []struct {
		Ours, Simulator string
		Case            testCase
	}
}

// TestVerdicts holds every verdict against both programs: its examples are
// still as they say, and the rewrite of its name is what explains them. A
// verdict that a new version of the simulator made void fails.
func TestVerdicts(t *testing.T) {
	sim := startSimulator(t)
	for _, r := range rewrites {
		t.Run(r.verdict, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("verdicts", r.verdict+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var v verdict
			decoder := json.NewDecoder(strings.NewReader(string(text)))
			if decoder.DisallowUnknownFields(); decoder.Decode(&v) != nil {
				t.Fatalf("%s: does not read", text)
			}
			if v.Ours == "" || v.Simulator == "" || v.Decided == "" || v.Why == "" || !strings.HasPrefix(v.Page, "https://docs.aws.amazon.com/") || len(v.Examples) == 0 {
				t.Fatalf("got %+v, want all of it", v)
			}
			for _, e := range v.Examples {
				ours, theirs, rewritten := e.Case.ours(t), sim.ask(t, e.Case), e.Case.rewritten(t, r.apply).ours(t)
				if ours != e.Ours || theirs != e.Simulator || ours == theirs || rewritten != theirs {
					t.Errorf("%s: got ours %s, simulator %s, rewritten %s, want %s, %s, %[6]s", e.Case, ours, theirs, rewritten, e.Ours, e.Simulator)
				}
			}
		})
	}
	files, err := filepath.Glob("verdicts/*")
	if err != nil || len(files) != len(rewrites) {
		t.Errorf("verdicts: got %d files, %v, want one for each of %d rewrites", len(files), err, len(rewrites))
	}
}
