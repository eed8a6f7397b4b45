//go:build linux

package server_test

import (
	"bufio"
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/server"
)

// The two benchmarks are to be read together, from one run: what a request
// costs, and what it costs net/http alone. Both are asked over connections that
// are kept, by a client that allocates nothing, so that allocations are the
// server's; times include the client's. cpu-ns/op is the processor's time, which
// other programs disturb less than the clock's.
//
//	go test ./server -run '^$' -bench 'Floor|Vend' -count 6

// sdkRequest has the headers of the SDK for Go.
const sdkRequest = "GET /v1/credentials HTTP/1.1\nHost: ADDR\nUser-Agent: Go-http-client/1.1\nAccept: application/json\n" +
	"Amz-Sdk-Request: attempt=1; max=3\nAuthorization: TOKEN\nAccept-Encoding: gzip\n\n"

// benchmark asks w's server in parallel.
func benchmark(b *testing.B, w *world) {
	request := []byte(w.fill(sdkRequest))
	b.ReportAllocs()
	b.SetParallelism(8)
	before := processor(b)
	defer func() { b.ReportMetric(float64(processor(b)-before)/float64(b.N), "cpu-ns/op") }()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		in := bufio.NewReader(c)
		for pb.Next() {
			if _, err := c.Write(request); err != nil {
				b.Error(err)
				return
			}
			if err := skip(in); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// processor returns how long this process has run, in nanoseconds.
func processor(b *testing.B) int64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return use.Utime.Nano() + use.Stime.Nano()
}

// skip reads one answer, which must be 200 and have a Content-Length.
func skip(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil || string(line) != "HTTP/1.1 200 OK\r\n" {
		return errors.Join(err, errors.New("not 200: "+string(line)))
	}
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		const name = "Content-Length: "
		switch {
		case len(line) == 2:
			_, err := in.Discard(length)
			return err
		case len(line) > len(name) && string(line[:len(name)]) == name:
			if length, err = strconv.Atoi(string(line[len(name) : len(line)-2])); err != nil {
				return err
			}
		}
	}
}

// BenchmarkFloor is the least that can be done in net/http: one handler that
// compares one token and writes one body.
func BenchmarkFloor(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	w := &world{tb: b, addr: ln.Addr().String(), token: "vnd_0123456789012345678901234567890123456789012345678"}
	token, body := []byte(w.token), []byte(golden)
	hs := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), token) != 1 {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(body)
	})}
	go func() { _ = hs.Serve(ln) }()
	defer func() { _ = hs.Shutdown(context.Background()) }()
	benchmark(b, w)
}

// BenchmarkVend is everything, the audit log's file included.
func BenchmarkVend(b *testing.B) { vend(b, true, false) }

// BenchmarkVendRequired waits for each line to be taken by the file.
func BenchmarkVendRequired(b *testing.B) { vend(b, true, true) }

// BenchmarkVendWithoutRecord is everything but the audit log.
func BenchmarkVendWithoutRecord(b *testing.B) { vend(b, false, false) }

func vend(b *testing.B, record, required bool) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var out io.Writer
	if record {
		file, err := os.Create(b.TempDir() + "/audit.log")
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		out = file
	}
	log := audit.New(audit.Config{Out: out, Required: required})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	kernel, err := peer.OpenKernel()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = kernel.Close() }()
	w := startOn(b, ln, always(credentials(nil)), func(c *server.Config) { c.Audit, c.Who = log, kernel.Client })
	benchmark(b, w)
	_ = w.stop()
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
}
