//go:build policies

package policies

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// environment returns what the script run must have set.
func environment(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("$%s is not set: use conformance/policies/run", name)
	}
	return value
}

func number(t testing.TB, name string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(environment(t, name), 10, 63)
	if err != nil {
		t.Fatalf("$%s: %v", name, err)
	}
	return n
}

// simulator is @cloud-copilot/iam-simulate, running.
type simulator struct {
	in    io.Writer
	lines *bufio.Scanner
}

func startSimulator(t testing.TB) *simulator {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), environment(t, "NODE"), environment(t, "SIMULATE"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return &simulator{in: in, lines: bufio.NewScanner(out)}
}

// ask returns what the simulator decides. It fails for a case that the
// simulator refuses: an error is no answer, and must not count as one.
func (s *simulator) ask(t testing.TB, c testCase) string {
	t.Helper()
	decision, refusal := s.try(t, c)
	if decision == "" {
		t.Fatalf("the simulator refuses %s: %s", c, refusal)
	}
	return decision
}

func (s *simulator) try(t testing.TB, c testCase) (decision, refusal string) {
	t.Helper()
	if _, err := io.WriteString(s.in, c.String()+"\n"); err != nil || !s.lines.Scan() {
		t.Fatalf("the simulator is gone: %v, %v", err, s.lines.Err())
	}
	var answer struct{ Decision, Error string }
	if err := json.Unmarshal(s.lines.Bytes(), &answer); err != nil {
		t.Fatalf("the simulator: %s: %v", s.lines.Text(), err)
	}
	return answer.Decision, answer.Error
}
