package policy_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vendord/vendord/policy"
)

func TestMatch(t *testing.T) {
	for _, row := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"a", "", false}, {"*", "", true}, {"?", "", false},
		{"*", "anything: /at\nall", true}, {"**", "", true}, {"?", "é", true}, {"?", "😀", true}, {"??", "é", false},
		{"a*c", "abbc", true}, {"a*c", "abcb", false}, {"a*b*c", "a-b-b-c", true}, {"*a", "ba", true}, {"*a", "ab", false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"A", "a", false}, {"[ab]", "a", false}, {`\*`, `\x`, true}, {"a.c", "abc", false},
		{"\xff", "\xff", true}, {"\xff", "\xfe", false}, {"\xff", "\ufffd", false}, {"?", "\xff", true},
	} {
		if got := policy.Match(row.pattern, row.text); got != row.want {
			t.Errorf("Match(%q, %q): got %t, want %t", row.pattern, row.text, got, row.want)
		}
	}
}

// TestMatchIsQuick gives patterns on which a matcher that tries every way of
// dividing the text among the wildcards takes longer than the universe.
func TestMatchIsQuick(t *testing.T) {
	start := time.Now()
	pattern, text := strings.Repeat("*a", 40)+"b", strings.Repeat("a", 2048)
	if policy.Match(pattern, text) {
		t.Errorf("Match(%q, …): got true, want false", pattern)
	}
	segments := "arn:aws:s3:" + strings.Repeat("*a", 40) + ":*:" + pattern
	d := &policy.Document{Statements: []policy.Statement{{Allow: true, Actions: []string{"*"}, Resources: []string{segments}}}}
	resource := "arn:aws:s3:" + text + ":" + text + ":" + text
	if got := policy.Evaluate(policy.Question{Action: "s3:GetObject", Resource: resource}, d); got.Decision != policy.ImplicitDeny {
		t.Errorf("Evaluate(… on %q): got %s, want implicit deny", segments, got.Decision)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("matching took %s", took)
	}
}

// slowMatch is Match, written to be read: at each * it tries every length.
func slowMatch(pattern, text []rune) bool {
	switch {
	case len(pattern) == 0:
		return len(text) == 0
	case pattern[0] == '*':
		for n := range len(text) + 1 {
			if slowMatch(pattern[1:], text[n:]) {
				return true
			}
		}
		return false
	case len(text) == 0:
		return false
	default:
		return (pattern[0] == '?' || pattern[0] == text[0]) && slowMatch(pattern[1:], text[1:])
	}
}

func FuzzMatch(f *testing.F) {
	for _, pattern := range []string{"", "*", "a*b?c*", "s3:Get*", "?*?"} {
		f.Add(pattern, "s3:GetObject")
		f.Add(pattern, "aXbYcZ")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 12 || len(text) > 12 || !utf8.ValidString(pattern) || !utf8.ValidString(text) {
			return
		}
		if got, want := policy.Match(pattern, text), slowMatch([]rune(pattern), []rune(text)); got != want {
			t.Errorf("Match(%q, %q): got %t, want %t", pattern, text, got, want)
		}
	})
}

// slowResource matches a resource's pattern as AWS describes it: wildcards
// stay within the first five parts, but for a * that ends a part.
func slowResource(pattern, text []rune, colons int) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	inside := colons < 5
	switch p := pattern[0]; {
	case p == '*':
		crosses := !inside || len(pattern) == 1 || pattern[1] == ':'
		for n := 0; ; n++ {
			if slowResource(pattern[1:], text[n:], colons) {
				return true
			}
			if n == len(text) || text[n] == ':' && !crosses {
				return false
			}
		}
	case len(text) == 0:
		return false
	case p == '?':
		return (!inside || text[0] != ':') && slowResource(pattern[1:], text[1:], colons)
	case p == ':':
		colons++
	}
	return pattern[0] == text[0] && slowResource(pattern[1:], text[1:], colons)
}

func FuzzResource(f *testing.F) {
	f.Add("arn:aws:s3:::b/*", "arn:aws:s3:::b/x")
	f.Add("a:*:?:*b:*c*:*:d?*", "a:b:c:xb:ycz:1:dd:e")
	f.Add("*a:*", "ba:c:d")
	f.Add("a*b*:c*", "axbb:cc")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 20 || len(text) > 20 || text == "" || !utf8.ValidString(pattern) || !utf8.ValidString(text) {
			return
		}
		d := &policy.Document{Statements: []policy.Statement{{Allow: true, Actions: []string{"*"}, Resources: []string{pattern}}}}
		got := policy.Evaluate(policy.Question{Action: "a:b", Resource: text}, d).Decision == policy.Allowed
		if want := slowResource([]rune(pattern), []rune(text), 0); got != want {
			t.Errorf("Evaluate(a:b on %q) with %q: got %t, want %t", text, pattern, got, want)
		}
	})
}
