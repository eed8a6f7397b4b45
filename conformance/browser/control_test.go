//go:build browser

package browser

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// canary is what control gives away.
const canary = "CANARY-7c1f"

// control is the server that vendord must not be: it answers everyone, lets
// every origin read it, and gives each attack the kind of answer in which that
// attack can find something.
type control struct {
	at    endpoint
	token string // the one that is right
	mu    sync.Mutex
	kind  string
	came  []arrival
}

// answerWith sets the kind of answer, and forgets who came.
func (c *control) answerWith(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kind, c.came = kind, nil
}

func (c *control) arrivals() []arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.came
}

func (c *control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	kind := c.kind
	c.came = append(c.came, arrival{host: r.Host, metadata: r.Header.Get("Sec-Fetch-Site") != ""})
	c.mu.Unlock()
	open(w, r)
	if r.Method == http.MethodOptions {
		return
	}
	exists := c.at.has(r.URL.Path)
	token := r.Header.Get(c.at.header)
	if _, password, basic := r.BasicAuth(); basic {
		token = password
	}
	switch {
	case !exists && kind == "cut":
		panic(http.ErrAbortHandler) // an error that even an opaque answer shows
	case !exists:
		http.Error(w, "no such profile", http.StatusNotFound)
	case token != "" && token != c.token:
		http.Error(w, "wrong token", http.StatusForbidden)
	case kind == "slow":
		time.Sleep(20 * time.Millisecond)
	case kind == "socket":
		upgrade(w, r)
	default:
		w.Header().Set("Content-Type", kinds[kind].mime)
		_, _ = w.Write([]byte(kinds[kind].body))
	}
}

// open allows whatever a server can allow.
func open(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	origin := r.Header.Get("Origin")
	if origin == "" {
		origin = "*"
	}
	for name, value := range map[string]string{
		"Access-Control-Allow-Origin":          origin,
		"Access-Control-Allow-Credentials":     "true",
		"Access-Control-Allow-Methods":         "GET, HEAD, PUT, POST",
		"Access-Control-Allow-Headers":         r.Header.Get("Access-Control-Request-Headers"),
		"Access-Control-Allow-Private-Network": "true",
		"Access-Control-Expose-Headers":        "X-Attacker",
		"Timing-Allow-Origin":                  "*",
		"Service-Worker-Allowed":               "/",
		"Cache-Control":                        "no-store",
		"Connection":                           "close", // no answer over a connection to who stood there before
	} {
		h.Set(name, value)
	}
}

var kinds = map[string]struct{ mime, body string }{
	"cut":    {"text/plain", canary},
	"text":   {"application/json", `{"SecretAccessKey":"` + canary + `"}`},
	"script": {"text/javascript", "self.canary = '" + canary + "'"},
	"style":  {"text/css", ":root { --canary: " + canary + " }"},
	"page":   {"text/html", "<script>(opener ?? parent).postMessage('" + canary + "', '*')</script>"},
	"image":  {"image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" width="17" height="17"/>`},
	"sound":  {"audio/wav", wav()},
	"events": {"text/event-stream", "data: " + canary + "\n\n"},
}

// wav is an eighth of a second of silence.
func wav() string {
	const samples = 1000
	b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, 36+samples)...)
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, samples)
	return string(b) + strings.Repeat("\x80", samples)
}

// upgrade accepts a WebSocket and says the canary (RFC 6455).
func upgrade(w http.ResponseWriter, r *http.Request) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	_, _ = fmt.Fprintf(conn, "\x81%c%s", len(canary), canary)
	_, _ = bufio.NewReader(conn).ReadByte() // until the page closes
}

// stranger is any other server on the machine, which refuses in its own words.
func stranger(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "close")
	http.Error(w, "Forbidden: you have no business here", http.StatusForbidden)
}
