package server_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What every request below is refused with.
const (
	badMethod  = "method: only GET is answered; hint: ask with GET"
	badPath    = "path: nothing is here; hint: ask http://ADDR/v1/credentials"
	badForm    = "path: does not begin with a slash; hint: ask http://ADDR/v1/credentials, and not through a proxy"
	badQuery   = "path: has a query; hint: ask http://ADDR/v1/credentials"
	badHost    = "host: not the address that vendord listens on; hint: ask http://ADDR/v1/credentials"
	badHeader  = "header: one that only a browser or a proxy sends; hint: ask directly, with NO_PROXY=127.0.0.1,localhost"
	badBody    = "body: a request for credentials has none; hint: ask with a plain GET"
	tokenThere = "path: has a token in it; hint: send it in the Authorization header, and issue another: this one may stand in logs"
	twoTokens  = "token: more than one Authorization header; hint: send one"
)

// hostile is what a browser, a proxy, a smuggler or a broken client sends. A
// message of "" is one of apps', or net/http's text.
var hostile = []struct {
	name, request string
	status        int
	message       string
}{
	{"no token", "GET /v1/credentials HTTP/1.1\nHost: ADDR\n\n", 401, ""},
	{"an empty token", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization:\n\n", 401, ""},
	{"a wrong token", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: vnd_wrong\n\n", 401, ""},
	{"the start of a token", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: vnd_\n\n", 401, ""},
	{"a token and more", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKENx\n\n", 401, ""},
	{"a token folded over two lines", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n x\n\n", 401, ""},
	{"Bearer alone", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: Bearer\n\n", 401, ""},
	{"Basic", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: Basic TOKEN\n\n", 401, ""},
	{"the token twice", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nAuthorization: TOKEN\n\n", 401, twoTokens},
	{"a second, empty token", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nauthorization:\n\n", 401, twoTokens},
	{"the token in another header", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nX-Authorization: TOKEN\n\n", 401, ""},
	{"the token for a proxy", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nProxy-Authorization: TOKEN\n\n", 401, ""},
	{"an underscore for a dash", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization_: TOKEN\n\n", 401, ""},

	{"another host", "GET /v1/credentials HTTP/1.1\nHost: evil.example\nAuthorization: TOKEN\n\n", 403, badHost},
	{"another host on our port, by DNS rebinding", "GET /v1/credentials HTTP/1.1\nHost: evil.example:PORT\nAuthorization: TOKEN\n\n", 403, badHost},
	{"a name that means us", "GET /v1/credentials HTTP/1.1\nHost: 127.0.0.1.nip.io:PORT\nAuthorization: TOKEN\n\n", 403, badHost},
	{"our address on another port", "GET /v1/credentials HTTP/1.1\nHost: 127.0.0.1:1\nAuthorization: TOKEN\n\n", 403, badHost},
	{"our address and no port after the colon", "GET /v1/credentials HTTP/1.1\nHost: 127.0.0.1:\nAuthorization: TOKEN\n\n", 403, badHost},
	{"another address of the loopback net", "GET /v1/credentials HTTP/1.1\nHost: 127.0.0.2:PORT\nAuthorization: TOKEN\n\n", 403, badHost},
	{"our address in decimal", "GET /v1/credentials HTTP/1.1\nHost: 2130706433:PORT\nAuthorization: TOKEN\n\n", 403, badHost},
	{"the unspecified address", "GET /v1/credentials HTTP/1.1\nHost: 0.0.0.0:PORT\nAuthorization: TOKEN\n\n", 403, badHost},
	{"an address with a zone", "GET /v1/credentials HTTP/1.1\nHost: [::1%25lo]:PORT\nAuthorization: TOKEN\n\n", 403, badHost},
	{"a user before the host", "GET /v1/credentials HTTP/1.1\nHost: x@127.0.0.1\nAuthorization: TOKEN\n\n", 400, ""},
	{"localhost with a dot", "GET /v1/credentials HTTP/1.1\nHost: localhost.:PORT\nAuthorization: TOKEN\n\n", 403, badHost},
	{"an empty host", "GET /v1/credentials HTTP/1.1\nHost:\nAuthorization: TOKEN\n\n", 403, badHost},
	{"no host in HTTP/1.0", "GET /v1/credentials HTTP/1.0\nAuthorization: TOKEN\n\n", 403, badHost},
	{"no host in HTTP/1.1", "GET /v1/credentials HTTP/1.1\nAuthorization: TOKEN\n\n", 400, ""},
	{"two hosts", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nHost: evil.example\nAuthorization: TOKEN\n\n", 400, ""},

	{"a page of another origin", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nOrigin: http://evil.example\nAuthorization: TOKEN\n\n", 403, badHeader},
	{"a page of no origin", "GET /v1/credentials HTTP/1.1\nHost: ADDR\norigin: null\nAuthorization: TOKEN\n\n", 403, badHeader},
	{"an empty origin", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nOrigin:\nAuthorization: TOKEN\n\n", 403, badHeader},
	{"a link", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nReferer: http://evil.example/\nAuthorization: TOKEN\n\n", 403, badHeader},
	{"an image", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nSec-Fetch-Dest: image\nAuthorization: TOKEN\n\n", 403, badHeader},
	{"the address bar", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nSec-Fetch-Site: none\nAuthorization: TOKEN\n\n", 403, badHeader},
	{"a web socket", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: x\nAuthorization: TOKEN\n\n", 403, badHeader},
	{"a proxy", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nX-Forwarded-For: 127.0.0.1\nAuthorization: TOKEN\n\n", 403, badHeader},
	{"a proxy of another kind", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nx-forwarded-host: ADDR\nAuthorization: TOKEN\n\n", 403, badHeader},
	{"a proxy by the standard", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nForwarded: for=127.0.0.1\nAuthorization: TOKEN\n\n", 403, badHeader},
	{"a proxy that says so", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nVia: 1.1 squid\nAuthorization: TOKEN\n\n", 403, badHeader},

	{"no path", "GET / HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"EC2 metadata", "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"a slash at the end", "GET /v1/credentials/ HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"a path that only begins right", "GET /v1/credentialsx HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"another case", "GET /V1/Credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"two slashes", "GET //v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"two slashes inside", "GET /v1//credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"two dots", "GET /v1/x/../credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"two dots for a profile", "GET /v1/credentials/.. HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"an encoded letter", "GET /v1/credential%73 HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"an encoded slash", "GET /v1%2Fcredentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"an encoded letter in a profile", "GET /v1/credentials/uploa%64 HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"an encoded NUL", "GET /v1/credentials/upload%00 HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"a profile and a slash", "GET /v1/credentials/upload/ HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"a profile too long", "GET /v1/credentials/" + strings.Repeat("p", 65) + " HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"a backslash", `GET /v1\credentials HTTP/1.1` + "\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"a semicolon", "GET /v1/credentials;x HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"a fragment, as the CRT sends it", "GET /v1/credentials#x HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badPath},
	{"a query", "GET /v1/credentials?id=1 HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badQuery},
	{"an empty query", "GET /v1/credentials? HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badQuery},
	{"the token in a query", "GET /v1/credentials?token=TOKEN HTTP/1.1\nHost: ADDR\n\n", 403, tokenThere},
	{"the token in the path", "GET /v1/credentials/TOKEN HTTP/1.1\nHost: ADDR\n\n", 403, tokenThere},
	{"a proxy's form", "GET http://ADDR/v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badForm},
	{"a proxy's form for another", "GET http://evil.example/v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badForm},
	{"a star", "GET * HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badForm},
	{"no slash", "GET v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 400, ""},
	{"a space in the path", "GET /v1/credentials x HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 400, ""},
	{"a bad escape", "GET /v1/credentials/%zz HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 400, ""},
	{"a control byte", "GET /v1/\x01 HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 400, ""},
	{"a NUL", "GET /v1/credentials\x00 HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 400, ""},

	{"HEAD", "HEAD /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 405, ""},
	{"POST", "POST /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 405, badMethod},
	{"POST with a body", "POST /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nContent-Length: 4\n\nbody", 405, badMethod},
	{"PUT for a metadata token", "PUT /latest/api/token HTTP/1.1\nHost: ADDR\nContent-Length: 0\n\n", 405, badMethod},
	{"OPTIONS", "OPTIONS /v1/credentials HTTP/1.1\nHost: ADDR\nOrigin: http://evil.example\nAccess-Control-Request-Method: GET\n\n", 405, badMethod},
	{"OPTIONS of everything", "OPTIONS * HTTP/1.1\nHost: ADDR\n\n", 405, badMethod},
	{"CONNECT", "CONNECT ADDR HTTP/1.1\nHost: ADDR\n\n", 405, badMethod},
	{"CONNECT to a path", "CONNECT /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 405, badMethod},
	{"TRACE", "TRACE /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 405, badMethod},
	{"a small get", "get /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 405, badMethod},
	{"a method nobody knows", "VENDORD /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 405, badMethod},
	{"HTTP/2 without TLS", "PRI * HTTP/2.0\n\nSM\n\n", 405, badMethod},

	{"a body", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nContent-Length: 4\n\nbody", 403, badBody},
	{"a body in chunks", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nTransfer-Encoding: chunked\n\n0\n\n", 403, badBody},
	{"a body that asks first", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nContent-Length: 4\nExpect: 100-continue\n\n", 403, badBody},
	{"a request in a body", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nContent-Length: 6\nTransfer-Encoding: chunked\n\n0\n\nGET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", 403, badBody},
	{"a length that is none", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nContent-Length: -1\n\n", 400, ""},
	{"two lengths", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nContent-Length: 0\nContent-Length: 40\n\n", 400, ""},
	{"an encoding nobody knows", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nTransfer-Encoding: gzip, chunked\n\n", 501, ""},
	{"an expectation nobody knows", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nExpect: x\n\n", 417, ""},
	{"a space before the colon", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization : TOKEN\n\n", 400, ""},
	{"a control byte in a header", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\x01\n\n", 400, ""},
	{"64 kB of header", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nX: " + strings.Repeat("x", 64<<10) + "\n\n", 431, ""},
	{"a version to come", "GET /v1/credentials HTTP/3.0\nHost: ADDR\nAuthorization: TOKEN\n\n", 505, ""},
	{"HTTP/0.9", "GET /v1/credentials\n\n", 400, ""},
	{"TLS", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\n\n", 400, ""},
}

func TestHostileRequests(t *testing.T) {
	w := start(t, always(credentials(nil)))
	for _, test := range hostile {
		t.Run(test.name, func(t *testing.T) {
			got := w.ask(test.request)
			if got.status != test.status {
				t.Fatalf("got %d %s, want %d", got.status, got.body, test.status)
			}
			if cors := got.header.Get("Access-Control-Allow-Origin"); cors != "" {
				t.Errorf("got Access-Control-Allow-Origin: %s", cors)
			}
			if strings.Contains(got.body, "canary") || strings.Contains(got.body, w.token) {
				t.Errorf("got a secret: %s", got.body)
			}
			code := map[int]string{401: "NotRecognized", 403: "RequestRefused", 405: "RequestRefused"}[test.status]
			if test.message != "" {
				if want := problem(code, w.fill(test.message)); got.body != want {
					t.Errorf("got  %s\nwant %s", got.body, want)
				}
			}
			if !got.closes {
				t.Error("the connection stays open for a stranger")
			}
			if allow := got.header.Get("Allow"); (allow == "GET") != (test.status == 405) {
				t.Errorf("got Allow: %q", allow)
			}
		})
	}
	w.lives()
	if said := w.record() + w.log.String(); strings.Contains(said, w.token) || strings.Contains(said, "canary") {
		t.Errorf("a secret was written down: %s", said)
	}
}

// TestHostileRequestsAreRecorded checks that there is an event for every
// request that reached us, and that who asked nothing of ours is a stranger.
func TestHostileRequestsAreRecorded(t *testing.T) {
	w := start(t, always(credentials(nil)))
	for _, test := range hostile {
		if test.status != 401 && test.status != 403 && test.status != 405 {
			continue
		}
		w.ask(test.request)
		got := w.audit.Refusals("")[0]
		if got.Status != test.status || got.App != "" || got.KeyID != "" {
			t.Errorf("%s: got the event %+v, want a stranger's with status %d", test.name, got, test.status)
		}
		if message := w.fill(test.message); message != "" && message != got.Message+"; hint: "+got.Hint {
			t.Errorf("%s: got the message %q, hint %q, want %q", test.name, got.Message, got.Hint, message)
		}
	}
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

// tolerated is what real clients send, and must be answered.
var tolerated = []struct{ name, request string }{
	{"nothing but the token", plain},
	{"Bearer", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: Bearer TOKEN\n\n"},
	{"spaces around the token", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization:   TOKEN  \n\n"},
	{"the header in small letters", "GET /v1/credentials HTTP/1.1\nhost: ADDR\nauthorization: TOKEN\n\n"},
	{"the profile by name", "GET /v1/credentials/upload HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n"},
	{"no port, as the CRT", "GET /v1/credentials HTTP/1.1\nHost: 127.0.0.1\nAuthorization: TOKEN\nAccept-Encoding: identity\n\n"},
	{"localhost", "GET /v1/credentials HTTP/1.1\nHost: localhost:PORT\nAuthorization: TOKEN\n\n"},
	{"localhost without a port", "GET /v1/credentials HTTP/1.1\nHost: LocalHost\nAuthorization: TOKEN\n\n"},
	{"IPv6", "GET /v1/credentials HTTP/1.1\nHost: [::1]:PORT\nAuthorization: TOKEN\n\n"},
	{"IPv6 without a port", "GET /v1/credentials HTTP/1.1\nHost: [::1]\nAuthorization: TOKEN\n\n"},
	{"IPv6 without brackets, as the CRT", "GET /v1/credentials HTTP/1.1\nHost: ::1\nAuthorization: TOKEN\n\n"},
	{"gzip, as Go", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nAccept-Encoding: gzip\nAmz-Sdk-Request: attempt=1; max=3\n\n"},
	{"an empty body", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nContent-Length: 0\n\n"},
	{"HTTP/1.0", "GET /v1/credentials HTTP/1.0\nHost: ADDR\nAuthorization: TOKEN\n\n"},
	{"no keep-alive", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nConnection: close\n\n"},
}

func TestToleratedRequests(t *testing.T) {
	w := start(t, always(credentials(nil)))
	for _, test := range tolerated {
		t.Run(test.name, func(t *testing.T) {
			if got := w.ask(test.request); got.status != 200 || got.header.Get("Content-Encoding") != "" {
				t.Errorf("got %d %s, want 200", got.status, got.body)
			}
		})
	}
}

// TestASmuggledRequestIsNotAnswered checks what follows a refused body.
func TestASmuggledRequestIsNotAnswered(t *testing.T) {
	w := start(t, always(credentials(nil)))
	c := w.dial()
	inner := "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n"
	_, _ = io.WriteString(c, w.fill("GET /v1/credentials HTTP/1.1\nHost: ADDR\nContent-Length: 3\n\nxxx"+inner+inner))
	answer, _ := io.ReadAll(c)
	if n := strings.Count(string(answer), "HTTP/1.1 "); n != 1 || strings.Contains(string(answer), "canary") {
		t.Errorf("got %d answers: %s", n, answer)
	}
}

func FuzzRequest(f *testing.F) {
	w := start(f, always(credentials(nil)))
	for _, test := range hostile {
		f.Add(test.request)
	}
	for _, test := range tolerated {
		f.Add(strings.ReplaceAll(test.request, "TOKEN", "vnd_"+strings.Repeat("0", 49)))
	}
	f.Fuzz(func(t *testing.T, request string) {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(c, w.fill(request))
		_ = c.(*net.TCPConn).CloseWrite()
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
