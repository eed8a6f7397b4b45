package server_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/server"
)

// row is one hostile request, as it goes over the wire, and what it must get.
// In sent, world.fill puts in TOKEN, ADDR, PORT and CRLF; ␊ and ␍ stand for the
// bytes LF and CR alone.
type row struct {
	name, sent string
	want       verdict
}

// verdict is an answer. Without a code it is net/http's own text, without a
// status no answer at all but the end of the connection; without a message the
// sentence is one of apps'.
type verdict struct {
	status        int
	code, message string
	goesOn        bool // whether the connection may be used again
	unfinished    bool // the client ends its half: no more will come
}

// What a request for credentials is refused with, by whoever it comes from.
var (
	badMethod  = verdict{405, "RequestRefused", "method: only GET is answered; hint: ask with GET", false, false}
	badPath    = verdict{403, "RequestRefused", "path: nothing is here; hint: ask http://ADDR/v1/credentials", false, false}
	badForm    = verdict{403, "RequestRefused", "path: does not begin with a slash; hint: ask http://ADDR/v1/credentials, not a proxy", false, false}
	badQuery   = verdict{403, "RequestRefused", "path: has a query; hint: ask http://ADDR/v1/credentials", false, false}
	badHost    = verdict{403, "RequestRefused", "host: not the address that vendord listens on; hint: ask http://ADDR/v1/credentials", false, false}
	badHeader  = verdict{403, "RequestRefused", "header: one that only a browser or a proxy sends; hint: ask directly, with NO_PROXY=127.0.0.1,localhost", false, false}
	fromSource = verdict{403, "RequestRefused", "header: a source of vendord asks vendord; hint: use another source", false, false}
	badBody    = verdict{403, "RequestRefused", "body: a request for credentials has none; hint: ask with a plain GET", false, false}
	tokenThere = verdict{403, "RequestRefused", "path: has a token in it; hint: use the Authorization header; issue another token: this one may be in logs", false, false}
	twoTokens  = verdict{401, "NotRecognized", "token: more than one Authorization header; hint: send one", false, false}
	stranger   = verdict{401, "NotRecognized", "", false, false}
	notYours   = verdict{403, "ProfileRefused", "", true, false} // the caller is known: only the profile is not theirs
)

// What net/http answers by itself, before a request is one.
var (
	malformed   = verdict{status: 400}
	expectation = verdict{status: 417}
	tooLarge    = verdict{status: 431}
	noEncoding  = verdict{status: 501}
	noVersion   = verdict{status: 505}
	cutShort    = verdict{status: 400, unfinished: true}
	noAnswer    = verdict{unfinished: true}
)

// themes are the hostile requests. Each theme has a server of its own and less
// than a hundred rows: a stranger's burst that no limit is meant for.
var themes = []struct {
	name string
	rows []row
}{
	{"hosts", hostileHosts},
	{"paths", hostilePaths},
	{"headers", hostileHeaders},
	{"tokens", hostileTokens},
	{"methods", hostileMethods},
	{"bodies", hostileBodies},
	{"protocols", hostileProtocols},
	{"control bytes", controlBytes()},
}

// get1 is a request with other lines than those of an honest one.
func get1(lines ...string) string {
	return "GET /v1/credentials HTTP/1.1\n" + strings.Join(lines, "\n") + "\n\n"
}

// with is an honest request with more lines.
func with(lines ...string) string {
	return get1(append([]string{"Host: ADDR", "Authorization: TOKEN"}, lines...)...)
}

// TestHostileRequests sends each row over a connection of its own and checks
// the answer, the connection, the record, and that an honest caller is answered
// at once.
func TestHostileRequests(t *testing.T) {
	atBothDoors(t, hostileRequests)
	t.Run("at ECS's address", func(t *testing.T) { hostileRequests(t, startKind(server.ECS)) })
	t.Run("at EKS's address", func(t *testing.T) { hostileRequests(t, startKind(server.EKS)) })
}

func hostileRequests(t *testing.T, start open) {
	t.Parallel() // the doors with one another
	var cases, right atomic.Int64
	t.Run("theme", func(t *testing.T) {
		for _, theme := range themes {
			if theme.name == "tokens" && strings.HasPrefix(t.Name(), "TestHostileRequests/by_the_kernel/") {
				continue // see TestTokensAtTheKernelsDoor
			}
			t.Run(theme.name, func(t *testing.T) {
				t.Parallel()
				n := int64(0)
				w := start(t, always(credentials(nil)))
				for _, r := range theme.rows {
					if own, differs := atECS[r.name]; differs && w.of.Kind == server.ECS {
						r.want = own
					}
					if t.Run(r.name, func(t *testing.T) { w.judge(t, r) }) {
						n++
					}
				}
				w.wroteNoSecret(t)
				t.Logf("%s: %d cases, %d right", theme.name, len(theme.rows), n)
				cases.Add(int64(len(theme.rows)))
				right.Add(n)
			})
		}
	})
	t.Logf("%d cases, %d right", cases.Load(), right.Load())
}

