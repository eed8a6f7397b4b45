package server_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/server"
)

const (
	proxied  = "header: one that only a browser or a proxy sends; hint: ask directly, with NO_PROXY=127.0.0.1,localhost"
	rebound  = "host: not the address that vendord listens on; hint: ask http://ADDR/"
	noQuery  = "path: has a query; hint: ask without one"
	noProxy  = "path: does not begin with a slash; hint: ask http://ADDR/, not a proxy"
	noBody   = "body: a request for metadata has none; hint: ask without one"
	inPath   = "path: has a token in it; hint: issue another token: this one may be in logs"
	getAlone = "method: only GET and HEAD are answered here; hint: ask with GET"
)

// hostileMetadata are requests to the metadata service with a session token that is good, SESSION,
// and for credentials where none is named.
var hostileMetadata = []struct {
	name, line, headers string
	status              int
	body                string // "": net/http's own
}{
	{"a page whose name leads here", "", "Host: evil.example", 403, rebound},
	{"a page whose name leads here, with the port", "", "Host: evil.example:PORT", 403, rebound},
	{"a name that says its address", "", "Host: 127.0.0.1.nip.io:PORT", 403, rebound},
	{"EC2's address, but not ours", "", "Host: 169.254.169.254", 403, rebound},
	{"another port", "", "Host: 127.0.0.1:1", 403, rebound},
	{"a zone", "", "Host: [::1%25lo]:PORT", 403, rebound},
	{"an address in another form", "", "Host: 2130706433:PORT", 403, rebound},
	{"a dot at the end", "", "Host: localhost.:PORT", 403, rebound},
	{"an empty host", "", "Host:", 403, rebound},
	{"two hosts", "", "Host: ADDR\nHost: evil.example", 400, ""},
	{"no host", "", "X: y", 400, ""},
	{"no host in HTTP/1.0", "GET " + roles + "upload HTTP/1.0", "X: y", 403, rebound},

	{"a browser's page", "", "Host: ADDR\nOrigin: http://evil.example", 403, proxied},
	{"a browser's page without an origin", "", "Host: ADDR\nOrigin: null", 403, proxied},
	{"a link", "", "Host: ADDR\nReferer: http://evil.example/", 403, proxied},
	{"what is typed into a browser", "", "Host: ADDR\nSec-Fetch-Site: none\nSec-Fetch-Mode: navigate", 403, proxied},
	{"a browser's hint", "", "Host: ADDR\nSec-CH-UA: \"x\"", 403, proxied},
	{"a browser that asks first", "OPTIONS " + roles, "Host: ADDR\nOrigin: http://evil.example\nAccess-Control-Request-Method: PUT", 403, proxied},
	{"a proxy", "", "Host: ADDR\nX-Forwarded-For: 10.0.0.1", 403, proxied},
	{"a proxy, with an empty list", "", "Host: ADDR\nX-Forwarded-For:", 403, proxied},
	{"a proxy, in small letters", "", "Host: ADDR\nx-forwarded-for: ::1", 403, proxied},
	{"a proxy that tells the host", "", "Host: ADDR\nX-Forwarded-Host: ADDR", 403, proxied},
	{"a proxy, as the standard has it", "", "Host: ADDR\nForwarded: for=10.0.0.1", 403, proxied},
	{"a proxy that names itself", "", "Host: ADDR\nVia: 1.1 proxy", 403, proxied},
	{"a proxy that tells the address", "", "Host: ADDR\nX-Real-IP: 10.0.0.1", 403, proxied},
	{"a source of vendord", "", "Host: ADDR\nVendord-Source: x", 403, "header: a source of vendord asks vendord; hint: use another source"},

	{"an app's token", "", "Host: ADDR\nAuthorization: TOKEN", 404, "token: not for this path, which asks the kernel who you are; hint: its token belongs to /v1/credentials"},

	{"POST", "POST " + roles + "upload", "", 405, getAlone},
	{"PUT", "PUT " + roles + "upload", "", 405, getAlone},
	{"DELETE", "DELETE " + roles, "", 405, getAlone},
	{"OPTIONS", "OPTIONS " + roles, "", 405, getAlone},
	{"OPTIONS of all", "OPTIONS *", "", 403, noProxy},
	{"TRACE", "TRACE " + roles, "", 405, getAlone},
	{"CONNECT", "CONNECT ADDR", "", 403, noProxy},
	{"get in small letters", "get " + roles + "upload", "", 405, getAlone},
	{"HTTP/2", "PRI *", "", 403, noProxy},

	{"a proxy's form", "GET http://ADDR" + roles + "upload", "", 403, noProxy},
	{"a proxy's form for EC2", "GET http://169.254.169.254" + roles + "upload", "Host: 169.254.169.254", 403, noProxy},
	{"a query", "GET " + roles + "upload?x", "", 403, noQuery},
	{"an empty query", "GET " + roles + "upload?", "", 403, noQuery},
	{"the session token in a query", "GET " + roles + "?token=SESSION", "", 403, noQuery},
	{"an app's token in the path", "GET " + roles + "TOKEN", "", 403, inPath},
	{"an id of ECS's address in the path", "GET " + roles + "vndp_0123456789", "", 403, inPath},
	{"the session token in the path", "GET " + roles + "SESSION/", "", 404, "role: not the one that this program has; hint: ask /latest/meta-data/iam/security-credentials/ for its name"},
	{"the session token as a version", "GET /SESSION/meta-data/", "", 404, nothingHere},

	{"a slash more", "GET //latest/meta-data/", "", 404, nothingHere},
	{"a slash more inside", "GET /latest//meta-data/", "", 404, nothingHere},
	{"a slash more at the end", "GET /latest/meta-data//", "", 404, nothingHere},
	{"slashes alone", "GET //", "", 404, nothingHere},
	{"a slash more after the version", "GET /latest//", "", 404, nothingHere},
	{"a slash before the role", "GET " + roles + "/upload", "", 404, nothingHere},
	{"a slash more after the role", "GET " + roles + "upload//", "", 404, nothingHere},
	{"a dot", "GET /latest/./meta-data/", "", 404, nothingHere},
	{"two dots", "GET /latest/meta-data/../meta-data/", "", 404, nothingHere},
	{"two dots for a role", "GET " + roles + "..", "", 404, nothingHere},
	{"an encoded slash", "GET /latest%2Fmeta-data/", "", 404, nothingHere},
	{"an encoded slash in the role", "GET " + roles + "upload%2Fx", "", 404, nothingHere},
	{"an encoded letter", "GET " + roles + "uploa%64", "", 404, nothingHere},
	{"an encoded NUL", "GET " + roles + "upload%00", "", 404, nothingHere},
	{"an encoded line break", "GET " + roles + "upload%0d%0aX:y", "", 404, nothingHere},
	{"a role of two words", "GET " + roles + "upload/x", "", 404, nothingHere},
	{"a role that is not ASCII", "GET " + roles + "uplöad", "", 404, nothingHere},
	{"a role of one kilobyte", "GET " + roles + strings.Repeat("r", 1<<10), "", 404, nothingHere},
	{"a path of 64 kB", "GET /" + strings.Repeat("p", 64<<10), "", 431, ""},
	{"capitals", "GET /Latest/Meta-Data/", "", 404, nothingHere},
	{"a version to come", "GET /2099-01-01/meta-data/", "", 404, nothingHere},
	{"a backslash", `GET /latest\meta-data/`, "", 404, nothingHere},
	{"a semicolon", "GET /latest;x/meta-data/", "", 404, nothingHere},
	{"a fragment", "GET /latest/meta-data/#x", "", 404, nothingHere},
	{"no slash", "GET latest/meta-data/", "", 400, ""},
	{"the path of ECS", "GET /v1/credentials", "", 404, nothingHere},
	{"the path of programs", "GET /v1/process/credentials", "", 404, nothingHere},
	{"a health check", "GET /healthz", "", 404, nothingHere},
	{"tags", "GET /latest/meta-data/tags/instance", "", 404, nothingHere},
	{"spot", "GET /latest/meta-data/spot/instance-action", "", 404, nothingHere},
	{"an image", "GET /latest/meta-data/ami-id", "", 404, nothingHere},

	{"a body", "", "Host: ADDR\nContent-Length: 1\n\nx", 403, noBody},
	{"chunks", "", "Host: ADDR\nTransfer-Encoding: chunked\n\n0\n", 403, noBody},
	{"a body to come", "", "Host: ADDR\nContent-Length: 1000000000", 403, noBody},
	{"two lengths", "", "Host: ADDR\nContent-Length: 0\nContent-Length: 1", 400, ""},
	{"an expectation", "", "Host: ADDR\nContent-Length: 1\nExpect: 100-continue", 403, noBody},
	{"an expectation that nobody knows", "", "Host: ADDR\nExpect: more", 417, ""},
	{"16 kB of headers", "", "Host: ADDR\nX: " + strings.Repeat("x", 64<<10), 431, ""},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", 400, ""},
}

