package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// answers reads the answers of one connection and checks each: a figure that
// counts refusals as answers is worth nothing. It allocates once, so that the
// client's own garbage does not compete with the servers'.
type answers struct {
	in   io.Reader
	want []byte // the body; nil takes any
	buf  []byte
}

// maxAnswer is the longest answer that is read, its header included.
const maxAnswer = 32 << 10

func newAnswers(in io.Reader, want []byte) *answers {
	return &answers{in: in, want: want, buf: make([]byte, maxAnswer)}
}

// next reads one answer, and returns its body, which is valid until the next
// call. The error says what was wrong with it.
func (a *answers) next() ([]byte, error) {
	n := 0
	for n < len(a.buf) {
		got, err := a.in.Read(a.buf[n:])
		n += got
		body, bad := check(a.buf[:n], a.want)
		if bad != nil || body != nil {
			return body, bad
		}
		if err != nil {
			return nil, fmt.Errorf("answer: cut after %d bytes: %w", n, err)
		}
	}
	return nil, fmt.Errorf("answer: longer than %d bytes", len(a.buf))
}

const (
	statusOK     = "HTTP/1.1 200 OK\r\n"
	lengthHeader = "\r\nContent-Length: "
)

// check returns the body of an answer, nil as long as text is only the
// beginning of one, or what is wrong with it.
func check(text, want []byte) ([]byte, error) {
	if len(text) < len(statusOK) {
		return nil, nil
	}
	if string(text[:len(statusOK)]) != statusOK {
		line, _, _ := bytes.Cut(text, []byte("\r\n"))
		return nil, fmt.Errorf("answer: got %.60q, want 200 OK", line)
	}
	end := bytes.Index(text, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, nil
	}
	length, err := contentLength(text[:end+2])
	if err != nil {
		return nil, err
	}
	body := text[end+4:]
	switch {
	case len(body) < length:
		return nil, nil
	case len(body) > length:
		return nil, fmt.Errorf("answer: %d bytes after the body's end", len(body)-length)
	case want != nil && !bytes.Equal(body, want):
		return nil, fmt.Errorf("answer: another body than the first one, of %d bytes where that has %d", len(body), len(want))
	}
	return body, nil
}

// contentLength reads a length out of a header, each line of it with its end.
func contentLength(header []byte) (int, error) {
	at := bytes.Index(header, []byte(lengthHeader))
	if at < 0 {
		return 0, errors.New("answer: without a Content-Length")
	}
	value, _, _ := bytes.Cut(header[at+len(lengthHeader):], []byte("\r\n"))
	length, err := strconv.Atoi(string(value)) // does not escape: no allocation
	if err != nil || length <= 0 || length > maxAnswer {
		return 0, fmt.Errorf("answer: Content-Length %.20q", value)
	}
	return length, nil
}