// wroteNoSecret checks the record and the log after all that a test did.
func (w *world) wroteNoSecret(t *testing.T) {
	t.Helper()
	said := w.record() + w.log.String()
	for _, secret := range []string{"canary", strings.TrimPrefix(w.token, "vnd_")} {
		if strings.Contains(said, secret) {
			t.Errorf("a secret was written down: %s", lineWith(said, secret))
		}
	}
	if strings.Contains(said, "panicked") {
		t.Errorf("a request panicked: %s", lineWith(said, "panicked"))
	}
}

// judge sends one row and checks all that there is to see.
func (w *world) judge(t *testing.T, r row) {
	defer w.honest(t)
	before := len(w.audit.Refusals(""))
	c := w.dialFor(t)
	if _, err := io.WriteString(c, w.bytes(r.sent)); err != nil {
		t.Fatalf("sending: %v", err)
	}
	if r.want.unfinished {
		if err := c.CloseWrite(); err != nil { // or net/http would wait two seconds for the rest
			t.Fatal(err)
		}
	}
	if r.want.status == 0 {
		if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
			t.Errorf("got %q, %v, want no answer", rest, err)
		}
		return
	}
	in := bufio.NewReader(c)
	method, _, _ := strings.Cut(r.sent, " ")
	response, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("the answer: %v, want %d", err, r.want.status)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("the answer's body: %v", err)
	}
	r.want.message = w.told(r)
	w.checkAnswer(t, r.want, response, string(body))
	if method != http.MethodHead {
		w.checkBody(t, r.want, string(body))
	}
	w.checkRecord(t, r.want, before)
	w.checkConnection(t, r.want, c, in)
}

// told is what a row's caller is told: of the path that it asked, if that was one.
func (w *world) told(r row) string {
	if strings.Contains(r.sent, server.Path) {
		return w.put(toPath(r.want.message, w.path))
	}
	return w.put(r.want.message)
}

// checkAnswer checks the status and the headers.
func (w *world) checkAnswer(t *testing.T, want verdict, got *http.Response, body string) {
	t.Helper()
	if got.StatusCode != want.status {
		t.Fatalf("got %d %s, want %d", got.StatusCode, body, want.status)
	}
	for name := range got.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Location" || name == "Set-Cookie" {
			t.Errorf("got the header %s: %s", name, got.Header.Get(name))
		}
	}
	if got.Close == want.goesOn {
		t.Errorf("the answer says that the connection closes: %v, want %v", got.Close, !want.goesOn)
	}
	if want.code == "" {
		return // net/http's own
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if all := got.Header[name]; len(all) != 1 || all[0] != value {
			t.Errorf("got %s: %q, want %q", name, all, value)
		}
	}
	if allow := got.Header.Get("Allow"); (allow == "GET") != (want.status == 405) || allow != "" && allow != "GET" {
		t.Errorf("got Allow: %q", allow)
	}
}

// checkBody checks what a stranger is told, and that nothing of theirs, or of
// anybody's, is repeated.
func (w *world) checkBody(t *testing.T, want verdict, body string) {
	t.Helper()
	if len(body) > 300 {
		t.Errorf("got %d bytes, want at most 300: %s", len(body), body)
	}
	for _, secret := range []string{"canary", strings.TrimPrefix(w.token, "vnd_"), "evil", "uploader"} {
		if strings.Contains(body, secret) {
			t.Errorf("got %q in %s", secret, body)
		}
	}
	if want.code == "" {
		if strings.ContainsAny(body, "{<") {
			t.Errorf("got %q, want net/http's text", body)
		}
		return
	}
	if want.message != "" {
		if whole := problem(want.code, want.message); body != whole {
			t.Errorf("got  %s\nwant %s", body, whole)
		}
		return
	}
	var told map[string]string
	if err := json.Unmarshal([]byte(body), &told); err != nil || len(told) != 4 {
		t.Fatalf("got %s, %v, want four keys", body, err)
	}
	if told["code"] != want.code || told["Code"] != want.code || told["message"] == "" || told["Message"] != told["message"] {
		t.Errorf("got %s, want %s twice and a message twice", body, want.code)
	}
}

