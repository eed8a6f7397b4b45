//go:build linux

package server_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/server"
)

// A metadata read is what an SDK does for credentials: a session token, the role's name,
// the role's document, over one connection that is kept. To be read together, from one
// run:
//
//	go test ./server -run '^$' -bench Metadata -count 6

// BenchmarkMetadataFloor is the least that can be done in net/http: three constants,
// without any check.
func BenchmarkMetadataFloor(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	token := strings.Repeat("A", 56)
	hs := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
		switch r.URL.Path {
		case "/latest/api/token":
			_, _ = io.WriteString(w, token)
		case roles:
			_, _ = io.WriteString(w, "upload")
		default:
			_, _ = io.WriteString(w, goldenRole)
		}
	})}
	go func() { _ = hs.Serve(ln) }()
	b.Cleanup(func() { _ = hs.Close() })
	b.Run("read", func(b *testing.B) { benchmarkRead(b, &world{tb: b, addr: ln.Addr().String()}) })
	b.Run("role", func(b *testing.B) { benchmarkRole(b, &world{tb: b, addr: ln.Addr().String()}, token) })
}

// BenchmarkMetadata is everything: the kernel's word, decisions, the audit log's file.
func BenchmarkMetadata(b *testing.B) {
	file, err := os.Create(b.TempDir() + "/audit.log")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	log := audit.New(audit.Config{Out: file})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	kernel, err := peer.OpenKernel()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = kernel.Close() }()
	w := startMetadata(b, always(credentials(nil)), self(""), func(c *server.Config) { c.Audit, c.Who = log, kernel.Client })
	b.Run("read", func(b *testing.B) { benchmarkRead(b, w) })
	b.Run("role", func(b *testing.B) { benchmarkRole(b, w, w.session()) })
	_ = w.stop()
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
}

// benchmarkRead asks three times for each operation.
func benchmarkRead(b *testing.B, w *world) {
	put := []byte(w.put(put))
	list, role := []byte(w.put(reading(roles, strings.Repeat("A", 56)))), []byte(w.put(reading(roles+"upload", strings.Repeat("A", 56))))
	parallel(b, w, func(c net.Conn, in *bufio.Reader) error {
		if _, err := c.Write(put); err != nil {
			return err
		}
		token, err := bodyOf(in)
		if err != nil {
			return err
		}
		for _, request := range [][]byte{list, role} {
			var own [512]byte
			said := own[:copy(own[:], request)]
			copy(said[len(said)-4-len(token):], token)
			if _, err := c.Write(said); err != nil {
				return err
			}
			if err := skip(in); err != nil {
				return err
			}
		}
		return nil
	})
}

// benchmarkRole asks for the document alone.
func benchmarkRole(b *testing.B, w *world, token string) {
	request := []byte(w.put(reading(roles+"upload", token)))
	parallel(b, w, func(c net.Conn, in *bufio.Reader) error {
		if _, err := c.Write(request); err != nil {
			return err
		}
		return skip(in)
	})
}

func parallel(b *testing.B, w *world, one func(net.Conn, *bufio.Reader) error) {
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
			if err := one(c, in); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// bodyOf reads an answer whose body is a session token.
func bodyOf(in *bufio.Reader) ([]byte, error) {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) == 2 {
			token := make([]byte, 56)
			_, err := io.ReadFull(in, token)
			return token, err
		}
	}
}
