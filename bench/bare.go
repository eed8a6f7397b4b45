package main

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// bare is what vendord is compared with: the least that net/http can do to
// answer a program that shows a token. Everything else is Go's default: no
// timeouts, no limits, no record, nobody recognised but by the token.
type bare struct {
	Token []byte
	Type  string // Content-Type
	Body  []byte // byte for byte what vendord answers
}

// chunkedFrom is the size from which net/http sends a body in chunks, unless it
// is told the length. The client asks for lengths, as vendord gives them.
const chunkedFrom = 2048

func (b *bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), b.Token) != 1 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", b.Type)
	if len(b.Body) > chunkedFrom {
		w.Header().Set("Content-Length", strconv.Itoa(len(b.Body)))
	}
	_, _ = w.Write(b.Body)
}

// bareMode is the server process: what to answer on stdin, its address on
// stdout. It ends when stdin does, so that it never outlives whoever started it.
func bareMode(stdin io.Reader, stdout io.Writer) error {
	b := new(bare)
	if err := json.NewDecoder(stdin).Decode(b); err != nil {
		return fmt.Errorf("bare: reading what to answer: %w", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("bare: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		_ = ln.Close()
	}()
	fmt.Fprintln(stdout, ln.Addr())
	_ = http.Serve(ln, b) // ends with the listener
	return nil
}
