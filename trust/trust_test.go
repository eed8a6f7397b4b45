package trust_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vendord/vendord/trust"
)

func TestFault(t *testing.T) {
	for _, test := range []struct {
		fault       trust.Fault
		text, hints string
	}{
		{trust.Fault{Path: "/a", Problem: "is odd", Hint: "mend it"}, "/a: is odd", "mend it, or use another"},
		{trust.Fault{Path: "/a", Problem: "is odd"}, "/a: is odd", "use another"},
	} {
		if got := test.fault.Error(); got != test.text {
			t.Errorf("Error: got %q, want %q", got, test.text)
		}
		if got := test.fault.HintOr("use another"); got != test.hints {
			t.Errorf("HintOr: got %q, want %q", got, test.hints)
		}
	}
}

// TestExists is what Check tells on every system.
func TestExists(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]bool{dir: true, filepath.Join(dir, "a"): false, filepath.Join(dir, "a", "b"): false} {
		if exists, fault := trust.Check(path, os.Geteuid()); exists != want || fault != nil {
			t.Errorf("Check(%s): got %v %v, want %v and no fault", path, exists, fault, want)
		}
	}
}
