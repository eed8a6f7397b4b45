package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vendord/vendord/install"
)

// fakeSystemd puts a systemctl and a journalctl in front of this machine's, which
// keep what they know in $SYSTEMD. What they started ends with the script.
func fakeSystemd(ts *testscript.TestScript, _ bool, _ []string) {
	dir := filepath.Join(ts.Getenv("WORK"), "systemd")
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(os.WriteFile(filepath.Join(dir, "version"), []byte("Version=252.38-1~deb12u1\n"), 0o600))
	programs, err := filepath.Abs("testdata/systemd")
	ts.Check(err)
	ts.Setenv("SYSTEMD", dir)
	ts.Setenv("PATH", programs+string(filepath.ListSeparator)+ts.Getenv("PATH"))
	ts.Defer(func() {
		text, _ := os.ReadFile(filepath.Join(dir, "pid"))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && pid > 1 {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Signal(syscall.SIGTERM)
			}
		}
	})
}

// The last lines of a log are whatever a program wrote that ran as the service, such as
// a command of a source's: root's terminal obeys none of it.
func TestLogOfAServiceSteersNoTerminal(t *testing.T) {
	var said strings.Builder
	p := &program{stderr: &said}
	p.printLog(errors.Join(&install.NotStarted{Err: errors.New("it ended"), Log: []string{"\x1b]0;hostile\a\x1b[2J", "\u202elast\r"}}))
	if got := said.String(); !strings.Contains(got, "hostile") || !strings.Contains(got, "last") || strings.ContainsAny(got, "\x1b\a\r\u202e") {
		t.Errorf("the log: got %q, want it without what steers a terminal", got)
	}
}
