package near_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/near"
)

// FuzzName: what was meant is a name that is known, the same in whatever order
// they are known, and the name itself where it is one of them.
func FuzzName(f *testing.F) {
	f.Add("regoin", "region,role_arn,duration")
	f.Add("duration_seconds", "duration,region")
	f.Add("", ",")
	f.Add(strings.Repeat("x", 500), strings.Repeat("x", 499))
	f.Add("\xff\u0130", "\xfe,i\u0307")
	f.Fuzz(func(t *testing.T, name, list string) {
		known := strings.Split(list, ",")
		got := near.Name(name, known)
		if got != "" && !slices.Contains(known, got) {
			t.Errorf("Name(%q, %q): got %q, which is not known", name, known, got)
		}
		reversed := slices.Clone(known)
		slices.Reverse(reversed)
		if other := near.Name(name, reversed); other != got {
			t.Errorf("Name(%q, %q): got %q, and %q in another order", name, known, got, other)
		}
		if len(known) == 1 && known[0] == name && got != name {
			t.Errorf("Name(%q) of itself: got %q", name, got)
		}
	})
}
