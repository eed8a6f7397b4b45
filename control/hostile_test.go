//go:build unix

package control_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

// post returns a well-formed request as it is on the wire.
func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: vendord\r\nVendord-Control: 1\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

func get(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\n" + strings.Join(append(headers, "", ""), "\r\n")
}

// raw sends text to the socket and returns the answer: its status, and what
// its error says.
func raw(t testing.TB, path, text string) (int, string) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return exchange(t, conn, text)
}

func exchange(t testing.TB, conn net.Conn, text string) (int, string) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = conn.Write([]byte(text)) // may be cut off, and answered all the same
	method, _, _ := strings.Cut(text, " ")
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, _ := bufio.NewReader(answer.Body).ReadString('\n') // a hold's answer goes on
	var e struct{ Message, Hint string }
	if json.Unmarshal([]byte(body), &e) != nil {
		return answer.StatusCode, body
	}
	if e.Hint == "" {
		return answer.StatusCode, e.Message
	}
	return answer.StatusCode, e.Message + " | " + e.Hint
}

const (
	vendordHost  = "Host: vendord"
	version1     = "Vendord-Control: 1"
	otherVersion = "use the vendord that the daemon was started from, or restart the daemon"
)

// Nothing that is not one of our own commands' requests gets anywhere, even
// from somebody who may do everything.
func TestHostileRequests(t *testing.T) {
	const (
		foreign = "what comes through a browser or a proxy is refused | speak to the socket directly"
		noHost  = `this is vendord's control socket, whose only host is "vendord" | credentials are elsewhere: vendord status shows the address`
		ours    = " | only vendord's commands speak to this socket; they send Vendord-Control: 1"
		newer   = "the daemon is newer than this command: it speaks version 1, the command 0 | use the vendord that the daemon was started from, or update this one"
		older   = "the daemon is older than this command: it speaks version 1, the command 2 | restart the daemon, so that it runs the vendord that is installed now"
	)
	for _, test := range []struct {
		name, send string
		status     int
		want       string
	}{
		{"ours", get("/status", vendordHost, version1), 200, ""},
		{"ours, absolute", get("http://vendord/status", "Host: vendord", version1), 200, ""},
		{"another host", get("/status", "Host: localhost", version1), 403, `host "localhost": ` + noHost},
		{"another host in the line", get("http://evil.example/status", "Host: vendord", version1), 403, `host "evil.example": ` + noHost},
		{"a host with a port", get("/status", "Host: vendord:80", version1), 403, `host "vendord:80": ` + noHost},
		{"no host", "GET /status HTTP/1.0\r\n" + version1 + "\r\n\r\n", 403, `host "": ` + noHost},
		{"an origin", get("/status", vendordHost, version1, "Origin: null"), 403, "header Origin: " + foreign},
		{"a referer", get("/status", vendordHost, version1, "referer: http://vendord/"), 403, "header Referer: " + foreign},
		{"a page's fetch", get("/status", vendordHost, version1, "Sec-Fetch-Site: same-origin"), 403, "header Sec-Fetch-Site: " + foreign},
		{"a websocket", get("/status", vendordHost, version1, "Sec-WebSocket-Key: eA=="), 403, "header Sec-Websocket-Key: " + foreign},
		{"a proxy", get("/status", vendordHost, version1, "X-Forwarded-For: ::1"), 403, "header X-Forwarded-For: " + foreign},
		{"an old proxy", get("/status", vendordHost, version1, "X-Forwarded: for=::1"), 403, "header X-Forwarded: " + foreign},
		{"a modern proxy", get("/status", vendordHost, version1, "Forwarded: for=_x"), 403, "header Forwarded: " + foreign},
		{"an honest proxy", get("/status", vendordHost, version1, "Via: 1.1 x"), 403, "header Via: " + foreign},
		{"no version", get("/status", vendordHost), 400, `header Vendord-Control "": not a version` + ours},
		{"a word for a version", get("/status", vendordHost, "Vendord-Control: new"), 400, `header Vendord-Control "new": not a version` + ours},
		{"an older command", get("/status", vendordHost, "Vendord-Control: 0"), 400, newer},
		{"a newer command", get("/status", vendordHost, "Vendord-Control: 2"), 400, older},
		{"another path", get("/", vendordHost, version1), 400, `call "/": not known | ` + otherVersion},
		{"a path to clean", get("/x/../status", vendordHost, version1), 400, `call "/x/../status": not known | ` + otherVersion},
		{"a longer path", get("/status/", vendordHost, version1), 400, `call "/status/": not known | ` + otherVersion},
		{"another method", get("/reload", vendordHost, version1), 400, `call "/reload": method "GET" is not for it | it is POST`},
		{"all options", "OPTIONS * HTTP/1.1\r\nHost: vendord\r\nVendord-Control: 1\r\n\r\n", 400, `call "*": not known | ` + otherVersion},
		{"a tunnel", "CONNECT vendord:80 HTTP/1.1\r\nHost: vendord\r\n\r\n", 403, `host "vendord:80": ` + noHost},
		{"only a head", "HEAD /status HTTP/1.1\r\nHost: vendord\r\nVendord-Control: 1\r\n\r\n", 400, ""},
		{"a huge header", get("/status", vendordHost, version1, "X: "+strings.Repeat("x", 20<<10)), 431, "431 Request Header Fields Too Large"},
		{"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "400 Bad Request"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 403, `host "": ` + noHost},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDaemon(control.Steer)
			path, _ := d.serve(t, 0o600)
			status, got := raw(t, path, test.send)
			if status != test.status || got != test.want {
				t.Errorf("got %d %s\nwant %d %s", status, got, test.status, test.want)
			}
		})
	}
}

