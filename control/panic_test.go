//go:build unix

package control_test

import (
	"context"
	"strings"
	"testing"

	"github.com/vendord/vendord/control"
)

// What a call panics with may hold a code or a token: it is neither answered nor
// logged, not even for debugging.
func TestPanicSaysNothing(t *testing.T) {
	const secret = "CANARY/inside+wJalrXUtnFEMI"
	d := newDaemon(control.Steer)
	config := d.config()
	config.Code = func(context.Context, string, string) (control.LoggedIn, error) { panic(secret) }
	path, _ := d.serveWith(t, 0o600, config)
	c, err := control.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Code(t.Context(), "john", "123456")
	if got := said(err); !strings.Contains(got, "daemon: it made a mistake") || !strings.Contains(got, "report it with what the log says") {
		t.Errorf("Code: got %q, want to be told of the mistake", got)
	}
	if text := d.logged(); strings.Contains(text, secret) || !strings.Contains(text, "type=string") {
		t.Errorf("log: got %s, want the type alone", text)
	}
}
