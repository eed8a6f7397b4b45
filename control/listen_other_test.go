//go:build !unix

package control_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/session"
)

// Where the system does not tell who connects, there is neither server nor
// client, and where there is no socket it is said that no daemon answers.
func TestNotSupported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if _, err := control.Dial(t.Context(), path); !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("Dial: got %v, want ErrNoDaemon", err)
	}
	want := "control socket " + path + ": not supported on " + runtime.GOOS + ": its sockets do not tell who is at the other end"
	if _, err := control.Listen(path, 0o600); session.AsError(err).Public != want {
		t.Errorf("Listen: got %v, want %s", err, want)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Dial(t.Context(), path); session.AsError(err).Public != want {
		t.Errorf("Dial: got %v, want %s", err, want)
	}
}
