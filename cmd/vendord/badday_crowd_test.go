package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/apps"
)

// A crowd is 50 programs of two apps that ask all the time, each fifth on a new
// connection. It judges each answer as it comes.
type crowd struct {
	aws      *badAWS
	url      string
	roles    [2]string // by app
	tokens   [2]string
	latest   [2]atomic.Int64 // the latest expiry that somebody was told, by the daemon's clock
	now      atomic.Pointer[tally]
	programs sync.WaitGroup

	mu       sync.Mutex
	offences []string
}

// A tally is what was answered in one part of the day.
type tally struct {
	mu      sync.Mutex
	answers map[string]int    // by status and code
	said    map[string]string // one message of each
	waits   []time.Duration
	plain   []time.Duration // what an answer takes for which nobody waits
}

const programs = 50

// ask starts the programs, and a stranger; they end with ctx.
func (c *crowd) ask(ctx context.Context) {
	c.part()
	for i := range programs + 1 {
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: i%5 == 0}}
		ask := func() { c.once(ctx, client, i%2) }
		if i == programs {
			ask = func() { c.strange(ctx, client) }
		}
		c.programs.Go(func() {
			defer client.CloseIdleConnections()
			time.Sleep(time.Duration(i) * 8 * time.Millisecond)     // one after the other, not all at once
			for pace := time.NewTicker(400 * time.Millisecond); ; { // somebody asks all the time: minutes go by in a moment
				ask()
				select {
				case <-pace.C:
				case <-ctx.Done():
					pace.Stop()
					return
				}
			}
		})
	}
}

// part begins another part of the day and returns the tally of the one before.
func (c *crowd) part() *tally {
	return c.now.Swap(&tally{answers: map[string]int{}, said: map[string]string{}})
}

// offend notes what must not be.
func (c *crowd) offend(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.offences) < 10 {
		c.offences = append(c.offences, fmt.Sprintf(format, args...))
	}
}

// answerDocument is what an answer may hold.
type answerDocument struct {
	AccessKeyID            string `json:"AccessKeyId"`
	SecretAccessKey, Token string
	Expiration             time.Time
	RoleARN                string `json:"RoleArn"`
	Code, Message          string
}

func (c *crowd) once(ctx context.Context, client *http.Client, app int) {
	part, began := c.now.Load(), time.Now()
	asked, promised := c.aws.clock.Now(), c.latest[app].Load()
	status, d, err := c.get(ctx, client, c.tokens[app])
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		c.offend("GET: got no answer: %v", err)
		return
	}
	part.note(fmt.Sprintf("%d %s", status, d.Code), d.Message, time.Since(began))
	if status == http.StatusOK {
		c.judge(app, d, asked, c.aws.clock.Now())
	} else if left := time.Unix(0, promised).Sub(c.aws.clock.Now()); left > 2*time.Second {
		c.offend("GET: got HTTP %d %s with %v left to live: %s", status, d.Code, left, d.Message)
	}
}

// strange asks with a token that nobody issued, for which nobody waits: how
// long that takes is this machine's share of the others' wait.
func (c *crowd) strange(ctx context.Context, client *http.Client) {
	part, began := c.now.Load(), time.Now()
	nobodys, _ := apps.NewSecret()
	status, d, err := c.get(ctx, client, nobodys)
	if ctx.Err() == nil && (err != nil || status != http.StatusUnauthorized && status != http.StatusTooManyRequests) {
		c.offend("GET with a token of nobody: got HTTP %d %s, %v, want 401", status, d.Code, err)
	}
	part.mu.Lock()
	defer part.mu.Unlock()
	part.plain = append(part.plain, time.Since(began))
}

// get asks, and again where the connection ended: SDKs do the same, and on a busy
// machine the server's two seconds for a header can be over, time after time.
func (c *crowd) get(ctx context.Context, client *http.Client, token string) (status int, d answerDocument, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return 0, d, err
	}
	r.Header.Set("Authorization", token)
	response, err := client.Do(r)
	for range 20 {
		if err == nil || ctx.Err() != nil {
			break
		}
		response, err = client.Do(r)
	}
	if err != nil {
		return 0, d, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return response.StatusCode, d, err
	}
	return response.StatusCode, d, json.Unmarshal(body, &d)
}

// judge holds an answer of 200 that was asked for and came at the given times
// against what AWS gave out.
func (c *crowd) judge(app int, d answerDocument, asked, came time.Time) {
	i, known := c.aws.issuedAs(d.AccessKeyID)
	ends := d.Expiration.Add(-i.ahead) // by the daemon's clock
	switch {
	case d.AccessKeyID == "" || d.SecretAccessKey == "" || d.Token == "" || d.Expiration.IsZero():
		c.offend("GET: got 200 with half of the credentials: %q until %v", d.AccessKeyID, d.Expiration)
	case !known:
		c.offend("GET: got 200 with %s, which AWS never gave out whole", d.AccessKeyID)
	case i.role != c.roles[app] || d.RoleARN != c.roles[app]:
		c.offend("GET: got 200 with credentials of %s, want of %s", i.role, c.roles[app])
	case i.secret != d.SecretAccessKey || i.token != d.Token:
		c.offend("GET: got 200 with the secrets of somebody else's %s", d.AccessKeyID)
	case d.Expiration.After(i.expires):
		c.offend("GET: got 200 until %v, where AWS says until %v", d.Expiration, i.expires)
	case !ends.After(asked.Add(-time.Second)): // AWS's seconds are whole
		c.offend("GET: got 200 with credentials that expired %v before", asked.Sub(ends))
	case ends.Sub(came) > time.Hour+time.Minute:
		c.offend("GET: got 200 with %v to live, where an hour was asked for", ends.Sub(came))
	}
	for latest := &c.latest[app]; ; {
		if before := latest.Load(); before >= ends.UnixNano() || latest.CompareAndSwap(before, ends.UnixNano()) {
			return
		}
	}
}

func (t *tally) note(answer, message string, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers[answer]++
	t.said[answer] = message
	t.waits = append(t.waits, wait)
}

func (t *tally) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waits)
}

// wait returns the median and the longest wait, and of plain what nobody waited
// for.
func (t *tally) wait() (median, most, plain time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waits) == 0 || len(t.plain) == 0 {
		return 0, 0, 0
	}
	slices.Sort(t.waits)
	return t.waits[len(t.waits)/2], slices.Max(t.waits), slices.Max(t.plain)
}

// others returns the answers besides those that begin with want, and how many
// those are.
func (t *tally) others(want string) (odd []string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for answer, count := range t.answers {
		if strings.HasPrefix(answer, want) {
			n += count
		} else {
			odd = append(odd, fmt.Sprintf("%d times %s: %s", count, answer, t.said[answer]))
		}
	}
	return odd, n
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var parts []string
	for answer, count := range t.answers {
		parts = append(parts, fmt.Sprintf("%d × %s", count, strings.TrimSpace(answer)))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
