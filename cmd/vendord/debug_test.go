package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/server"
)

// TestDumpsHoldNoSecret looks for recognisable secrets in every dump of a daemon
// that has them in memory and is handing them out.
func TestDumpsHoldNoSecret(t *testing.T) {
	d := startDaemon(t)
	token, spec := newToken(control.TokenSpec{App: "agent", TTL: time.Hour, Warm: true})
	issued, err := d.client.Issue(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := server.Fetch(t.Context(), issued.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	secret, sessionToken := credentials.Reveal()
	canaries := map[string]string{"john's key": exampleKey().Secret, "a session's key": secret,
		"a session token": sessionToken, "a token": token, "a token's hash": spec.Hash}
	queries := []control.Dump{{Name: "goroutine", Text: true}}
	for _, name := range control.Dumps {
		q := control.Dump{Name: name}
		if q.Timed() {
			q.Seconds = 1
		}
		queries = append(queries, q)
	}
	for _, q := range queries {
		var got bytes.Buffer
		fetched := make(chan error, 1)
		go func() { // somebody has them on their way
			var err error
			for range 50 {
				if _, failed := server.Fetch(t.Context(), issued.URL, token); failed != nil {
					err = failed
				}
			}
			fetched <- err
		}()
		if err := d.client.Dump(t.Context(), q, &got); err != nil {
			t.Fatalf("Dump(%s): got %v", q.Name, err)
		}
		if err := <-fetched; err != nil {
			t.Fatalf("Fetch during %s: %v", q.Name, err)
		}
		text := unpacked(t, got.Bytes())
		if q.Name != "cpu" && !strings.Contains(text, "vendord/") {
			t.Errorf("Dump(%s): no function of vendord in %d bytes, so this test shows nothing", q.Name, len(text))
		}
		for what, canary := range canaries {
			if strings.Contains(text, canary) {
				t.Errorf("Dump(%s): holds %s", q.Name, what)
			}
		}
	}
}

// unpacked returns a profile as it is before it is compressed.
func unpacked(t *testing.T, b []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return string(b) // text, or a trace
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
