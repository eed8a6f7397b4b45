//go:build machine

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// load is what many requests were answered. No request is made twice: a program
// without retries would have failed where one was not answered 200.
type load struct {
	// Answers counts statuses, and what went wrong where there was none.
	Answers map[string]int
	// Keys are the access keys that were seen, and how often.
	Keys map[string]int
	// Longest is the longest that one was waited for, in milliseconds.
	Longest int64
}

// askUntil asks through several connections at once until a file is gone: each
// request over one of its own, or, kept, over the last one for as long as the server
// keeps it.
func (p *probe) askUntil(file string) {
	all := load{Answers: map[string]int{}, Keys: map[string]int{}}
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range p.workers {
		workers.Go(func() {
			var c net.Conn
			for i := 0; ; i++ {
				if _, err := os.Stat(file); err != nil || p.asks > 0 && i == p.asks {
					return
				}
				began := time.Now()
				status, key, open := p.askOver(c)
				waited := time.Since(began).Milliseconds()
				mu.Lock()
				all.Answers[status]++
				all.Keys[key]++
				all.Longest = max(all.Longest, waited)
				mu.Unlock()
				c = open
				time.Sleep(p.pace)
			}
		})
	}
	workers.Wait()
	delete(all.Keys, "")
	_ = json.NewEncoder(os.Stdout).Encode(all)
}

// askOver asks once, over a connection if there is one, and returns the connection if
// another request can follow.
func (p *probe) askOver(c net.Conn) (status, key string, open net.Conn) {
	if c == nil {
		var err error
		if c, err = p.dial(); err != nil {
			return "connecting: " + reason(err), "", nil
		}
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, err := io.WriteString(c, p.request())
	if err != nil {
		c.Close()
		return "writing: " + reason(err), "", nil
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		c.Close()
		return "reading: " + reason(err), "", nil
	}
	defer r.Body.Close()
	var body struct{ AccessKeyID, Code string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	_, _ = io.Copy(io.Discard, r.Body)
	if r.Close || !p.kept {
		c.Close()
		c = nil
	}
	if r.StatusCode != http.StatusOK {
		return r.Status + " " + body.Code, "", c
	}
	return "200", body.AccessKeyID, c
}

// reason is an error without addresses, which differ each time.
func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "timeout"
	}
	return err.Error()
}
