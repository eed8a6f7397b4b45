//go:build unix

package control_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

// FuzzRequestBody sends bodies to the calls that read one, as a user without
// Steer. Whatever they say, the daemon is asked only for what that user may
// have, and answers every one of them.
func FuzzRequestBody(f *testing.F) {
	for _, body := range []string{
		`{"app":"claude","hash":"` + hash + `","ttl_ns":1000000000,"warm":true}`,
		`{"app":"cli","profile":"readonly","hash":"` + hash + `"}`,
		`{"app":"claude","user":"jane","hash":"` + hash + `"}`,
		`{"App":"claude","APP":"uploader","hash":"` + strings.ToUpper(hash) + `","ttl_ns":1e9}`,
		`{"app":"claude","profile":"readonly","for_ns":1000000000}`, `{"app":"claude","back":true}`, `{"app":"claude","n":3}`, `{"n":1001}`,
		`{"app":"claude","id":"mine","hash":"` + hash + `","ttl_ns":1000000000,"overlap_ns":-1}`,
		`{"app":"claude","id":"mine"}`, `{"app":"claude"}`, `{}`, `null`, `[]`, `"`, ``, "{}{}", "\xff", `{"app":null}`,
	} {
		f.Add(body)
	}
	d := newDaemon(control.Vend)
	path, _ := d.serve(f, 0o600)
	f.Fuzz(func(t *testing.T, body string) {
		for _, call := range []string{"/issue", "/hold", "/revoke", "/tokens", "/reload",
			"/login", "/finish", "/code", "/logout", "/lock", "/check-source", "/refresh",
			"/use", "/why", "/rotate", "/adopt"} {
			if status, said := raw(t, path, post(call, body)); status != 200 && (said == "" || status < 400) {
				t.Errorf("%s %q: got %d %q, want an answer with words", call, body, status, said)
			}
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, got := range d.asked {
			sum, err := hex.DecodeString(got.Hash)
			own := got.User == me() && (got.App == "claude" && got.Profile == "" || got.App == "cli" && got.Profile == "readonly")
			if err != nil || len(sum) != 32 || !own || got.Steer || got.Expires.After(noon.Add(time.Hour)) || !got.Expires.After(noon) {
				t.Errorf("%q: the daemon was asked for %+v", body, got)
			}
		}
		if len(d.used)+len(d.rotated) > 0 {
			t.Errorf("%q: the daemon was steered: %+v %+v", body, d.used, d.rotated)
		}
		for _, got := range d.revoked {
			if app, id, _ := strings.Cut(got, "/"); id == "" || app != "claude" && app != "cli" {
				t.Errorf("%q: the daemon was asked to revoke %q", body, got)
			}
		}
		d.asked, d.revoked, d.tokens = nil, nil, newDaemon(0).tokens
	})
}
