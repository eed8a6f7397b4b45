package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// A judge says which answers must not be. Whose credentials are, only AWS knows
// for sure: each key id is asked about once, with the secrets that came along.
type judge struct {
	aws string

	mu       sync.Mutex
	known    map[string]*verdict // by key id
	problems []string
}

// A verdict is what AWS says of a key id.
type verdict struct {
	mu                 sync.Mutex // held while AWS is asked
	arn, secret, token string     // arn is "" until AWS has answered
}

const (
	mostKnown    = 20_000 // far more than an hour's sessions
	mostProblems = 20
)

func newJudge(aws string) *judge { return &judge{aws: aws, known: map[string]*verdict{}} }

// weigh judges one answer.
func (j *judge) weigh(ctx context.Context, a answer, app int, t *token, asked time.Time) {
	took, ended := time.Since(asked), t.ended.Load()
	switch {
	case a.status != http.StatusOK && took > 15*time.Second:
		j.wrong("HTTP %d %s after %v", a.status, a.Code, took)
	case a.status >= 500 && a.status != http.StatusServiceUnavailable:
		j.wrong("HTTP %d %s: %s", a.status, a.Code, a.Message)
	case a.status != http.StatusOK && (a.AccessKeyID != "" || a.SecretAccessKey != ""):
		j.wrong("HTTP %d with credentials", a.status)
	case a.status != http.StatusOK && (a.Code == "" || a.Message == ""):
		j.wrong("HTTP %d without a reason", a.status)
	case a.status != http.StatusOK:
	case ended != 0 && ended < asked.UnixNano():
		j.wrong("200 for a token that was revoked, or never issued, %v before", asked.Sub(time.Unix(0, ended)))
	case a.AccessKeyID == "" || a.SecretAccessKey == "" || a.Token == "":
		j.wrong("200 with half of the credentials: %q", a.AccessKeyID)
	case !a.Expiration.After(asked.Add(-time.Second)): // AWS's seconds are whole
		j.wrong("200 with credentials that expired %v before", asked.Sub(a.Expiration))
	case a.Expiration.Sub(asked) > 16*time.Minute:
		j.wrong("200 until %v, where a quarter of an hour was asked for", a.Expiration)
	default:
		j.belongs(ctx, a, app)
	}
}

// belongs checks that credentials are those of an app's own session.
func (j *judge) belongs(ctx context.Context, a answer, app int) {
	j.mu.Lock()
	v := j.known[a.AccessKeyID]
	if v == nil && len(j.known) < mostKnown {
		v = &verdict{}
		j.known[a.AccessKeyID] = v
	}
	j.mu.Unlock()
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.arn == "" && time.Until(a.Expiration) < 5*time.Second {
		return // it could expire on its way to AWS
	}
	if v.arn == "" {
		who, err := mint.WhoAmI(context.WithoutCancel(ctx), session.NewCredentials(a.AccessKeyID, a.SecretAccessKey, a.Token, a.Expiration), "eu-west-1", j.aws)
		if err != nil {
			if e := session.AsError(err); e.Class != session.Retry {
				j.wrong("200 with credentials that AWS refuses: %s: %v", a.AccessKeyID, err)
			}
			return // AWS is busy: the next one asks again
		}
		v.arn, v.secret, v.token = who.ARN, a.SecretAccessKey, a.Token
	}
	switch {
	case v.arn != principal(app):
		j.wrong("200 with somebody else's credentials: a%d got those of %s", app, v.arn)
	case v.secret != a.SecretAccessKey || v.token != a.Token:
		j.wrong("200 with other secrets for the same key id %s", a.AccessKeyID)
	}
}

// wrong notes what must not be.
func (j *judge) wrong(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.problems) < mostProblems {
		j.problems = append(j.problems, time.Now().Format("15:04:05 ")+fmt.Sprintf(format, args...))
	}
}

func (j *judge) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.problems
}

// count returns how many key ids AWS vouched for.
func (j *judge) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.known)
}

// newSlowReader reads a few bytes at a time.
func newSlowReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(&slowReader{r}, 16) }

type slowReader struct{ io.Reader }

func (s *slowReader) Read(p []byte) (int, error) {
	time.Sleep(5 * time.Millisecond)
	return s.Reader.Read(p[:min(len(p), 128)])
}
