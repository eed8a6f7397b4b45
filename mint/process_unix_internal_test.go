//go:build unix

package mint

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

// A command that ended by itself at the moment when time was up has not failed.
func TestAloneCancelAfterTheEnd(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "true")
	alone(cmd)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Cancel(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Cancel: got %v, want %v", err, os.ErrProcessDone)
	}
}
