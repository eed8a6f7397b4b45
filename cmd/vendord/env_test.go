package main

import "testing"

func TestLookupTakesTheLast(t *testing.T) {
	if got := lookup([]string{"A=1", "AB=3", "A=2"}, "A"); got != "2" {
		t.Errorf("lookup: got %q, want %q", got, "2")
	}
}

func TestQuoting(t *testing.T) {
	hostile := `it's $(touch /x) "\`
	for shell, want := range map[string]string{
		"sh":         `export A='it'\''s $(touch /x) "\'`,
		"fish":       `set -gx A 'it\'s $(touch /x) "\\'`,
		"powershell": `$Env:A = 'it''s $(touch /x) "\'`,
	} {
		if got := shellWriters[shell].set("A", hostile); got != want {
			t.Errorf("%s: got %s, want %s", shell, got, want)
		}
	}
}
