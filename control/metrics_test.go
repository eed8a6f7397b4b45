//go:build unix

package control_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/vendord/vendord/control"
)

const mayNotMeasure = `metrics: only the owner (or root and operators) may steer | ask one of them, or run a vendord of your own: vendord serve`

func metrics(ctx context.Context, c *control.Client) error { _, err := c.Metrics(ctx); return err }

func TestMetrics(t *testing.T) {
	path, _ := newDaemon(control.Steer).serve(t, 0o600)
	if got, err := dial(t, path).Metrics(t.Context()); err != nil || string(got) != "vendord_locked 0\n" {
		t.Errorf("Metrics: got %q, %v, want the text", got, err)
	}
}

// A collector, or curl, knows nothing of our version. A browser's page behind
// somebody's proxy is refused as everywhere, and so is another method.
func TestMetricsForAnybodysClient(t *testing.T) {
	path, _ := newDaemon(control.Steer).serve(t, 0o600)
	anybodys := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	defer anybodys.CloseIdleConnections()
	for _, test := range []struct {
		name, method, url, header string
		want                      int
	}{
		{"metrics", "GET", "http://vendord/metrics", "", 200},
		{"another method", "POST", "http://vendord/metrics", "", 400},
		{"another host", "GET", "http://localhost/metrics", "", 403},
		{"a browser", "GET", "http://vendord/metrics", "Origin", 403},
		{"another call", "GET", "http://vendord/status", "", 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), test.method, test.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.header != "" {
				r.Header.Set(test.header, "http://evil.example")
			}
			answer, err := anybodys.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != test.want {
				t.Fatalf("got %d, %v %s, want %d", answer.StatusCode, err, text, test.want)
			}
			if test.want == 200 && (string(text) != "vendord_locked 0\n" || answer.Header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8") {
				t.Errorf("got %q of type %q, want the text", text, answer.Header.Get("Content-Type"))
			}
		})
	}
}