func TestHostileMetadata(t *testing.T) {
	w := startMetadata(t, always(credentials(nil)), self(""))
	token := w.session()
	right := 0
	for _, row := range hostileMetadata {
		if t.Run(row.name, func(t *testing.T) {
			line, headers := row.line, row.headers
			if line == "" {
				line = "GET " + roles + "upload"
			}
			if !strings.Contains(line, " HTTP/") {
				line += " HTTP/1.1"
			}
			if !strings.Contains(headers, "Host") && row.status != 400 && !strings.Contains(line, "HTTP/1.0") {
				headers = "Host: ADDR\n" + headers
			}
			request := line + "\nX-aws-ec2-metadata-token: " + token + "\n" + strings.TrimSuffix(headers, "\n") + "\n\n"
			got := w.ask(strings.ReplaceAll(request, "SESSION", token))
			if want := w.put(row.body); got.status != row.status || want != "" && got.body != want {
				t.Errorf("got %d %q, want %d %q", got.status, got.body, row.status, want)
			}
			for name := range got.header {
				if strings.HasPrefix(name, "Access-Control-") || name == "Location" || name == "Set-Cookie" {
					t.Errorf("got the header %s: %s", name, got.header.Get(name))
				}
			}
			if strings.Contains(got.body, "canary") {
				t.Errorf("got a secret: %s", got.body)
			}
		}) {
			right++
		}
	}
	t.Logf("%d cases, %d right", len(hostileMetadata), right)
	w.wroteNoSecret(t)
	if said := w.record() + w.log.String(); strings.Contains(said, token) {
		t.Errorf("the session token was written down: %s", lineWith(said, token))
	}
	if got := w.read(roles + "upload"); got.body != goldenRole {
		t.Errorf("afterwards: got %d %s, want the credentials", got.status, got.body)
	}
}

