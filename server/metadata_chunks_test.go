package server_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/server"
)

// s3fs is the PUT of s3fs 1.90: libcurl is told to upload, and has nothing to.
const s3fs = "PUT /latest/api/token HTTP/1.1\nHost: ADDR\nUser-Agent: s3fs/1.90 (commit hash unknown; GnuTLS(gcrypt))\nAccept: */*\n" +
	"Transfer-Encoding: chunked\nX-aws-ec2-metadata-token-ttl-seconds: 21600\nExpect: 100-continue\n\n"

// TestMetadataChunks sends requests that announce chunks: a session token is made for
// them, nothing else is read, and nobody reads what comes.
func TestMetadataChunks(t *testing.T) {
	w := startMetadata(t, always(credentials(nil)), self(""))
	for _, chunks := range []string{"", "0\n\n", "1\nx\n0\n\n", "zz"} {
		got := w.ask(s3fs + chunks)
		if got.status != 200 || got.header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") != "21600" || !got.closes {
			t.Errorf("PUT with the chunks %q: got %d %q, connection closed: %t; want 200 and a session token, closed", chunks, got.status, got.body, got.closes)
			continue
		}
		if role := w.ask(reading(roles, got.body)); role.status != 200 || role.body != "upload" {
			t.Errorf("its session token: got %d %q, want the role", role.status, role.body)
		}
	}
	token := w.session()
	for name, request := range map[string]string{
		"a PUT with a length":          "PUT /latest/api/token HTTP/1.1\nHost: ADDR\nX-aws-ec2-metadata-token-ttl-seconds: 60\nContent-Length: 1\n\nx",
		"a GET with chunks":            "GET " + roles + " HTTP/1.1\nHost: ADDR\nX-aws-ec2-metadata-token: " + token + "\nTransfer-Encoding: chunked\n\n0\n\n",
		"a PUT without a time to live": "PUT /latest/api/token HTTP/1.1\nHost: ADDR\nTransfer-Encoding: chunked\n\n0\n\n",
	} {
		if got := w.ask(request); got.status != 403 && got.status != 400 {
			t.Errorf("%s: got %d %q, want a refusal", name, got.status, got.body)
		}
	}
}

// TestNothingIsAskedBehindChunks sends a whole request for credentials, with a session
// token that is good, where a body could be: as a server does that was talked into
// sending somebody's text. It is no request of anybody's.
func TestNothingIsAskedBehindChunks(t *testing.T) {
	w := startMetadata(t, always(credentials(nil)), self(""))
	within := "GET " + roles + "upload HTTP/1.1\nHost: ADDR\nX-aws-ec2-metadata-token: " + w.session() + "\n\n"
	const chunked = "Transfer-Encoding: chunked\n"
	tokens := startOn(t, listening(t), always(credentials(nil)), nil)
	for name, row := range map[string]struct {
		of     *world
		sent   string
		behind string
	}{
		"chunks":                       {w, s3fs + "0\n\n", within},
		"a chunk":                      {w, s3fs, within},
		"a length as well":             {w, strings.Replace(s3fs, chunked, chunked+"Content-Length: 0\n", 1), within},
		"in HTTP/1.0":                  {w, "PUT /latest/api/token HTTP/1.0\nHost: ADDR\nConnection: keep-alive\nX-aws-ec2-metadata-token-ttl-seconds: 60\n" + chunked + "\n", within},
		"a trailer with the life":      {w, "PUT /latest/api/token HTTP/1.1\nHost: ADDR\nTrailer: X-aws-ec2-metadata-token-ttl-seconds\n" + chunked + "\n0\nX-aws-ec2-metadata-token-ttl-seconds: 60\n\n", within},
		"a PUT elsewhere":              {w, "PUT " + roles + " HTTP/1.1\nHost: ADDR\n" + chunked + "\n0\n\n", within},
		"a POST":                       {w, "POST /latest/api/token HTTP/1.1\nHost: ADDR\n" + chunked + "\n0\n\n", within},
		"with a token, in HTTP/1.0":    {tokens, "GET /v1/credentials HTTP/1.0\nHost: ADDR\nConnection: keep-alive\nAuthorization: none\n" + chunked + "\n", plain},
		"one's own first, in HTTP/1.0": {tokens, strings.Replace(plain, "1.1\n", "1.0\nConnection: keep-alive\n"+chunked, 1), plain},
	} {
		t.Run(name, func(t *testing.T) {
			c := row.of.dial()
			_, _ = io.WriteString(c, row.of.fill(row.sent+row.behind))
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
			all, err := io.ReadAll(c)
			if said := string(all); err != nil || strings.Count(said, "HTTP/1.") != 1 || row.of == w && strings.Contains(said, canarySecret) {
				t.Errorf("got %q, %v, want one answer, and the connection closed", said, err)
			}
		})
	}
}

// TestChunksThatNeverComeHoldNoPlace: whoever has been answered, and does not send what
// was announced, is let go for the next of the same user's programs.
func TestChunksThatNeverComeHoldNoPlace(t *testing.T) {
	const places = 4
	w := startMetadata(t, always(credentials(nil)), self(""), func(c *server.Config) { c.MaxConns = places })
	for range places {
		c := w.dial()
		if got := w.askOn(c, bufio.NewReader(c), s3fs+"5\nab"); got.status != 200 {
			t.Fatalf("PUT: got %d %q, want 200", got.status, got.body)
		}
	}
	if got := w.asked(w.dial(), put); got.status != 200 {
		t.Errorf("the next program's PUT: got %d %q, want 200", got.status, got.body)
	}
}
