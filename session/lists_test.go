package session_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/vendord/vendord/session"
)

// hostile is text that a careless form would cut, join or change.
var hostile = []string{"", " ", "a", "<b>&amp;</b>", `"`, `\`, `\"`, `','`, `","`, `["a"]`, "]", "a\nb", "\x00", "\u2028\u2029", "ü", "e\u0301",
	"\U0001F600", "\uFFFD", "null", "${aws:username}", "{{user}}", "\u202Egnp"}

func TestListAndItems(t *testing.T) {
	lists := [][]string{hostile, {""}, {"", ""}, {"b", "a"}, {"a", "b"}, {"a,b"}, {"a", "a"}}
	for _, text := range hostile {
		lists = append(lists, []string{text})
	}
	seen := map[string][]string{}
	for _, items := range lists {
		list := session.List(items)
		if got := session.Items(list); !slices.Equal(got, items) {
			t.Errorf("Items(List(%q)): got %q", items, got)
		}
		if other, ok := seen[list]; ok && !slices.Equal(other, items) {
			t.Errorf("List: got %q for %q and for %q", list, items, other)
		}
		seen[list] = items
	}
	for name, test := range map[string]struct {
		items []string
		want  string
	}{
		"nil":             {nil, ""},
		"none":            {[]string{}, ""},
		"an empty one":    {[]string{""}, `[""]`},
		"order is kept":   {[]string{"b", "a"}, `["b","a"]`},
		"as it is read":   {[]string{"<a>&b"}, `["<a>&b"]`},
		"quotes":          {[]string{`a"b`}, `["a\"b"]`},
		"more than ASCII": {[]string{"ü"}, `["ü"]`},
	} {
		if got := session.List(test.items); got != test.want {
			t.Errorf("List of %s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestPairsAndPairItems(t *testing.T) {
	m := map[string]string{}
	for i, key := range hostile {
		m[key] = hostile[len(hostile)-1-i]
	}
	pairs := session.PairItems(session.Pairs(m))
	back := map[string]string{}
	for _, pair := range pairs {
		back[pair[0]] = pair[1]
	}
	if !maps.Equal(back, m) || len(pairs) != len(m) {
		t.Errorf("PairItems(Pairs(%q)): got %q", m, pairs)
	}
	if !slices.IsSortedFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:1], b[:1]) }) {
		t.Errorf("PairItems: got %q, want them sorted by key", pairs)
	}
	for range 20 { // maps have no order
		if got := session.Pairs(maps.Clone(m)); got != session.Pairs(m) {
			t.Errorf("Pairs: got %s, then %s", session.Pairs(m), got)
		}
	}
	for name, test := range map[string]struct {
		m    map[string]string
		want string
	}{
		"nil":           {nil, ""},
		"none":          {map[string]string{}, ""},
		"empty text":    {map[string]string{"": ""}, `[["",""]]`},
		"sorted":        {map[string]string{"b": "1", "a": "2", "B": "3"}, `[["B","3"],["a","2"],["b","1"]]`},
		"as it is read": {map[string]string{"<": "&"}, `[["<","&"]]`},
	} {
		if got := session.Pairs(test.m); got != test.want {
			t.Errorf("Pairs of %s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestGarbageHasNoItems(t *testing.T) {
	for _, text := range []string{"", "x", "[", `["a"`, `["a"]x`, `["a",1]`, `{"a":"b"}`, `"a"`, "1", "null", "[[]"} {
		if got := session.Items(text); got != nil {
			t.Errorf("Items(%q): got %q, want nil", text, got)
		}
		if got := session.PairItems(text); got != nil {
			t.Errorf("PairItems(%q): got %q, want nil", text, got)
		}
	}
	if got := session.Items(`[["a","b"]]`); got != nil {
		t.Errorf("Items of pairs: got %q, want nil", got)
	}
	if got := session.PairItems(`["a","b"]`); got != nil {
		t.Errorf("PairItems of a list: got %q, want nil", got)
	}
}

// Whatever comes out can be put in again.
func FuzzItems(f *testing.F) {
	f.Add(session.List(hostile), "a", "b")
	f.Add(session.Pairs(map[string]string{"a": "<b>"}), "\"", "&")
	f.Add(`["a",1]`, "\xff", "")
	f.Fuzz(func(t *testing.T, text, a, b string) {
		items := session.Items(text)
		if got := session.Items(session.List(items)); !slices.Equal(got, items) {
			t.Errorf("Items(%q): got %q, then %q", text, items, got)
		}
		m := map[string]string{}
		for _, pair := range session.PairItems(text) {
			m[pair[0]] = pair[1]
		}
		if got := session.PairItems(session.Pairs(m)); len(got) != len(m) {
			t.Errorf("PairItems(%q): got %q, then %q", text, m, got)
		}
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		if got := session.Items(session.List([]string{a, b})); !slices.Equal(got, []string{a, b}) {
			t.Errorf("Items(List(%q, %q)): got %q", a, b, got)
		}
		if got := fmt.Sprintf("%q", session.PairItems(session.Pairs(map[string]string{a: b}))); got != fmt.Sprintf("[[%q %q]]", a, b) {
			t.Errorf("PairItems(Pairs(%q: %q)): got %s", a, b, got)
		}
	})
}