func TestHostileBodies(t *testing.T) {
	var (
		long  = strings.Repeat("x", 129)
		token = func(fields string) string {
			return `{"app":"claude","hash":"` + hash + `","ttl_ns":1000000000` + fields + `}`
		}
		noName  = "names have letters, digits and . _ -, and no . or - in front"
		version = " | " + otherVersion
	)
	const noHash = "hash: not 64 hex digits | it is the SHA-256 of the token's secret"
	for _, test := range []struct{ name, call, body, want string }{
		{"fine", "/issue", token(""), ""},
		{"nothing", "/issue", "", "request: EOF" + version},
		{"half", "/issue", `{"app":"claude"`, "request: unexpected EOF" + version},
		{"a list", "/issue", `[]`, "request: cannot unmarshal array into Go value of type control.tokenRequest" + version},
		{"an unknown field", "/issue", token(`,"extra":1`), `request: unknown field "extra"` + version},
		{"a claim to steer", "/issue", token(`,"steer":true`), `request: unknown field "steer"` + version},
		{"an id of one's own", "/issue", token(`,"id":"mine"`), `request: unknown field "id"` + version},
		{"an end of one's own", "/issue", token(`,"expires":"2099-01-01T00:00:00Z"`), `request: unknown field "expires"` + version},
		{"a second document", "/issue", token("") + "{}", "request: text after its end" + version},
		{"64 KiB", "/issue", `"` + strings.Repeat("x", 64<<10), "request: longer than 64 KiB" + version},
		{"depth", "/issue", strings.Repeat(`[`, 20_000), "request: invalid character '[' exceeded max depth" + version},
		{"no app", "/issue", `{"hash":"` + hash + `"}`, "app: missing | name the app that the token is for"},
		{"a path for an app", "/issue", `{"app":"../x"}`, `app "../x": not a name | ` + noName},
		{"a terminal's app", "/issue", `{"app":"x\u001b[2J"}`, `app "x\x1b[2J": not a name | ` + noName},
		{"an option for an app", "/issue", `{"app":"-x"}`, `app "-x": not a name | ` + noName},
		{"a long app", "/issue", `{"app":"` + long + `"}`, "app: longer than 128 bytes | names are short"},
		{"a profile with a space", "/issue", `{"app":"cli","profile":"a b"}`, `profile "a b": not a name | ` + noName},
		{"cli without a profile", "/issue", `{"app":"cli","hash":"` + hash + `"}`, `app "cli": its tokens name a profile | name the profile that the token is for`},
		{"a user of two lines", "/issue", token(`,"user":"a\nb"`), `user "a\nb": not a name | names have no control characters, and no space at either end`},
		{"a user of spaces", "/issue", token(`,"user":" "`), `user " ": not a name | names have no control characters, and no space at either end`},
		{"a long user", "/issue", token(`,"user":"` + long + `"`), "user: longer than 128 bytes | names are short"},
		{"no hash", "/issue", `{"app":"claude"}`, noHash},
		{"a secret for a hash", "/issue", `{"app":"claude","hash":"vnd_x"}`, noHash},
		{"a short hash", "/hold", `{"app":"claude","hash":"` + hash[2:] + `"}`, noHash},
		{"no life", "/issue", `{"app":"claude","hash":"` + hash + `"}`, "ttl 0s: not between 1s and 366 days | such as 12h"},
		{"a short life", "/hold", `{"app":"claude","hash":"` + hash + `","ttl_ns":1}`, "ttl 1ns: not between 1s and 366 days | such as 12h"},
		{"a negative life", "/hold", `{"app":"claude","hash":"` + hash + `","ttl_ns":-1}`, "ttl -1ns: not between 1s and 366 days | such as 12h"},
		{"a long life", "/issue", `{"app":"claude","hash":"` + hash + `","ttl_ns":31622400000000001}`, "ttl 8784h0m0.000000001s: not between 1s and 366 days | such as 12h"},
		{"a policy that would be kept", "/issue", `{"app":"cli","profile":"readonly","hash":"` + hash + `","ttl_ns":1000000000,"policy":"{}"}`,
			"policy: only tokens that are held, of the app cli, have one | use vendord exec PROFILE --policy-file FILE"},
		{"an app's with a policy", "/hold", `{"app":"claude","hash":"` + hash + `","policy_arns":"[\"x\"]"}`,
			"policy: only tokens that are held, of the app cli, have one | use vendord exec PROFILE --policy-file FILE"},
		{"a long policy", "/hold", `{"app":"cli","profile":"readonly","hash":"` + hash + `","policy":"` + strings.Repeat("x", 16<<10+1) + `"}`,
			"policy: with its ARNs longer than 16384 bytes | use wildcards, or a managed policy's ARN"},
		{"no list of ARNs", "/hold", `{"app":"cli","profile":"readonly","hash":"` + hash + `","policy_arns":"[ \"x\"]"}`, "policy_arns: not a list" + version},
		{"a policy of no profile", "/policy", `{"arn":"arn:aws:iam::aws:policy/X"}`, "profile: missing | name the profile whose source is to ask"},
		{"a policy of a path", "/policy", `{"profile":"../x","arn":"arn:aws:iam::aws:policy/X"}`, `profile "../x": not a name | ` + noName},
		{"a policy that is none", "/policy", `{"profile":"readonly","arn":"x"}`, "policy: not an ARN | name one of the profile's managed policies"},
		{"a policy that is long", "/policy", `{"profile":"readonly","arn":"arn:` + strings.Repeat("x", 2048) + `"}`, "policy: not an ARN | name one of the profile's managed policies"},
		{"revoking nothing, or everything", "/revoke", `{}`, "revoke: neither an app nor a token is named | vendord token list shows them"},
		{"revoking a path", "/revoke", `{"app":"claude","id":"/"}`, `token "/": not a name | ` + noName},
		{"revoking of a path", "/revoke", `{"app":"/"}`, `app "/": not a name | ` + noName},
		{"revoking too much", "/revoke", `{"app":"claude","all":true}`, `request: unknown field "all"` + version},
		{"listing a path", "/tokens", `{"app":"/"}`, `app "/": not a name | ` + noName},
		{"listing too much", "/tokens", `{"user":"jane"}`, `request: unknown field "user"` + version},
		{"reloading from elsewhere", "/reload", `{"path":"/tmp/x"}`, `request: unknown field "path"` + version},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDaemon(control.Steer)
			path, _ := d.serve(t, 0o600)
			if _, got := raw(t, path, post(test.call, test.body)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if test.want != "" && len(d.asked)+len(d.revoked) > 0 {
				t.Errorf("got as far as %v %v, want nothing to be reached", d.asked, d.revoked)
			}
		})
	}
}

// A body that is announced and does not come is an error, and not an empty one.
func TestCutOffBody(t *testing.T) {
	d := newDaemon(control.Steer)
	path, _ := d.serve(t, 0o600)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text := post("/reload", "{}")
	if _, err := conn.Write([]byte(text[:len(text)-1])); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("got %v, want an answer", err)
	}
	body, _ := io.ReadAll(answer.Body)
	if want := `{"class":"configuration","message":"request: did not arrive whole"}` + "\n"; string(body) != want {
		t.Errorf("got %s want %s", body, want)
	}
}

// A connection on which nothing is said is closed, at the latest after two
// seconds; here one header line arrives and no more.
func TestSlowRequest(t *testing.T) {
	t.Parallel()
	d := newDaemon(control.Steer)
	path, _ := d.serve(t, 0o600)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte("GET /status HTTP/1.1\r\n"))
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	start := time.Now()
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatalf("got %v after %s, want the connection to be closed", err, time.Since(start))
	}
	if took := time.Since(start); took < time.Second || took > 15*time.Second {
		t.Errorf("closed after %s, want about 2 s", took)
	}
}
