package policy_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/vendord/vendord/policy"
)

func TestMinify(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{" {\n\t\"a\" : [ 1.50 , \"x y\" ] }\r\n", `{"a":[1.50,"x y"]}`},
		{`{"b": "<&>", "a": "\u003c\u20ac\/", "b": 1e3}`, `{"b":"<&>","a":"\u003c\u20ac\/","b":1e3}`},
		{"{\"a\": \"é\u2028\"}", "{\"a\":\"é\u2028\"}"},
	} {
		if got, err := policy.Minify([]byte(row.text)); got != row.want || err != nil {
			t.Errorf("Minify(%q): got %q, %v, want %q", row.text, got, err, row.want)
		}
	}
	if got, err := policy.Minify([]byte(`{"a": }`)); got != "" || err == nil || !strings.HasPrefix(err.Error(), "minifying the policy: ") {
		t.Errorf("Minify of no JSON: got %q, %v", got, err)
	}
}

// TestMinifyChangesNoVerdict asks every question of testdata/verdicts again.
func TestMinifyChangesNoVerdict(t *testing.T) {
	for _, v := range readVerdicts(t) {
		for i, text := range v.Policies {
			minified, err := policy.Minify(text)
			if err != nil {
				t.Fatal(err)
			}
			v.Policies[i] = json.RawMessage(minified)
		}
		docs := v.documents(t)
		for _, q := range v.Questions {
			checkVerdict(t, docs, q)
		}
	}
}

func FuzzMinify(f *testing.F) {
	for _, path := range glob(f, "testdata/good/*.json") {
		f.Add(readFile(f, path))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		once, err := policy.Minify(text)
		if (err == nil) != json.Valid(text) {
			t.Fatalf("Minify(%q): got %v, want valid %t", text, err, json.Valid(text))
		}
		if err != nil {
			return
		}
		if twice, err := policy.Minify([]byte(once)); twice != once || err != nil {
			t.Errorf("Minify(%q): got %q, %v", once, twice, err)
		}
		if len(once) > len(text) {
			t.Errorf("Minify(%q): got %q, which is longer", text, once)
		}
		if before, after := decoded(t, text), decoded(t, []byte(once)); !bytes.Equal(before, after) {
			t.Errorf("Minify(%q): got %q, which says %s, not %s", text, once, after, before)
		}
	})
}

// decoded returns what a JSON text says, numbers as they are written.
func decoded(t *testing.T, text []byte) []byte {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return again
}