// TestToleratedMetadata is what real clients send, and must be answered.
func TestToleratedMetadata(t *testing.T) {
	w := startMetadata(t, always(credentials(nil)), self(""))
	token := w.session()
	for name, headers := range map[string]string{
		"nothing more":            "Host: ADDR",
		"no port, as the CRT":     "Host: 127.0.0.1",
		"localhost":               "Host: LocalHost:PORT",
		"IPv6 without brackets":   "Host: ::1",
		"Go":                      "Host: ADDR\nUser-Agent: aws-sdk-go-v2/1.47.7 api/imds#1.20.7\nAccept-Encoding: gzip\nAmz-Sdk-Request: attempt=1; max=3",
		"Swift":                   "Host: ADDR\nAccept: */*\nUser-Agent: aws-sdk-swift ua/2.1 api/imds\nConnection: keep-alive\nAccept-Language: en",
		"Python":                  "Host: ADDR\nAccept-Encoding: identity\nUser-Agent: Boto3/1.44",
		"Java":                    "Host: ADDR\nAccept: */*\nConnection: keep-alive",
		"a cookie":                "Host: ADDR\nCookie: x=y",
		"a length of nothing":     "Host: ADDR\nContent-Length: 0",
		"HTTP/2, if there is any": "Host: ADDR\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA",
	} {
		got := w.ask("GET " + roles + "upload HTTP/1.1\nx-aws-ec2-metadata-token: " + token + "\n" + headers + "\n\n")
		if got.status != 200 || got.body != goldenRole || got.header.Get("Content-Encoding") != "" {
			t.Errorf("%s: got %d %q, want the credentials as they are", name, got.status, got.body)
		}
	}
}

// TestSlowMetadata: who sends half a header has two seconds, however long the pauses.
func TestSlowMetadata(t *testing.T) {
	w := startMetadata(t, always(credentials(nil)), self(""))
	c := w.dial()
	began := time.Now()
	if _, err := io.WriteString(c, "PUT /latest/api/token HTTP/1.1\r\nHost: "); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(c)
	if took := time.Since(began); took < time.Second || took > 15*time.Second || len(rest) > 0 {
		t.Errorf("half a header: closed after %v with %q, want 2 s and nothing", took, rest)
	}
}

// TestMetadataOverOneConnection: token, list, role, one after another and at once.
func TestMetadataOverOneConnection(t *testing.T) {
	w := startMetadata(t, always(credentials(nil)), self(""))
	c := w.dial()
	in := bufio.NewReader(c)
	token := w.askOn(c, in, put).body
	for range 3 {
		if got := w.askOn(c, in, reading(roles, token)); got.body != "upload" || got.closes {
			t.Fatalf("list: got %d %q, closing %v", got.status, got.body, got.closes)
		}
	}
	if _, err := io.WriteString(c, w.put(put+reading(roles, token)+reading(roles+"upload", token))); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "upload", goldenRole} {
		if got := w.readOn(in, "GET"); got.status != 200 || want != "" && got.body != want {
			t.Errorf("pipelined, answer %d: got %d %q, want %q", i, got.status, got.body, want)
		}
	}
}

// TestMetadataElsewhere: no other address is listened on.
func TestMetadataElsewhere(t *testing.T) {
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	want := "listen " + ln.Addr().String() + ": not a loopback address, and none of this endpoint's"
	book, _ := book(t, "")
	err = server.New(server.Config{Apps: book}).Serve(t.Context(), ln, server.Endpoint{Kind: server.Metadata})
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Serve: got %v, want %q", err, want)
	}
}
