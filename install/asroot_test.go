package install_test

import (
	"os"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
	"github.com/vendord/vendord/session"
)

// What a user is told to type is found by sudo, also before anything is installed.
func TestWhoIsNotRootIsToldWhatToType(t *testing.T) {
	s := install.Systemd{System: true, UID: 4711, Units: t.TempDir(), Runtime: t.TempDir()}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Check(t.Context(), install.Plan{})
	if hint := session.AsError(firstOf(err)).Hint; !strings.HasPrefix(hint, "sudo "+install.ShellWords(self)+" service install --system, or have one of your own: vendord service install --user") {
		t.Errorf("install: got hint %q, want this program by its path", hint)
	}
	if hint := session.AsError(s.Stop(t.Context())).Hint; hint != "sudo vendord service stop --system, or have one of your own: vendord service stop --user" {
		t.Errorf("stop: got hint %q", hint)
	}
}

// firstOf is the first of joined errors.
func firstOf(err error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()[0]
	}
	return err
}
