package server_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// crowd is twice as many connections as a server keeps open.
const crowd = 2 * 1024

// TestHostileCrowds opens more connections than there is room for, by one user,
// who is the honest callers' own: the worst case. Meanwhile callers with a new
// connection and one that keeps asking on an old one are answered.
func TestHostileCrowds(t *testing.T) {
	atBothDoors(t, hostileCrowds)
	t.Run("metadata", func(t *testing.T) { hostileCrowds(t, startWithoutSession) })
}

func hostileCrowds(t *testing.T, start open) {
	for _, test := range []struct {
		name, sent string
		answered   bool
	}{
		{"who say nothing", "", false},
		{"who send a byte", "G", false},
		{"who send half a header", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOK", false},
		{"who announce a body", "POST /v1/credentials HTTP/1.1\nHost: ADDR\nContent-Length: 1073741824\n\n", false},
		{"who have a wrong token", carrying("vnd_wrong"), false},
		{"who ask once and stay", plain, true},
	} {
		if !strings.HasSuffix(t.Name(), "token") && !test.answered {
			continue // until somebody is recognised there is one door
		}
		t.Run(test.name, func(t *testing.T) {
			w := start(t, always(credentials(nil)))
			regular := w.dialFor(t)
			in := bufio.NewReader(regular)
			sent := []byte(w.fill(test.sent))
			var conns []*net.TCPConn
			defer func() { closeAll(conns) }()
			slowest := time.Duration(0)
			for i := range crowd {
				c, err := net.DialTimeout("tcp", w.addr, 30*time.Second)
				if err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
				conns = append(conns, c.(*net.TCPConn))
				_, _ = c.Write(sent) // one that was closed already fails
				if test.answered && i < 100 {
					_, _ = io.ReadFull(c, make([]byte, 12))
				}
				if i%100 == 99 {
					slowest = max(slowest, w.honest(t))
					if _, err := io.WriteString(regular, w.fill(plain)); err != nil {
						t.Fatalf("who was there before: %v", err)
					}
					if got := readReply(t, in); got.status != 200 {
						t.Fatalf("who was there before: got %d, want 200", got.status)
					}
				}
			}
			if slowest > 20*time.Second {
				t.Errorf("the slowest honest caller: %v, want at once", slowest)
			}
			closeAll(conns)
			w.honest(t)
			w.wroteNoSecret(t)
			t.Logf("%d connections, %d honest callers meanwhile, the slowest answered in %v", crowd, crowd/100, slowest)
		})
	}
}

// TestHostileSlowness checks on the wire that what does not get on is cut off
// while others are served, and without an answer. It never comes to a path.
func TestHostileSlowness(t *testing.T) {
	t.Parallel()
	w := start(t, always(credentials(nil)))
	var waiting sync.WaitGroup // all at once, whatever -parallel says: they only wait
	defer waiting.Wait()
	for _, test := range []struct{ name, first, more string }{
		{"a header that never begins", "", ""},
		{"half a header", "GET /v1/credentials HTTP/1.1\nHost: AD", ""},
		{"a byte of a header now and then", "GET /v1/credentials HTTP/1.1\nX: ", "x"},
		{"a line of a header now and then", "GET /v1/credentials HTTP/1.1\n", "X: y\n"},
		{"a body, a byte now and then", "POST /v1/credentials HTTP/1.1\nHost: ADDR\nContent-Length: 1000000\n\n", "x"},
		{"chunks now and then", "GET /v1/credentials HTTP/1.1\nHost: ADDR\nTransfer-Encoding: chunked\n\n", "1\nx\n"},
	} {
		waiting.Go(func() {
			t.Run(test.name, func(t *testing.T) { w.slowly(t, test.first, test.more) })
		})
	}
}

// slowly sends what does not get on, and then more each 100 ms.
func (w *world) slowly(t *testing.T, first, more string) {
	const within = 30 * time.Second // an idle connection has a minute
	c := w.dialFor(t)
	_ = c.SetDeadline(time.Now().Add(within))
	var sending sync.WaitGroup
	defer sending.Wait()
	_, _ = io.WriteString(c, w.fill(first))
	sending.Go(func() {
		for more != "" {
			if _, err := io.WriteString(c, w.fill(more)); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	answer, err := io.ReadAll(c)
	_ = c.Close()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("still open after %v", within)
	}
	if strings.Contains(string(answer), "canary") || strings.Contains(string(answer), " 200 ") {
		t.Errorf("got %q", answer)
	}
	w.honest(t)
}

// TestHostileDisappearances is of clients that are gone, one way or another,
// before they were answered. Nothing of them stays.
func TestHostileDisappearances(t *testing.T) {
	atBothDoors(t, hostileDisappearances)
	t.Run("metadata", func(t *testing.T) { hostileDisappearances(t, startWithoutSession) })
}

func hostileDisappearances(t *testing.T, start open) {
	w := start(t, always(credentials(nil)))
	w.honest(t)
	before := runtime.NumGoroutine()
	for _, test := range []struct {
		name, sent string
		reset      bool
	}{
		{"after half a header", "GET /v1/credentials HTTP/1.1\nHost: AD", false},
		{"after half a header, with a reset", "GET /v1/credentials HTTP/1.1\nHost: AD", true},
		{"after a request", plain, false},
		{"after a request, with a reset", plain, true},
		{"after a hundred requests, with a reset", strings.Repeat(plain, 100), true},
		{"before a body", "POST /v1/credentials HTTP/1.1\nHost: ADDR\nContent-Length: 1000\n\n", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			sent := []byte(w.fill(test.sent))
			for range 300 {
				c := w.dialFor(t)
				_, _ = c.Write(sent)
				if test.reset {
					_ = c.SetLinger(0)
				}
				_ = c.Close()
			}
			w.honest(t)
		})
	}
	for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before+10; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("goroutines: got %d, want about %d as before", runtime.NumGoroutine(), before)
		}
	}
	w.wroteNoSecret(t)
}

// TestHostileGuesses tries tokens as fast as a machine can. Whoever guesses may
// be told to slow down; whoever has a token is not, though they be one user.
func TestHostileGuesses(t *testing.T) {
	w := start(t, always(credentials(nil)))
	guess := w.fill(carrying("Bearer " + unknown()))
	var guessing sync.WaitGroup
	for range 8 {
		guessing.Go(func() {
			for range 250 {
				c, err := net.Dial("tcp", w.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(c, guess)
				answer, _ := io.ReadAll(c)
				_ = c.Close()
				if got := string(answer); !strings.HasPrefix(got, "HTTP/1.1 401 ") && !strings.HasPrefix(got, "HTTP/1.1 429 ") {
					t.Errorf("a guess: got %q, want 401 or 429", got)
				}
			}
		})
	}
	slowest := time.Duration(0)
	for range 50 {
		slowest = max(slowest, w.honest(t))
	}
	guessing.Wait()
	if slowest > 20*time.Second {
		t.Errorf("the slowest honest caller: %v, want at once", slowest)
	}
	w.wroteNoSecret(t)
	t.Logf("2000 guesses, 50 honest callers meanwhile, the slowest answered in %v", slowest)
}

func closeAll(conns []*net.TCPConn) {
	for _, c := range conns {
		_ = c.SetLinger(0) // thousands in TIME_WAIT would be in the next test's way
		_ = c.Close()
	}
}
