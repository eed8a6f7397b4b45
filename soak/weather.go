package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/control"
)

// A token is what programs of an app ask with. ended is when its revocation was
// confirmed, in Unix nanoseconds, 0 while it is good.
type token struct {
	secret, id string
	ended      atomic.Int64
}

// faults is what AWS does on its bad days, as fakeaws is told. The last one is
// the usual: sessions that live for a minute.
var faults = []string{
	`{"operation":"AssumeRole","kind":"throttle"}`,
	`{"operation":"AssumeRole","kind":"server-error"}`,
	`{"operation":"AssumeRole","kind":"hang"}`,
	`{"operation":"AssumeRole","kind":"garbage"}`,
	`{"operation":"AssumeRole","kind":"truncated"}`,
	`{"operation":"AssumeRole","kind":"reset"}`,
	`{"operation":"AssumeRole","kind":"empty-key"}`,
	`{"operation":"AssumeRole","kind":"past-expiry"}`,
	`{"operation":"AssumeRole","kind":"access-denied"}`,
	`{"operation":"AssumeRole","kind":"skewed"}`,
	`{"operation":"AssumeRole","kind":"short-life","life":"60s","latency":"1500ms"}`,
	usual,
}

const usual = `{"operation":"AssumeRole","kind":"short-life","life":"60s"}`

// roads is how the road can be.
var roads = [][]toxics.Toxic{
	{&toxics.LatencyToxic{Latency: 2000, Jitter: 1500}},
	{&toxics.LimitDataToxic{Bytes: 700}},
	{&toxics.LimitDataToxic{Bytes: 700}, &toxics.SlowCloseToxic{Delay: 60_000}},
	{&toxics.ResetToxic{}},
	{&toxics.SlicerToxic{AverageSize: 1, Delay: 100_000}},
	{&toxics.SlicerToxic{AverageSize: 64, Delay: 20_000}},
}

// weather changes AWS and the road to it, more often than not for the worse,
// for seconds or up to two lives of a session.
func (s *stage) weather(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		switch r.IntN(5) {
		case 0, 1:
			s.strike(faults[r.IntN(len(faults))])
		case 2:
			s.must("road", s.road.Set(roads[r.IntN(len(roads))]...))
		case 3:
			s.road.Refuse()
		}
		s.faults++
		rest(ctx, time.Second+min(2*time.Minute, time.Duration(r.ExpFloat64()*float64(20*time.Second))))
		if r.IntN(3) > 0 {
			s.heal()
			rest(ctx, time.Duration(r.ExpFloat64()*float64(8*time.Second)))
		}
	}
	s.heal()
}

func (s *stage) heal() {
	s.strike(usual)
	s.must("road", s.road.Set())
}

// strike has AWS do one thing and no other.
func (s *stage) strike(fault string) {
	for _, request := range []struct{ method, body string }{{http.MethodDelete, ""}, {http.MethodPost, fault}} {
		r, err := http.NewRequest(request.method, s.aws+"/_fake/faults", strings.NewReader(request.body))
		if err != nil {
			s.must("fakeaws", err)
			return
		}
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			s.must("fakeaws", err)
			return
		}
		response.Body.Close()
		if response.StatusCode/100 != 2 {
			s.judge.wrong("soak: fakeaws refuses %s: %s", fault, response.Status)
		}
	}
}

// must notes an error of the soak itself.
func (s *stage) must(what string, err error) {
	if err != nil {
		s.judge.wrong("soak: %s: %v", what, err)
	}
}

// steer does what a restless owner does: reloads, with and without mistakes,
// and new tokens for old.
func (s *stage) steer(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		rest(ctx, 500*time.Millisecond+time.Duration(r.ExpFloat64()*float64(2*time.Second)))
		switch r.IntN(6) {
		case 0:
			s.reload(s.config(sessions-r.IntN(2))+"# "+fmt.Sprint(r.IntN(1000))+"\n", r.IntN(2) == 0)
		case 1:
			s.reload(s.config(sessions)+"[profiles.p0]\nrole_arn = 7\n", r.IntN(2) == 0)
		default:
			app := r.IntN(sessions - 1) // the last app comes and goes with the file
			if err := s.renew(ctx, app); err != nil && ctx.Err() == nil {
				s.judge.wrong("token of a%d: %v", app, err)
			}
		}
	}
}

// reload puts a vendord.toml in place and has it read, by a signal or over the
// socket. Whether it is good is vendord's to say.
func (s *stage) reload(text string, bySignal bool) {
	s.must("vendord.toml", s.write("vendord.toml", text))
	s.reloads++
	if bySignal {
		s.must("vendord", s.vendord.Process.Signal(syscall.SIGHUP))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := s.client.Reload(ctx)
	if bad := strings.Contains(text, "role_arn = 7"); bad != (err != nil) {
		s.judge.wrong("reload of a file with errors (%t): got %v", bad, err)
	}
}

// renew gives an app's programs a new token, and revokes the one before.
func (s *stage) renew(ctx context.Context, app int) error {
	secret, hash := apps.NewSecret()
	issued, err := s.client.Issue(ctx, control.TokenSpec{App: fmt.Sprintf("a%d", app), TTL: 24 * time.Hour, Hash: hex.EncodeToString(hash[:])})
	if err != nil {
		return err
	}
	if s.url == "" {
		s.url = issued.URL // the same for life
	}
	s.issued++
	old := s.tokens[app].Swap(&token{secret: secret, id: issued.ID})
	if old == nil {
		return nil
	}
	if _, err := s.client.Revoke(ctx, issued.App, old.id); err != nil {
		return err
	}
	old.ended.Store(time.Now().UnixNano())
	s.revoked.Store(old)
	return nil
}

// settle mends everything, says so, and waits until every app has credentials.
func (s *stage) settle(ctx context.Context) error {
	s.heal()
	s.reload(s.config(sessions), false)
	for app := range sessions {
		if err := s.renew(ctx, app); err != nil {
			return err
		}
	}
	var missing string
	for began := time.Now(); time.Since(began) < time.Minute && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		missing = ""
		for app := range sessions {
			if a := s.ask(ctx, http.DefaultClient, app, s.tokens[app].Load()); a.status != http.StatusOK {
				missing += fmt.Sprintf("a%d: HTTP %d %s; ", app, a.status, a.Message)
			}
		}
		status, err := s.client.Status(ctx)
		if err != nil {
			return err
		}
		for _, row := range status.Sessions {
			if row.Last != nil {
				missing += row.RoleARN + ": " + row.Last.Public + "; "
			}
		}
		if missing == "" {
			http.DefaultClient.CloseIdleConnections()
			return nil
		}
	}
	return fmt.Errorf("not fresh within a minute: %s", missing)
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
