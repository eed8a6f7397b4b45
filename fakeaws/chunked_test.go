package fakeaws_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/vendord/vendord/fakeaws"
)

const (
	signedChunks    = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	helloCRC        = "x-amz-checksum-crc32:NhCmhg=="
)

// chunked is an upload of chunks, framed and signed by the book and not by the
// fake's own code.
type chunked struct {
	mode     string
	chunks   []string
	trailer  string // "name:value"
	announce string // x-amz-trailer
	length   string // x-amz-decoded-content-length; empty: the true one
	spoil    func(body string) string
}

// send signs the headers, then the chunks one after the other.
func (c chunked) send(p *place, creds aws.Credentials, key string) reply {
	size := 0
	for _, chunk := range c.chunks {
		size += len(chunk)
	}
	if c.length == "" {
		c.length = strconv.Itoa(size)
	}
	r := object(creds, "PUT", "/lesson-bucket/"+key, "")
	r.header["X-Amz-Content-Sha256"] = []string{c.mode}
	r.header["X-Amz-Decoded-Content-Length"] = []string{c.length}
	r.header["Content-Encoding"] = []string{"aws-chunked"}
	if c.announce != "" {
		r.header["X-Amz-Trailer"] = []string{c.announce}
	}
	r.after = func(rq *http.Request) {
		body := c.frame(creds.SecretAccessKey, rq.Header)
		if c.spoil != nil {
			body = c.spoil(body)
		}
		rq.ContentLength, rq.Body = int64(len(body)), http.NoBody
		if body != "" {
			rq.Body = nopCloser{strings.NewReader(body)}
		}
	}
	return p.send(r)
}

type nopCloser struct{ *strings.Reader }

func (nopCloser) Close() error { return nil }

// frame makes the body.
func (c chunked) frame(secret string, h http.Header) string {
	m := regexp.MustCompile(`Credential=[^/]+/(\d+)/([^/]+)/.*Signature=(\w+)`).FindStringSubmatch(h.Get("Authorization"))
	key := sign(sign(sign(sign([]byte("AWS4"+secret), m[1]), m[2]), "s3"), "aws4_request")
	last := m[3]
	next := func(kind, hashes string) string {
		last = hex.EncodeToString(sign(key, kind+"\n"+h.Get("X-Amz-Date")+"\n"+m[1]+"/"+m[2]+"/s3/aws4_request\n"+last+"\n"+hashes))
		return last
	}
	var b bytes.Buffer
	for _, chunk := range append(c.chunks[:len(c.chunks):len(c.chunks)], "") {
		fmt.Fprintf(&b, "%x", len(chunk))
		if c.mode != unsignedTrailer {
			fmt.Fprintf(&b, ";chunk-signature=%s", next("AWS4-HMAC-SHA256-PAYLOAD", sum("")+"\n"+sum(chunk)))
		}
		b.WriteString("\r\n")
		if chunk != "" {
			b.WriteString(chunk + "\r\n")
		}
	}
	if c.trailer != "" {
		b.WriteString(c.trailer + "\r\n")
	}
	if c.mode == signedTrailer {
		b.WriteString("x-amz-trailer-signature:" + next("AWS4-HMAC-SHA256-TRAILER", sum(c.trailer+"\n")) + "\r\n")
	}
	return b.String() + "\r\n"
}

