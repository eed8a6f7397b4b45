package policy

import "testing"

// FuzzDisjoint: two patterns that match one text are not disjoint, and whoever
// is first makes no difference.
func FuzzDisjoint(f *testing.F) {
	f.Add("arn:aws:s3:::*/secret/*", "arn:aws:s3:::b/public/*", "arn:aws:s3:::b/public/secret/x")
	f.Add("*a*", "*b", "ab")
	f.Add("a:*:c:d:e:${k:a}/x", "a:b:c:d:e:?*/?", "a:b:c:d:e:z/x")
	f.Fuzz(func(t *testing.T, p, q, text string) {
		if len(p)+len(q)+len(text) > 300 {
			return
		}
		one, _ := compileVariables(nil, p, inResource, unknown)
		other, _ := compileVariables(nil, q, inResource, unknown)
		if got, again := one.disjoint(other), other.disjoint(one); got != again {
			t.Errorf("disjoint(%q, %q): got %t, and %t the other way round", p, q, got, again)
		}
		values := func(g glob, v variable) (glob, bool) { return characters(g, "z"), true }
		a, _ := compileVariables(nil, p, inResource, values)
		b, _ := compileVariables(nil, q, inResource, values)
		c := characters(nil, text)
		if text != "" && a.covers(c) && b.covers(c) && one.disjoint(other) {
			t.Errorf("disjoint(%q, %q): got true, and both match %q", p, q, text)
		}
	})
}

func TestDisjoint(t *testing.T) {
	for _, row := range []struct {
		p, q string
		want bool
	}{
		{"", "", false}, {"", "*", false}, {"a", "b", true}, {"a*", "b*", true}, {"a*", "*b", false}, {"*a", "*b", true},
		{"arn:aws:s3:::*/secret/*", "arn:aws:s3:::b/public/x", true}, {"arn:aws:s3:::*/secret/*", "arn:aws:s3:::b/public/*", false},
		{"a?c", "abc", false}, {"a?c", "ac", true}, {"a??", "a?", true}, {"a?*", "a", true},
		{"arn:a*s:s3:::b", "arn:a:x:s:s3:::b", true}, {"arn:a*:s3:::b", "arn:a:x:s3:::b", false}, {"x:y:z:1:2:${k:a}", "x:y:z:1:2:anything", false},
	} {
		one, _ := compileVariables(nil, row.p, inResource, unknown)
		other, _ := compileVariables(nil, row.q, inResource, unknown)
		if got := one.disjoint(other); got != row.want {
			t.Errorf("disjoint(%q, %q): got %t, want %t", row.p, row.q, got, row.want)
		}
	}
}
