package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fewFiles makes this test binary a server with few file descriptors.
const fewFiles = "VENDORD_TEST_FEW_FILES"

// TestHostileFilesUsedUp has a stranger open more connections than a server has
// file descriptors, so that accepting fails. The server is a process of its own:
// the limit is one of processes.
func TestHostileFilesUsedUp(t *testing.T) {
	if os.Getenv(fewFiles) != "" {
		serveWithFewFiles(t)
		return
	}
	t.Parallel() // it waits for timeouts
	w := &world{tb: t, body: golden}
	stop := w.startFewFiles(t)
	w.honest(t)
	for round := range 2 {
		conns := make([]*net.TCPConn, 100)
		for i := range conns {
			conns[i] = w.dialFor(t)
		}
		if round == 0 { // they stay: as long as it takes to be rid of them
			took := w.honest(t)
			t.Logf("100 connections and 64 files: an honest caller is answered in %v", took)
			if n := stillOpen(conns); n > 64 {
				t.Errorf("%d connections are open, so the files were not used up and this test shows nothing", n)
			}
		}
		closeAll(conns)
		if took := w.honest(t); took > 20*time.Second {
			t.Errorf("after the stranger went: an honest caller waited %v, want at once", took)
		}
	}
	stop()
}

// serveWithFewFiles serves until its stdin ends.
func serveWithFewFiles(t *testing.T) {
	w := start(t, always(credentials(nil)))
	limit := syscall.Rlimit{Cur: 64, Max: 64}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\nserving %s %s\n", w.addr, w.token)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// stillOpen counts the connections that the server has not ended.
func stillOpen(conns []*net.TCPConn) (n int) {
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			n++
		}
	}
	return n
}

// startFewFiles starts such a process and learns where it is. What it returns
// ends it, and wants it to have lived until then.
func (w *world) startFewFiles(t *testing.T) (stop func()) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostileFilesUsedUp$", "-test.timeout=5m")
	child.Env = append(os.Environ(), fewFiles+"=1")
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for w.addr == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the server: %v", err)
		}
		if rest, ok := strings.CutPrefix(line, "serving "); ok {
			_, _ = fmt.Sscan(rest, &w.addr, &w.token)
		}
	}
	return func() {
		_ = in.Close()
		said, _ := io.ReadAll(lines)
		if err := child.Wait(); err != nil {
			t.Errorf("the server: %v, having said %s", err, said)
		}
	}
}
