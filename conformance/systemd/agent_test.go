//go:build machine

package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// section is what the example's README has root type; line is a line of it that is
// typed, and what is said about it.
var (
	section = regexp.MustCompile(`(?ms)^As root, on Linux\.(.*?)^## `)
	line    = regexp.MustCompile(`(?m)^    (.*?)(?:  +# (.*))?$`)
)

// TestAgentExample types what the README of examples/agent says, word for word.
func TestAgentExample(t *testing.T) {
	dir := machine.Example(t, "agent")
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	part := section.FindSubmatch(readme)
	if part == nil {
		t.Fatalf("the README has no such section: %s", readme)
	}
	lines := line.FindAllStringSubmatch(string(part[1]), -1)
	if len(lines) < 12 {
		t.Fatalf("got %d lines of the README, want all", len(lines))
	}
	for _, l := range lines {
		fails := strings.HasPrefix(l[2], "denied") || strings.HasPrefix(l[2], "refused")
		if !fails && l[2] != "" && !strings.HasPrefix(l[2], "works") {
			t.Errorf("%s: said to be %q, want works, denied or refused", l[1], l[2])
		}
		out, err := typed(dir, l[1])
		if (err != nil) != fails {
			t.Errorf("%s: got %v, %s; it is said to be %q", l[1], err, out, l[2])
		}
	}
}

// typed runs a line as root types it.
func typed(dir, line string) (string, error) {
	cmd := exec.Command("bash", "-c", line)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestAgent has the agent's user try everything, on a machine that systemd manages:
// what cmd/vendord tests wherever it is tested.
func TestAgent(t *testing.T) {
	cmd := exec.Command("/mnt/cmd/vendord/vendord.test", "-test.run=^TestAgent$", "-test.v")
	cmd.Dir = "/mnt/cmd/vendord"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
