//go:build unix

package control_test

import (
	"strings"
	"testing"

	"github.com/vendord/vendord/control"
)

// The text of a policy is for who steers: the daemon asks with its sources'
// rights.
func TestFetchPolicy(t *testing.T) {
	d := newDaemon(control.Steer)
	path, _ := d.serve(t, 0o600)
	got, err := dial(t, path).FetchPolicy(t.Context(), "readonly", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	want := control.PolicyText{Document: "readonly arn:aws:iam::aws:policy/ReadOnlyAccess", Version: "v1"}
	if err != nil || got != want {
		t.Errorf("FetchPolicy: got %+v, %v, want %+v", got, err, want)
	}
	d = newDaemon(control.Vend | control.See)
	path, _ = d.serve(t, 0o600)
	_, err = dial(t, path).FetchPolicy(t.Context(), "readonly", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	if err == nil || !strings.Contains(err.Error(), "policy: only the owner (or root and operators) may steer") {
		t.Errorf("FetchPolicy by who may not steer: got %v, want a refusal", err)
	}
}

// Whoever may not steer can make none of the calls that do, whatever they send,
// and nothing of the daemon's is asked.
func TestOnlyWhoSteers(t *testing.T) {
	d := newDaemon(control.Vend | control.See)
	path, _ := d.serveAs(t, nil)
	for _, call := range []string{"reload", "policy", "dump", "login", "finish", "code", "logout", "lock", "check-source", "refresh", "sources", "use", "rotate", "adopt"} {
		request := post("/"+call, `{"locked":false}`)
		if call == "sources" {
			request = get("/sources", "Host: vendord", "Vendord-Control: 1")
		}
		status, said := raw(t, path, request)
		if status != 403 || !strings.HasPrefix(said, call+": only the owner (or root and operators) may steer") {
			t.Errorf("%s: got %d %s, want 403: only the owner may steer", call, status, said)
		}
	}
}