// checkRecord checks that there is one event for a request that reached us, and
// none for what net/http refused.
func (w *world) checkRecord(t *testing.T, want verdict, before int) {
	t.Helper()
	events := w.audit.Refusals("")
	if want.code == "" {
		if len(events) != before {
			t.Errorf("record: got %d events more, want none", len(events)-before)
		}
		return
	}
	if len(events) == 0 {
		t.Fatal("record: got no event")
	}
	got := events[0]
	if got.Status != want.status || got.Code != want.code || (got.App != "") != want.goesOn || got.KeyID != "" {
		t.Errorf("record: got %+v, want %d %s of a stranger's: %v", got, want.status, want.code, !want.goesOn)
	}
	if said := want.message; said != "" && said != got.Message+"; hint: "+got.Hint {
		t.Errorf("record: got the message %q, hint %q, want %q", got.Message, got.Hint, said)
	}
}

// checkConnection checks that the connection ends, or can be used again.
func (w *world) checkConnection(t *testing.T, want verdict, c net.Conn, in *bufio.Reader) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if want.goesOn {
		if _, err := io.WriteString(c, w.fill(plain)); err != nil {
			t.Fatal(err)
		}
		again, err := http.ReadResponse(in, nil)
		if err != nil || again.StatusCode != 200 {
			t.Errorf("on the same connection: got %v, %v, want 200", again, err)
		}
		return
	}
	rest, err := io.ReadAll(in)
	if len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the answer: got %q, %v, want the end of the connection", rest, err)
	}
}

// bytes is fill for requests with odd line ends.
func (w *world) bytes(request string) string {
	return strings.NewReplacer("␊", "\n", "␍", "\r").Replace(w.fill(request))
}

// dialFor is dial for one sub-test.
func (w *world) dialFor(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // for a test that fails
	return c.(*net.TCPConn)
}

// honest asks as a program does, over a connection of its own, and must be
// answered. It returns how long that took.
func (w *world) honest(t *testing.T) time.Duration {
	t.Helper()
	started := time.Now()
	c, err := net.DialTimeout("tcp", w.addr, 30*time.Second)
	if err != nil {
		t.Errorf("an honest caller: %v", err)
		return time.Since(started)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(c, w.fill(with("Connection: close")))
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(answer), w.body) {
		t.Errorf("an honest caller: got %q, %v, want 200", answer, err)
	}
	return time.Since(started)
}

// readReply reads the next answer to a GET.
func readReply(t *testing.T, in *bufio.Reader) reply {
	t.Helper()
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("the answer: %v", err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("the answer's body: %v", err)
	}
	return reply{response.StatusCode, response.Header, string(body), response.Close}
}

// lineWith is the first line of text with word in it.
func lineWith(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			return line
		}
	}
	return ""
}

func TestPathsAreRecordedWithoutTokens(t *testing.T) {
	w := start(t, always(credentials(nil)))
	for _, test := range []struct{ path, want string }{
		{"/v1/credentials?token=TOKEN", "/v1/credentials"},
		{"/v2/credentials/TOKEN", "/v2/credentials/[redacted]"},
		{"/v1/credentials/none%00", "/v1/credentials/none%00"},
	} {
		w.ask("GET " + test.path + " HTTP/1.1\nHost: ADDR\n\n")
		if got := w.audit.Refusals("")[0].Path; got != test.want {
			t.Errorf("path %s: got %q in the record, want %q", test.path, got, test.want)
		}
	}
}

func FuzzRequest(f *testing.F) {
	w := start(f, always(credentials(nil)))
	for _, theme := range themes {
		for _, r := range theme.rows {
			if len(r.sent) < 2048 {
				f.Add(r.sent)
			}
		}
	}
	for _, test := range tolerated {
		f.Add(strings.ReplaceAll(test.request, "TOKEN", "vnd_"+strings.Repeat("0", 49)))
	}
	f.Fuzz(func(t *testing.T, request string) {
		c := w.dialFor(t)
		_, _ = io.WriteString(c, w.bytes(request))
		_ = c.CloseWrite()
		in := bufio.NewReader(c)
		method, _, _ := strings.Cut(request, " ")
		for {
			response, err := http.ReadResponse(in, &http.Request{Method: method})
			if err != nil {
				break
			}
			body, _ := io.ReadAll(response.Body)
			// fill puts the right token where the request says TOKEN.
			if !strings.Contains(request, "TOKEN") && (response.StatusCode == 200 || strings.Contains(string(body), "canary")) {
				t.Fatalf("%q: got %d %s without a token", request, response.StatusCode, body)
			}
		}
		if said := w.log.String(); strings.Contains(said, "panicked") {
			t.Fatalf("%q: %s", request, said)
		}
	})
}
