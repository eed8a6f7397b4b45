//go:build policies

package policies

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/vendord/vendord/policy"
)

// TestManaged reads every AWS-managed policy that moto ships. AWS accepted
// them, so an Error would be a mistake of ours; and minified they must mean
// the same.
func TestManaged(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), environment(t, "PYTHON"), "managed.py")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("managed.py: %v", err)
	}
	all, warnings := 0, map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan(); all++ {
		var managed struct {
			Name     string
			Document json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &managed); err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Parse(managed.Document); err != nil {
			t.Errorf("%s: Parse: %v", managed.Name, err)
		}
		for _, f := range policy.Check(managed.Document, policy.Options{}) {
			if warnings[f.Code]++; f.Level == policy.Error {
				t.Errorf("%s: Check: %s", managed.Name, f)
			}
		}
	}
	if all < 1400 || lines.Err() != nil {
		t.Errorf("managed.py: got %d policies, %v, want more than 1400", all, lines.Err())
	}
	t.Logf("%d policies; warnings: %v", all, warnings)
}
