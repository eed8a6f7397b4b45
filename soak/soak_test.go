package main

import (
	"strings"
	"testing"
)

// Three seconds of soak show that it still runs; the soak itself is for CI, on
// demand, and for whoever changes how vendord lives.
func TestSoak(t *testing.T) {
	var out, errs strings.Builder
	if err := run(t.Context(), []string{"-for", "3s", "-seed", "7"}, &out, &errs); err != nil {
		t.Fatalf("soak: got %v\n%s%s", err, out.String(), errs.String())
	}
	for _, want := range []string{"seed 7", "(200 ", "401 NotRecognized for a bad token", "all fresh after"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("soak: got no %q in\n%s", want, out.String())
		}
	}
}
