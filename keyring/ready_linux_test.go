package keyring

import (
	"errors"
	"path/filepath"
	"testing"
)

// No bus is ever started: an address that asks for one is none.
func TestHasBus(t *testing.T) {
	there, nowhere := t.TempDir(), filepath.Join(t.TempDir(), "bus")
	for name, test := range map[string]struct {
		address, usual string
		want           bool
	}{
		"in the environment": {"unix:path=/x", nowhere, true},
		"at the usual place": {"", there, true},
		"nowhere":            {"", nowhere, false},
		"only to be started": {"autolaunch:", there, false},
	} {
		if got := hasBus(test.address, test.usual); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func TestNoBus(t *testing.T) {
	for name, address := range map[string]string{"nobody listens": "unix:path=" + filepath.Join(t.TempDir(), "bus"), "to be started": "autolaunch:"} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		if _, err := New().Get(t.Context(), "source/john"); !errors.Is(err, ErrAbsent) {
			t.Errorf("%s: got %v, want ErrAbsent", name, err)
		}
	}
}
