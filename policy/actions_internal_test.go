package policy

import (
	"slices"
	"strings"
	"testing"
)

// The tables are not exported, so their test is inside.

func TestActionTables(t *testing.T) {
	for name, table := range map[string][]string{"objects": s3ObjectActions, "buckets": s3BucketActions, "account": s3AccountActions,
		"other": s3OtherActions, "sts": stsActions, "iam": iamActions} {
		if !slices.IsSorted(table) || len(slices.Compact(slices.Clone(table))) != len(table) {
			t.Errorf("%s: the names are not sorted, each once", name)
		}
		for _, action := range table {
			if strings.Trim(action, lettersAndDigits) != "" || action[0] < 'A' || action[0] > 'Z' {
				t.Errorf("%s: %q is no name of an action", name, action)
			}
		}
	}
	s3 := slices.Sorted(slices.Values(actionNames("s3")))
	if len(slices.Compact(s3)) != 180 {
		t.Errorf("s3: got %d actions, want 180", len(slices.Compact(s3)))
	}
}

func TestOtherNames(t *testing.T) {
	for action, hint := range otherNames {
		service, name, _ := strings.Cut(action, ":")
		if matchesOneOf(name, actionNames(service)) {
			t.Errorf("%s is an action of its own", action)
		}
		for word := range strings.FieldsFuncSeq(hint, func(r rune) bool { return r == ' ' || r == ',' }) {
			if name, ok := strings.CutPrefix(word, "s3:"); ok && !matchesOneOf(name, actionNames("s3")) {
				t.Errorf("%s: the hint names %s, which is no action", action, word)
			}
		}
	}
}
