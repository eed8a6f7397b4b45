package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/vendord/vendord/control"
)

// A sample is how vendord is doing; -1 is what cannot be known.
type sample struct {
	rss, threads, fds, goroutines int // rss in KiB
	calls                         int // of AssumeRole so far
}

func (s sample) String() string {
	shown := func(n int) string {
		if n < 0 {
			return "unknown"
		}
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("RSS %.1f MiB, %s threads, %s descriptors, %s goroutines, %d STS calls", float64(s.rss)/1024,
		shown(s.threads), shown(s.fds), shown(s.goroutines), s.calls)
}

// The bounds of what may be left at the end: connections to AWS that are kept
// for a while, the buffers of a heap that has breathed, threads that Go keeps.
const (
	moreFiles      = 20
	moreGoroutines = 40 // two for a connection that is kept
	moreThreads    = 32
	moreMemory     = 24 << 10 // KiB over the first sample under load
)

// worse says what is beyond the bounds.
func (s sample) worse(first, warm sample) (all []string) {
	for _, b := range []struct {
		what            string
		now, then, more int
	}{
		{"descriptors", s.fds, first.fds, moreFiles},
		{"goroutines", s.goroutines, first.goroutines, moreGoroutines},
		{"threads", s.threads, first.threads, moreThreads},
		{"KiB of memory", s.rss, warm.rss, moreMemory},
	} {
		if b.now >= 0 && b.then >= 0 && b.now > b.then+b.more {
			all = append(all, fmt.Sprintf("left at the end: %d %s, %d at the start, %d more allowed", b.now, b.what, b.then, b.more))
		}
	}
	return all
}

var (
	rssLine     = regexp.MustCompile(`VmRSS:\s*(\d+)`)
	threadsLine = regexp.MustCompile(`Threads:\s*(\d+)`)
	totalLine   = regexp.MustCompile(`goroutine profile: total (\d+)`)
)

// measure looks at vendord's process, as far as this system and user let it:
// the descriptors of a process that dumps no core are for root to count.
func (s *stage) measure(ctx context.Context) sample {
	m := sample{rss: -1, threads: -1, fds: -1, goroutines: -1}
	proc := fmt.Sprintf("/proc/%d/", s.vendord.Process.Pid)
	if text, err := os.ReadFile(proc + "status"); err == nil {
		m.rss, m.threads = number(rssLine, text), number(threadsLine, text)
	}
	if files, err := os.ReadDir(proc + "fd"); err == nil {
		m.fds = len(files)
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var dump bytes.Buffer
	if err := s.client.Dump(ctx, control.Dump{Name: "goroutine", Text: true}, &dump); err == nil {
		m.goroutines = number(totalLine, dump.Bytes())
	} else if ctx.Err() == nil {
		s.must("goroutines", err)
	}
	calls, err := s.journal.count(ctx)
	if err != nil && ctx.Err() == nil {
		s.must("fakeaws's journal", err)
	}
	m.calls = calls
	return m
}

func number(line *regexp.Regexp, text []byte) int {
	if found := line.FindSubmatch(text); found != nil {
		if n, err := strconv.Atoi(string(found[1])); err == nil {
			return n
		}
	}
	return -1
}

// A journal counts the calls that AWS got: fakeaws remembers the latest 1,000,
// more than come in between two looks.
type journal struct {
	address string
	until   time.Time // of the latest call that was counted
	calls   int
}

func (j *journal) count(ctx context.Context) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, j.address+"/_fake/journal", nil)
	if err != nil {
		return j.calls, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return j.calls, err
	}
	defer response.Body.Close()
	var lines []struct {
		Time      time.Time `json:"time"`
		Operation string    `json:"operation"`
	}
	if err := json.NewDecoder(response.Body).Decode(&lines); err != nil {
		return j.calls, err
	}
	for _, l := range lines {
		if !l.Time.After(j.until) {
			continue
		}
		j.until = l.Time
		if l.Operation == "AssumeRole" {
			j.calls++
		}
	}
	return j.calls, nil
}
