package server_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/vendord/vendord/server"
)

// The themes are of requests to vendord's own endpoint. Here they go to the others', which
// speak like services of AWS's; what only those have is in tests of their own.

// startKind starts a server that speaks like one of AWS's endpoints for containers.
func startKind(kind server.Kind) open {
	return func(tb testing.TB, g get) *world {
		return startAs(tb, listening(tb), server.Endpoint{Kind: kind}, g, nil)
	}
}

// startWithoutSession starts a metadata service for our own user, whose app needs no
// session token: nothing but the guard is between a request and the credentials.
func startWithoutSession(tb testing.TB, g get) *world {
	tb.Helper()
	w := startMetadata(tb, g, self("imdsv1 = true"))
	w.path, w.body = roles+"upload", goldenRole
	return w
}

// atECS is what differs where paths may have ids.
var atECS = map[string]verdict{
	"a version to come": {400, "NoIdInRequest", "path: has no id; hint: ask /v2/credentials/ID; vendord token issue APP --path makes one", false, false},
}

// onEC2 are the rows that a program on EC2 may send as well, with how what they get begins.
// Without a token those of the theme "tokens" are all honest.
var onEC2 = map[string]string{
	"HEAD":               "",
	"a slash at the end": goldenRole,
	"EC2 metadata":       "upload",
	"no path":            "1.0\n",
}

// TestHostileRequestsToMetadata sends each row to EC2's metadata service: nothing is got
// by it, and an honest caller is answered at once.
func TestHostileRequestsToMetadata(t *testing.T) {
	w := startWithoutSession(t, always(credentials(nil)))
	met := map[string]bool{}
	for _, theme := range themes {
		for _, r := range theme.rows {
			if theme.name == "tokens" || r.want.status == http.StatusOK {
				continue
			}
			t.Run(theme.name+"/"+r.name, func(t *testing.T) {
				defer w.honest(t)
				status, body := w.rawly(t, r)
				if want, may := onEC2[r.name]; may {
					met[r.name] = true
					if status != http.StatusOK || !strings.HasPrefix(body, want) {
						t.Errorf("got %d %q, want 200 and %q", status, body, want)
					}
					return
				}
				if status == http.StatusOK || strings.Contains(body, "canary") || strings.Contains(body, "evil") {
					t.Errorf("got %d %s, want a refusal", status, body)
				}
			})
		}
	}
	if len(met) != len(onEC2) {
		t.Errorf("met %v, want all of %v", met, onEC2)
	}
	w.wroteNoSecret(t)
}

// rawly sends a row over a connection of its own, and returns the first answer, if there
// is one.
func (w *world) rawly(t *testing.T, r row) (status int, body string) {
	t.Helper()
	c := w.dialFor(t)
	if _, err := io.WriteString(c, w.bytes(r.sent)); err != nil {
		t.Fatalf("sending: %v", err)
	}
	_ = c.CloseWrite() // or what has no end would be waited for
	method, _, _ := strings.Cut(r.sent, " ")
	response, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return 0, ""
	}
	text, _ := io.ReadAll(response.Body)
	for name := range response.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Location" || name == "Set-Cookie" {
			t.Errorf("got the header %s: %s", name, response.Header.Get(name))
		}
	}
	return response.StatusCode, string(text)
}
