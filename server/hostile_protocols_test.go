package server_test

import (
	"math/rand/v2"
	"strings"
)

// spoken is an honest request but for its version.
func spoken(version string) string {
	return "GET /v1/credentials " + version + "\nHost: ADDR\nAuthorization: TOKEN\n\n"
}

// noise is n bytes that mean nothing, the same each time.
func noise(seed uint64, n int) string {
	random := rand.New(rand.NewPCG(seed, seed))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return string(b)
}

// hostileProtocols are clients that took the port for something else, and
// versions of HTTP that are not ours. What has no end would be waited for, two
// seconds at most: here the client ends its half, and net/http says what it
// thinks of the half that came.
var hostileProtocols = []row{
	{"HTTP/0.9", "GET /v1/credentials\n\n", malformed},
	{"HTTP/2.0 in words", spoken("HTTP/2.0"), noVersion},
	{"HTTP/3.0 in words", spoken("HTTP/3.0"), noVersion},
	{"HTTP/0.1", spoken("HTTP/0.1"), noVersion},
	{"HTTP/9.9", spoken("HTTP/9.9"), noVersion},
	{"HTTP/1", spoken("HTTP/1"), malformed},
	{"HTTP/1.10", spoken("HTTP/1.10"), malformed},
	{"HTTP/01.1", spoken("HTTP/01.1"), malformed},
	{"HTTP/1,1", spoken("HTTP/1,1"), malformed},
	{"HTTP/-1.1", spoken("HTTP/-1.1"), malformed},
	{"http/1.1", spoken("http/1.1"), malformed},
	{"HTPP/1.1", spoken("HTPP/1.1"), malformed},
	{"ICAP", spoken("ICAP/1.0"), malformed},
	{"RTSP", "OPTIONS rtsp://ADDR/ RTSP/1.0\nCSeq: 1\n\n", malformed},
	{"SIP", "INVITE sip:x@ADDR SIP/2.0\n\n", malformed},
	{"a version and more", spoken("HTTP/1.1 x"), malformed},

	{"HTTP/2 without TLS", "PRI * HTTP/2.0\n\nSM\n\n", badMethod},
	{"HTTP/2 without TLS, and its first frame", "PRI * HTTP/2.0\n\nSM\n\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", badMethod},
	{"TLS", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", cutShort},
	{"TLS with a line break in it", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\n\n", malformed},
	{"TLS of old", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", cutShort},
	{"SOCKS 5", "\x05\x01\x00", cutShort},
	{"SOCKS 4", "\x04\x01\x00\x50\x7f\x00\x00\x01\x00", cutShort},
	{"SSH", "SSH-2.0-OpenSSH_10.0\n", malformed},
	{"SMTP", "EHLO evil.example\n", malformed},
	{"FTP", "USER anonymous\n", malformed},
	{"Redis", "*1\n$4\nPING\n", malformed},
	{"memcached", "stats\n", malformed},
	{"PostgreSQL", "\x00\x00\x00\x08\x04\xd2\x16\x2f", cutShort},
	{"a proxy's first line", "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\n" + plain, malformed},
	{"a proxy's first bytes", "\n\n␀\nQUIT␊", malformed},
	{"an answer", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", malformed},
	{"JSON", `{"token":"TOKEN"}` + "\n", malformed},
	{"an empty line first", "\n" + plain, malformed},
	{"empty lines", strings.Repeat("\n", 1000), malformed},
	{"spaces", strings.Repeat(" ", 1000) + "\n", malformed},
	{"nothing", "", noAnswer},
	{"one byte", "G", cutShort},
	{"half a request line", "GET /v1/cred", cutShort},
	{"half a header", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOK", cutShort},
	{"a header without an end", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n", cutShort},
	{"zeros", strings.Repeat("\x00", 1000), cutShort},
	{"zeros and a line break", strings.Repeat("\x00", 1000) + "\n", malformed},
	{"64 kB of one line", strings.Repeat("A", 64<<10), tooLarge},
	{"noise", noise(1, 512) + "\n\n", malformed},
	{"noise of another kind", noise(2, 512) + "\n\n", malformed},
	{"noise, and more of it", noise(3, 4000) + "\n\n", malformed},
	{"noise and a request", noise(4, 32) + "\n" + plain, malformed},
}
