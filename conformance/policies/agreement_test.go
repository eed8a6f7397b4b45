//go:build policies

package policies

import (
	"maps"
	"slices"
	"testing"
)

// asTheySay asks policy about the case as the simulator reads it.
func (c testCase) asTheySay(t testing.TB) string {
	t.Helper()
	return c.rewritten(t, func(c *testCase) {
		for _, r := range rewrites {
			r.apply(c)
		}
	}).ours(t)
}

// verdicts returns the names of the verdicts that explain a disagreement: the
// first one whose rewrite alone does, else all that have to do with the case.
func (c testCase) verdicts(t testing.TB, theirs string) string {
	t.Helper()
	for _, r := range rewrites {
		if c.rewritten(t, r.apply).ours(t) == theirs {
			return r.verdict
		}
	}
	return "several together"
}

// TestAgreement puts $CASES random cases, made of $SEED, to both. Where the
// two differ, the verdicts must explain it; and as the simulator reads a case,
// there may be no difference in any.
func TestAgreement(t *testing.T) {
	seed, n := number(t, "SEED"), number(t, "CASES")
	sim := startSimulator(t)
	m := newMaker(seed)
	answers, explained, disagreements, unexplained := map[string]int{}, map[string]int{}, 0, 0
	for range n {
		c := m.testCase()
		ours, theirs := c.ours(t), sim.ask(t, c)
		answers[ours]++
		if ours != theirs {
			disagreements++
		}
		switch {
		case c.asTheySay(t) != theirs:
			if unexplained++; unexplained <= 30 {
				small := c.shrink(t, func(c testCase) bool {
					decision, _ := sim.try(t, c)
					return decision != "" && c.asTheySay(t) != decision
				})
				t.Errorf("ours %s, theirs %s, and no verdict explains it: %s", small.ours(t), sim.ask(t, small), small)
			}
		case ours != theirs:
			explained[c.verdicts(t, theirs)]++
		}
	}
	t.Logf("seed %d: %d cases, ours: %v", seed, n, answers)
	t.Logf("%d disagreements, %d without a verdict", disagreements, unexplained)
	for _, name := range slices.Sorted(maps.Keys(explained)) {
		t.Logf("%6d %s", explained[name], name)
	}
}
