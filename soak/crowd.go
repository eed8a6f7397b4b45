package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// An answer is what vendord may say.
type answer struct {
	status                 int    // 0: none
	AccessKeyID            string `json:"AccessKeyId"`
	SecretAccessKey, Token string
	Expiration             time.Time
	Code, Message          string
}

// crowd starts 50 programs of five kinds: on a connection that is kept, on a
// new one each time, hanging up early, with a token that is wrong or revoked,
// and slow.
func (s *stage) crowd(ctx context.Context, players *sync.WaitGroup, seed uint64) {
	for i := range 50 {
		r := rand.New(rand.NewPCG(seed, uint64(100+i)))
		kind, app := i%5, i/5
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: kind == 1}}
		players.Go(func() {
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				switch kind {
				case 2:
					hasty, cancel := context.WithTimeout(ctx, time.Duration(r.IntN(5000))*time.Microsecond)
					s.ask(hasty, client, app, s.tokens[app].Load())
					cancel()
				case 3:
					s.ask(ctx, client, app, s.wrongToken(r))
				case 4:
					s.crawl(ctx, r, app)
				default:
					s.ask(ctx, client, app, s.tokens[app].Load())
				}
				rest(ctx, time.Duration(20+r.IntN(200))*time.Millisecond)
			}
		})
	}
}

// wrongToken returns one that was revoked, or never was one.
func (s *stage) wrongToken(r *rand.Rand) *token {
	if t := s.revoked.Load(); t != nil && r.IntN(2) == 0 {
		return t
	}
	t := &token{secret: "vnd_" + strings.Repeat("A", 43)}
	t.ended.Store(1)
	return t
}

// ask asks once, and has the answer judged.
func (s *stage) ask(ctx context.Context, client *http.Client, app int, t *token) (a answer) {
	asked := time.Now()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		s.must("request", err)
		return a
	}
	r.Header.Set("Authorization", t.secret)
	response, err := client.Do(r)
	if err != nil {
		s.tally.note("no answer", ctx.Err() != nil)
		return a
	}
	defer response.Body.Close()
	return s.take(ctx, response, app, t, asked)
}

// take reads an answer that was asked for at a time.
func (s *stage) take(ctx context.Context, response *http.Response, app int, t *token, asked time.Time) (a answer) {
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		s.tally.note("half an answer", ctx.Err() != nil)
		return a
	}
	if err := json.Unmarshal(body, &a); err != nil {
		s.judge.wrong("HTTP %d with a body that is no JSON: %.100q", response.StatusCode, body)
		return a
	}
	a.status = response.StatusCode
	what := strings.TrimSpace(fmt.Sprintf("%d %s", a.status, a.Code))
	if ended := t.ended.Load(); ended != 0 && ended < asked.UnixNano() {
		what += " for a bad token"
	}
	s.tally.note(what, false)
	s.judge.weigh(ctx, a, app, t, asked)
	return a
}

// crawl sends a request in pieces, some slower than vendord waits, and reads
// the answer slowly.
func (s *stage) crawl(ctx context.Context, r *rand.Rand, app int) {
	t, asked := s.tokens[app].Load(), time.Now()
	host := strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/v1/credentials")
	conn, err := net.DialTimeout("tcp", host, 5*time.Second)
	if err != nil {
		s.tally.note("no connection", false)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	text := "GET /v1/credentials HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: " + t.secret + "\r\n\r\n"
	for len(text) > 0 {
		n := 1 + r.IntN(len(text))
		if _, err := io.WriteString(conn, text[:n]); err != nil {
			s.tally.note("too slow", false)
			return
		}
		text = text[n:]
		rest(ctx, time.Duration(r.IntN(700))*time.Millisecond)
		if ctx.Err() != nil {
			return
		}
	}
	response, err := http.ReadResponse(newSlowReader(conn), nil)
	if err != nil {
		s.tally.note("too slow", false)
		return
	}
	defer response.Body.Close()
	s.take(ctx, response, app, t, asked)
}

// A tally counts answers.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

// note counts an answer; what a client itself broke off has a name of its own.
func (t *tally) note(what string, leftEarly bool) {
	if leftEarly {
		what = "hung up"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[what]++
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	total, parts := 0, []string{}
	for _, what := range slices.Sorted(maps.Keys(t.counts)) {
		total += t.counts[what]
		parts = append(parts, fmt.Sprintf("%s %d", what, t.counts[what]))
	}
	return fmt.Sprintf("%d requests (%s)", total, strings.Join(parts, ", "))
}
