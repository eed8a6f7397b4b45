package server_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

// tolerated is what real clients send, and must be answered.
var tolerated = []struct{ name, request string }{
	{"nothing but the token", plain},
	{"Bearer", carrying("Bearer TOKEN")},
	{"spaces around the token", carrying("  TOKEN  ")},
	{"tabs around the token", carrying("\tTOKEN\t")},
	{"a line break after the token, as from a file", carrying("TOKEN␊")},
	{"the headers in small letters", get1("host: ADDR", "authorization: TOKEN")},
	{"the headers in capitals", get1("HOST: ADDR", "AUTHORIZATION: TOKEN")},
	{"lines that end in LF alone", "GET /v1/credentials HTTP/1.1␊Host: ADDR␊Authorization: TOKEN␊␊"},
	{"the profile by name", to("/v1/credentials/upload")},
	{"no port, as the CRT", get1("Host: 127.0.0.1", "Authorization: TOKEN", "Accept-Encoding: identity")},
	{"spaces around the host", at("  ADDR  ")},
	{"localhost", at("localhost:PORT")},
	{"localhost without a port", at("localhost")},
	{"localhost in capitals", at("LocalHost:PORT")},
	{"IPv6", at("[::1]:PORT")},
	{"IPv6 without a port", at("[::1]")},
	{"IPv6 without brackets, as the CRT", at("::1")},
	{"gzip, as Go", with("Accept: application/json", "Accept-Encoding: gzip", "Amz-Sdk-Request: attempt=1; max=3", "User-Agent: Go-http-client/1.1")},
	{"what Python sends", with("Accept: application/json", "Accept-Encoding: identity", "User-Agent: python-urllib3/2.5")},
	{"a language, as Swift on Linux", with("Accept: */*", "Accept-Encoding: deflate, gzip", "Connection: keep-alive", "User-Agent: program (unknown version) curl/7.88.1", "Accept-Language: en")},
	{"a language, as Swift on a Mac", with("Accept: */*", "User-Agent: Program/1 CFNetwork/1568.100.1 Darwin/24.0.0", "Accept-Language: en-GB,en;q=0.9", "Accept-Encoding: gzip, deflate", "Connection: keep-alive")},
	{"an upgrade to HTTP/2, as Java offers it", with("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA")},
	// A client that keeps cookies sends those of any other service on this
	// host, whatever its port; a page's fetch is found out by other headers.
	{"a cookie of another service", with("Cookie: session=1")},
	{"a length of nothing", with("Content-Length: 0")},
	{"a length of nothing, twice", with("Content-Length: 0", "Content-Length: 0")},
	{"500 headers", with(strings.TrimSuffix(manyHeaders(500), "\n"))},
	{"8 kB of headers", with("X: " + strings.Repeat("x", 8<<10))},
	{"letters that are not ASCII", with("User-Agent: Zoë")},
	{"HTTP/1.0", spoken("HTTP/1.0")},
	{"HTTP/1.0, keeping the connection", "GET /v1/credentials HTTP/1.0\nHost: ADDR\nConnection: keep-alive\nAuthorization: TOKEN\n\n"},
	{"HTTP/1.2, which is to be understood as 1.1", spoken("HTTP/1.2")},
	{"no keep-alive", with("Connection: close")},
}

func TestToleratedRequests(t *testing.T) { atBothDoors(t, toleratedRequests) }

func toleratedRequests(t *testing.T, start open) {
	w := start(t, always(credentials(nil)))
	right := 0
	for _, test := range tolerated {
		if w.path != "" && strings.Contains(toPath(test.request, w.path), "\nAuthorization:") {
			continue // a token is a token, however it is written
		}
		if t.Run(test.name, func(t *testing.T) {
			c := w.dialFor(t)
			if _, err := io.WriteString(c, w.bytes(test.request)); err != nil {
				t.Fatal(err)
			}
			got := readReply(t, bufio.NewReader(c))
			if got.status != 200 || got.body != golden || got.header.Get("Content-Encoding") != "" {
				t.Errorf("got %d %s, want 200 and the credentials as they are", got.status, got.body)
			}
		}) {
			right++
		}
	}
	t.Logf("%d cases, %d right", len(tolerated), right)
}
