package install_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
)

// needsAnalyze skips a test where there is no systemd to ask, but not in CI.
func needsAnalyze(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must run this with Debian's systemd: conformance/install systemd")
		}
		t.Skip("it takes systemd-analyze")
	}
}

// laidOut writes units into a directory of their own. systemd looks whether the
// program is there: another one stands for it.
func laidOut(t *testing.T, s install.Service, program string) string {
	t.Helper()
	files, err := s.Systemd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, file := range files {
		text := strings.ReplaceAll(file.Text, "=/usr/local/bin/vendord", "="+program)
		text = strings.ReplaceAll(text, "+/usr/local/bin/vendord", "+"+program)
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file.Path)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSystemdTakesTheUnits(t *testing.T) {
	needsAnalyze(t)
	for name, s := range golden() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !s.System {
				program := filepath.Join(t.TempDir(), "é x 100%")
				if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
					t.Fatal(err)
				}
				s.Binary = program
			}
			dir := laidOut(t, s, "/bin/true")
			args := []string{"verify", "--recursive-errors=yes"}
			if !s.System {
				args = append(args, "--user")
			}
			units, _ := filepath.Glob(filepath.Join(dir, "*"))
			cmd := exec.CommandContext(t.Context(), "systemd-analyze", append(args, units...)...)
			cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
			if out, err := cmd.CombinedOutput(); err != nil || len(strings.TrimSpace(string(out))) > 0 {
				t.Errorf("systemd-analyze verify: got %v: %s", err, out)
			}
		})
	}
}

// TestExposure bounds what systemd thinks of the sandbox, in tenths. A user's own
// service has no name space of its own, and is not measured by what it cannot have.
func TestExposure(t *testing.T) {
	needsAnalyze(t)
	for name, s := range golden() {
		if !s.System {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			most := "15"
			if s.Needs.Exe {
				most = "20"
			}
			dir := laidOut(t, s, "/bin/true")
			if len(s.Needs.Link) > 0 {
				exposure(t, filepath.Join(dir, "vendord-net.service"), "15")
			}
			exposure(t, filepath.Join(dir, "vendord.service"), most)
		})
	}
}

// exposure bounds it for one unit.
func exposure(t *testing.T, unit, most string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+most, unit).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil {
		t.Errorf("systemd-analyze security: got %v, want %s at most:\n%s", err, most, out)
	}
	t.Log(lines[len(lines)-1])
}
