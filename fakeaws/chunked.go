package fakeaws

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The values of x-amz-content-sha256 that are not a hash (S3 API reference,
// authenticating requests, as of 2026-11).
const (
	unsignedPayload = "UNSIGNED-PAYLOAD"
	unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	signedChunks    = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
)

// streaming are those whose body is aws-chunked.
var streaming = map[string]bool{unsignedTrailer: true, signedChunks: true, signedTrailer: true}

const (
	// chunkOverhead is more than the framing of the largest object takes,
	// with chunks no smaller than minChunk.
	chunkOverhead = 1 << 20
	minChunk      = 8 << 10
	maxChunkLine  = 4 << 10 // of framing; a trailer's is the longest
)

// bodySize returns the length that a body will have once it is decoded.
func bodySize(r *http.Request) (int64, *failure) {
	if !streaming[r.Header.Get("X-Amz-Content-Sha256")] {
		if r.ContentLength < 0 {
			return 0, fail(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
		}
		return r.ContentLength, nil
	}
	// Content-Length counts the framing too, and is not needed: the chunks say
	// where they end.
	n, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return 0, fail(http.StatusLengthRequired, "MissingContentLength", "You must provide the x-amz-decoded-content-length HTTP header.")
	}
	return n, nil
}

// readBody reads a body of the given length, decodes it where it is chunked,
// and checks it against what was signed.
func (rq *request) readBody(size int64) ([]byte, map[string]string, *failure) {
	mode := rq.Header.Get("X-Amz-Content-Sha256")
	if streaming[mode] {
		d := &chunkDecoder{r: bufio.NewReaderSize(io.LimitReader(rq.Body, size+chunkOverhead), maxChunkLine), size: size}
		if mode != unsignedTrailer {
			d.signer = &chunkSigner{key: rq.signingKey, date: iso(rq.signedAt), scope: rq.auth.scope(), previous: rq.auth.signature}
		}
		if mode != signedChunks {
			d.trailerName = strings.ToLower(rq.Header.Get("X-Amz-Trailer"))
		}
		return d.decode(mode != signedChunks)
	}
	body, err := io.ReadAll(io.LimitReader(rq.Body, size+1))
	if err != nil || int64(len(body)) != size {
		return nil, nil, incomplete
	}
	if sum := sha256.Sum256(body); mode != unsignedPayload && mode != hex.EncodeToString(sum[:]) {
		return nil, nil, fail(http.StatusBadRequest, "XAmzContentSHA256Mismatch",
			"The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return body, nil, nil
}

var (
	incomplete = fail(http.StatusBadRequest, "IncompleteBody",
		"The request body terminated unexpectedly or is not of the length that was announced")
	badTrailer = fail(http.StatusBadRequest, "MalformedTrailerError",
		"The request contained trailing data that was not well-formed or did not conform to our published schema.")
	smallChunk = fail(http.StatusForbidden, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes")
	badChunk   = mismatch("The chunk signature we calculated does not match the signature you provided.")
)

// chunkSigner makes the signatures of chunks: each covers the one before it,
// so that none can be left out, doubled or moved.
type chunkSigner struct {
	key                   []byte
	date, scope, previous string
}

// next reports whether signature is the one of the next chunk.
func (s *chunkSigner) next(chunk []byte, signature string) bool {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	sum := sha256.Sum256(chunk)
	return s.check("AWS4-HMAC-SHA256-PAYLOAD", empty+"\n"+hex.EncodeToString(sum[:]), signature)
}

// trailer reports whether signature is the one of the trailer.
func (s *chunkSigner) trailer(text, signature string) bool {
	sum := sha256.Sum256([]byte(text))
	return s.check("AWS4-HMAC-SHA256-TRAILER", hex.EncodeToString(sum[:]), signature)
}

// check compares a signature with the one that is due, and moves on to it.
func (s *chunkSigner) check(kind, hashes, signature string) bool {
	text := strings.Join([]string{kind, s.date, s.scope, s.previous, hashes}, "\n")
	s.previous = hex.EncodeToString(mac(s.key, text))
	return hmac.Equal([]byte(s.previous), []byte(signature))
}

// chunkDecoder reads an aws-chunked body.
type chunkDecoder struct {
	r           *bufio.Reader
	size        int64        // of the decoded body
	signer      *chunkSigner // nil: chunks are not signed
	trailerName string       // the one trailer that was announced
	body        []byte
}

// decode reads all chunks, and the trailer if there is to be one.
func (d *chunkDecoder) decode(trailer bool) ([]byte, map[string]string, *failure) {
	d.body = make([]byte, 0, d.size) // reserved by the caller
	small := false
	for {
		n, failed := d.chunk()
		if failed != nil {
			return nil, nil, failed
		}
		if n == 0 {
			break
		}
		// A chunk has to be signed and framed: many small ones are work for
		// nothing, which S3 refuses.
		if small {
			return nil, nil, smallChunk // the one before was not the last
		}
		small = n < minChunk
	}
	if int64(len(d.body)) != d.size {
		return nil, nil, incomplete
	}
	fields, failed := d.end(trailer)
	return d.body, fields, failed
}

// chunk reads one chunk and returns its length; 0 is the last, which has no
// line of its own after its (missing) data.
func (d *chunkDecoder) chunk() (int64, *failure) {
	head, err := d.line()
	if err != nil {
		return 0, incomplete
	}
	length, extension, signed := strings.Cut(head, ";")
	n, err := strconv.ParseUint(length, 16, 32)
	signature, known := strings.CutPrefix(extension, "chunk-signature=")
	// A chunk larger than what is left is refused by its announcement, before
	// anything of it is read: the buffer ends there.
	if err != nil || signed != known || signed != (d.signer != nil) || int64(n) > d.size-int64(len(d.body)) {
		return 0, incomplete
	}
	from := len(d.body)
	d.body = d.body[:from+int(n)]
	if _, err := io.ReadFull(d.r, d.body[from:]); err != nil {
		return 0, incomplete
	}
	if d.signer != nil && !d.signer.next(d.body[from:], signature) {
		return 0, badChunk
	}
	if n > 0 {
		if end, err := d.line(); err != nil || end != "" {
			return 0, incomplete
		}
	}
	return int64(n), nil
}

// end reads what follows the last chunk: the trailer with its signature if the
// chunks were signed, an empty line, and then nothing.
func (d *chunkDecoder) end(trailer bool) (map[string]string, *failure) {
	fields := map[string]string{}
	text := ""
	for {
		line, err := d.line()
		if err != nil {
			return nil, incomplete
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if _, twice := fields[name]; !ok || twice || !trailer || name != d.trailerName && name != trailerSignature {
			return nil, badTrailer
		}
		fields[name] = value
		if name == d.trailerName {
			text = name + ":" + value + "\n"
		}
	}
	// Whatever follows was not signed and is not part of the object.
	if _, err := d.r.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, incomplete
	}
	// A trailer that was announced has to come, and to be signed if the chunks
	// were: else one could be cut off on the way.
	signature, signed := fields[trailerSignature]
	if trailer && (text == "" || signed != (d.signer != nil)) {
		return nil, badTrailer
	}
	if signed && !d.signer.trailer(text, signature) {
		return nil, badChunk
	}
	return fields, nil
}

const trailerSignature = "x-amz-trailer-signature"

// line reads a line that ends in CR LF, without them. A line longer than the
// reader's buffer is an error.
func (d *chunkDecoder) line() (string, error) {
	line, err := d.r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok {
		return "", errors.New("a line without CR")
	}
	return text, nil
}