func sign(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func TestChunkedUploads(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c := p.lesson()
	full := strings.Repeat("x", 8192)
	replace := func(old, by string) func(string) string {
		return func(body string) string { return strings.Replace(body, old, by, 1) }
	}
	const (
		incomplete = "The request body terminated unexpectedly or is not of the length that was announced"
		badChunk   = "The chunk signature we calculated does not match the signature you provided."
		badTrailer = "The request contained trailing data that was not well-formed or did not conform to our published schema."
	)
	for _, x := range []struct {
		name          string
		up            chunked
		status        int
		code, message string
	}{
		{"signed", chunked{mode: signedChunks, chunks: []string{full, full, "end"}}, 200, "", ""},
		{"signed and empty", chunked{mode: signedChunks}, 200, "", ""},
		{"signed with a trailer", chunked{mode: signedTrailer, chunks: []string{"hello"}, trailer: helloCRC, announce: "x-amz-checksum-crc32"}, 200, "", ""},
		{"unsigned with a trailer", chunked{mode: unsignedTrailer, chunks: []string{"hello"}, trailer: helloCRC, announce: "x-amz-checksum-crc32"}, 200, "", ""},
		{"a byte changed", chunked{mode: signedChunks, chunks: []string{"hello"}, spoil: replace("hello", "hellO")}, 403, "SignatureDoesNotMatch", badChunk},
		{"two chunks swapped", chunked{mode: signedChunks, chunks: []string{full, strings.Repeat("y", 8192)}, spoil: func(b string) string {
			at := strings.Index(b, "\r\n2000;") + 2
			end := strings.Index(b[at:], "\r\n0;") + at + 2
			return b[at:end] + b[:at] + b[end:]
		}}, 403, "SignatureDoesNotMatch", badChunk},
		{"the last chunk's signature changed", chunked{mode: signedChunks, chunks: []string{"hello"}, spoil: func(b string) string {
			return b[:len(b)-5] + flip(b[len(b)-5:len(b)-4]) + b[len(b)-4:]
		}}, 403, "SignatureDoesNotMatch", badChunk},
		{"a signature missing", chunked{mode: signedChunks, chunks: []string{"hello"}, spoil: func(b string) string {
			return regexp.MustCompile(`;chunk-signature=\w+`).ReplaceAllString(b, "")
		}}, 400, "IncompleteBody", incomplete},
		{"the trailer changed", chunked{mode: signedTrailer, chunks: []string{"hello"}, trailer: helloCRC, announce: "x-amz-checksum-crc32",
			spoil: replace("NhCmhg==", "NhCmhA==")}, 403, "SignatureDoesNotMatch", badChunk},
		{"the trailer's signature missing", chunked{mode: signedTrailer, chunks: []string{"hello"}, trailer: helloCRC, announce: "x-amz-checksum-crc32",
			spoil: func(b string) string {
				return regexp.MustCompile(`x-amz-trailer-signature:\w+\r\n`).ReplaceAllString(b, "")
			}},
			400, "MalformedTrailerError", badTrailer},
		{"no trailer", chunked{mode: unsignedTrailer, chunks: []string{"hello"}, announce: "x-amz-checksum-crc32"}, 400, "MalformedTrailerError", badTrailer},
		{"a trailer that was not announced", chunked{mode: unsignedTrailer, chunks: []string{"hello"}, trailer: helloCRC, announce: "x-amz-checksum-sha1"},
			400, "MalformedTrailerError", badTrailer},
		{"a trailer where there is to be none", chunked{mode: signedChunks, chunks: []string{"hello"}, trailer: helloCRC}, 400, "MalformedTrailerError", badTrailer},
		{"the checksum of another body", chunked{mode: unsignedTrailer, chunks: []string{"hallo"}, trailer: helloCRC, announce: "x-amz-checksum-crc32"},
			400, "BadDigest", "The CRC32 you specified did not match the calculated checksum."},
		{"a small chunk in between", chunked{mode: signedChunks, chunks: []string{"small", full}}, 403, "InvalidChunkSizeError",
			"Only the last chunk is allowed to have a size less than 8192 bytes"},
		{"shorter than announced", chunked{mode: signedChunks, chunks: []string{"hello"}, length: "6"}, 400, "IncompleteBody", incomplete},
		{"longer than announced", chunked{mode: signedChunks, chunks: []string{"hello"}, length: "4"}, 400, "IncompleteBody", incomplete},
		{"cut off", chunked{mode: signedChunks, chunks: []string{"hello"}, spoil: func(b string) string { return b[:40] }}, 400, "IncompleteBody", incomplete},
		{"something after the end", chunked{mode: signedChunks, chunks: []string{"hello"}, spoil: func(b string) string { return b + "x" }}, 400, "IncompleteBody", incomplete},
		{"line feeds alone", chunked{mode: unsignedTrailer, chunks: []string{"hello"}, spoil: func(b string) string { return strings.ReplaceAll(b, "\r\n", "\n") }},
			400, "IncompleteBody", incomplete},
		{"a size that is none", chunked{mode: unsignedTrailer, chunks: []string{"hello"}, spoil: replace("5\r\n", "-5\r\n")}, 400, "IncompleteBody", incomplete},
		{"no length", chunked{mode: signedChunks, chunks: []string{"hello"}, length: "many"}, 411, "MissingContentLength",
			"You must provide the x-amz-decoded-content-length HTTP header."},
		{"too large", chunked{mode: signedChunks, chunks: []string{"hello"}, length: "16777217"}, 400, "EntityTooLarge",
			"Your proposed upload exceeds the maximum allowed size (fakeaws: 16 MiB for one object)."},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := x.up.send(p, c, "chunked")
			got.want(t, x.status, x.code, x.message)
			if x.status == 200 {
				content, err := p.client(c).Get(t.Context(), "lesson-bucket", "chunked")
				if want := strings.Join(x.up.chunks, ""); err != nil || string(content) != want {
					t.Errorf("Get: got %d bytes, %v, want %d", len(content), err, len(want))
				}
			}
		})
	}
	t.Run("refused uploads leave no room taken", func(t *testing.T) {
		for range 17 { // 17 times 16 MiB is more than there is
			chunked{mode: signedChunks, chunks: []string{"hello"}, length: "16777216"}.send(p, c, "big").want(t, 400, "IncompleteBody", incomplete)
		}
	})
}

// TestKnownChecksums checks the algorithms against values of others: CRC
// catalogues for the CRCs of "123456789", coreutils for the rest.
func TestKnownChecksums(t *testing.T) {
	p := start(t, fakeaws.Config{})
	for name, value := range map[string]string{
		"Crc32": "y/Q5Jg==", "Crc32c": "4waSgw==", "Crc64nvme": "rosUhgp5mIg=",
		"Md5": "JfnnlDI7RTiF9RgfG2JNCw==", "Sha1": "98O8HYCOBHMq32eZZczDTKeuNEE=",
		"Sha256": "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
	} {
		r := object(p.lesson(), "PUT", "/lesson-bucket/"+name, "123456789")
		r.header["X-Amz-Checksum-"+name] = []string{value}
		if got := p.send(r); got.status != 200 || got.header.Get("X-Amz-Checksum-"+name) != value {
			t.Errorf("%s: got %d %s", name, got.status, got.message)
		}
	}
}
