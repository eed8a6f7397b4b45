package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Whose addresses net is about, where nobody says.
func TestNetOfSystem(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none", "vendord.toml")
	file := filepath.Join(t.TempDir(), "vendord.toml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name        string
		uid         int
		own, system string
		want        bool
	}{
		{"root's are the machine's", 0, file, none, true},
		{"a user's own, where there are such", 1000, file, file, false},
		{"the machine's, for a user who has none", 1000, none, file, true},
		{"a user's own, which is then said to be missing", 1000, none, none, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := netOfSystem(row.uid, row.own, row.system); got != row.want {
				t.Errorf("netOfSystem: got %v, want %v", got, row.want)
			}
		})
	}
}
