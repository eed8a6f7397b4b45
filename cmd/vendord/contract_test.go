package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/profiles"
)

// TestClientContract has the points of the list in server/contract_test.go that
// need the whole daemon: a cache, tokens on disk, an AWS that fails.
func TestClientContract(t *testing.T) {
	for _, point := range []struct {
		sentence string
		holds    func(t *testing.T)
	}{
		{"10 a token file has no newline, is private, is replaced at once, and the old token stays good", tokenFiles},
		{"18 a profile's name arrives as it is, and one that would not is no name", profileNamesArrive},
		{"20 what is minted is answered within 100 ms at 1,000 requests a second, the rest before an SDK gives up", soonEnough},
		{"21 a hundred cold requests make one call to AWS, whoever leaves", oneFlight},
		{"22 without AWS, living credentials are served, and for dead ones 503 before an SDK gives up", withoutAWS},
		{"23 where a person must sign in, 403 says so at once", personNeeded},
		{"26 for 12 hours, every answer has its 25 minutes, and none has more than AWS gave", lifetimes},
		{"27 SDKs ask once for ten calls, and 15-minute sessions cost a call to AWS in 7 minutes at most", fewCalls},
		{"28 no change of the clock and no sleep of the machine hands out what has expired", noExpired},
	} {
		t.Run(point.sentence, point.holds)
	}
}

// startClocked starts a daemon and an AWS on a clock that the test moves.
func startClocked(t *testing.T) (*testDaemon, *demoClock) {
	t.Helper()
	dir, clock := t.TempDir(), &demoClock{}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	d := &testDaemon{log: &safeBuffer{}, record: &safeBuffer{}, dir: dir}
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	var err error
	d.aws, err = fakeaws.New(fakeaws.Config{State: fakeaws.Example(), Now: clock.Now})
	must(err)
	sts := mustListen(t)
	running.Go(func() { _ = d.aws.Serve(ctx, sts) })
	must(writeDemoFiles(dir, "http://"+sts.Addr().String()))
	d.daemon, err = newDaemon(daemonOptions{
		config: profiles.Options{Path: filepath.Join(dir, "vendord.toml"), UID: os.Getuid(), Home: dir},
		state:  filepath.Join(dir, "state"), audit: d.record, user: "tester", now: clock.Now,
		log: slog.New(slog.NewTextHandler(d.log, nil)),
	})
	must(err)
	t.Cleanup(func() { d.Close() })
	ctl, err := control.Listen(filepath.Join(dir, "s"), 0o600)
	must(err)
	vend, ready := mustListen(t), make(chan struct{})
	running.Go(func() {
		if err := d.Run(ctx, vend, ctl, func() { close(ready) }); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	<-ready
	d.client, err = control.Dial(ctx, filepath.Join(dir, "s"))
	must(err)
	t.Cleanup(d.client.Close)
	return d, clock
}

// tokenOf issues a token for an app.
func (d *testDaemon) tokenOf(t *testing.T, app string) (token, url string) {
	t.Helper()
	token, spec := newToken(control.TokenSpec{App: app, TTL: 48 * time.Hour})
	issued, err := d.client.Issue(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return token, issued.URL
}

// vended is an answer as a program sees it.
type vended struct {
	status                       int
	AccessKeyID                  string `json:"AccessKeyId"`
	SecretAccessKey, Token, Code string
	Message                      string
	Expiration                   time.Time
	took                         time.Duration
}

// vendTo asks as a program does.
func vendTo(ctx context.Context, t *testing.T, client *http.Client, url, token string) (v vended) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return v
	}
	r.Header.Set("Authorization", token)
	began := time.Now()
	response, err := client.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			t.Errorf("asking: %v", err)
		}
		return v
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || json.Unmarshal(text, &v) != nil {
		t.Errorf("got %d %s, %v", response.StatusCode, text, err)
	}
	v.status, v.took = response.StatusCode, time.Since(began)
	if whole := v.AccessKeyID != "" && v.SecretAccessKey != "" && v.Token != ""; whole != (v.status == 200) {
		t.Errorf("got %d %s", v.status, text)
	}
	return v
}

func tokenFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	put := func(secret string) {
		t.Helper()
		f, err := (&program{uid: os.Getuid()}).openTokenFile(path, "", false)
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
		if err := errors.Join(f.write(secret), f.commit()); err != nil {
			t.Fatal(err)
		}
	}
	put("vnd_first")
	reader, err := os.Open(path) // a program that reads it just now
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	put("vnd_second")
	if text, err := io.ReadAll(reader); string(text) != "vnd_first" {
		t.Errorf("who reads it meanwhile: got %q, %v, want the old token whole", text, err)
	}
	text, err := os.ReadFile(path)
	if string(text) != "vnd_second" {
		t.Errorf("who reads it then: got %q, %v, want the new token and no newline", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && os.PathSeparator == '/' {
		t.Errorf("mode: got %v, %v, want 0600", info.Mode(), err)
	}

	d := startDaemon(t)
	first, url := d.tokenOf(t, "agent")
	second, _ := d.tokenOf(t, "agent")
	for _, token := range []string{first, second} { // a process that has the first keeps it
		if v := vendTo(t.Context(), t, http.DefaultClient, url, token); v.status != 200 {
			t.Errorf("after another was issued: got %d %s, want 200", v.status, v.Message)
		}
	}
}

func profileNamesArrive(t *testing.T) { // Python and JavaScript: conformance
	d := startDaemon(t)
	path := filepath.Join(d.dir, "vendord.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	add := func(app, name string) error {
		more := "\n[profiles.\"" + name + "\"]\nextends = \"company1-hr-upload\"\n[apps." + app + "]\nprofiles = [\"" + name + "\"]\n"
		if err := os.WriteFile(path, append(slices.Clone(text), more...), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := d.client.Reload(t.Context())
		return err
	}
	for i, name := range []string{"Az09._-x", "0", "a..b", strings.Repeat("n", 64)} {
		app := fmt.Sprintf("named%d", i) // an app stays with its profile
		if err := add(app, name); err != nil {
			t.Errorf("profile %s: %v", name, err)
			continue
		}
		token, url := d.tokenOf(t, app)
		if v := vendTo(t.Context(), t, http.DefaultClient, url+"/"+name, token); v.status != 200 {
			t.Errorf("profile %s: got %d %s, want 200", name, v.status, v.Message)
		}
		sdk := endpointcreds.New(url+"/"+name, func(o *endpointcreds.Options) { o.AuthorizationToken = token })
		if _, err := sdk.Retrieve(t.Context()); err != nil {
			t.Errorf("profile %s, by the SDK for Go: %v", name, err)
		}
	}
	for _, name := range []string{"", "a/b", "a b", "a%62", "a?b", "a#b", "a+b", "é", ".", "..", "-a", strings.Repeat("n", 65)} {
		if add("named", name) == nil {
			t.Errorf("profile %q: got no error, want it refused", name)
		}
	}
}

// within measures up to three times, until once it is fast enough: a busy
// machine may hold up one, not all.
func within(t *testing.T, what string, most time.Duration, measure func() time.Duration) {
	t.Helper()
	took := measure()
	for range 2 {
		if took > most {
			took = min(took, measure())
		}
	}
	if took > most {
		t.Errorf("%s: took %v, want at most %v", what, took, most)
	}
	t.Logf("%s: %v", what, took)
}

func soonEnough(t *testing.T) {
	d := startDaemon(t)
	token, url := d.tokenOf(t, "agent")
	if v := vendTo(t.Context(), t, http.DefaultClient, url, token); v.status != 200 {
		t.Fatalf("got %d %s, want 200", v.status, v.Message)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	round := func(url string) time.Duration { // 16 programs, together 1,000 requests in a second
		var mu sync.Mutex
		var took []time.Duration
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for tick := time.Tick(16 * time.Millisecond); ; <-tick {
					v := vendTo(t.Context(), t, client, url, token)
					mu.Lock()
					enough := len(took) >= 1000
					took = append(took, v.took)
					mu.Unlock()
					if v.status != 200 || enough {
						return
					}
				}
			})
		}
		all.Wait()
		slices.Sort(took)
		return took[len(took)*99/100]
	}
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"AccessKeyId":"a","SecretAccessKey":"b","Token":"c"}`)
	}))
	defer bare.Close()
	const most = 100 * time.Millisecond
	within(t, "99 of 100 requests", most, func() time.Duration {
		took := round(url)
		if took > most { // then a handler that only writes tells what the machine itself takes now
			plain := round(bare.URL)
			t.Logf("99 of 100 requests: %v, and %v by a handler that only writes", took, plain)
			if took <= 3*plain {
				took = most
			}
		}
		return took
	})
	d.aws.Inject(fakeaws.Fault{Kind: fakeaws.Hang})
	d.cache.Retain(nothing)
	within(t, "a request while AWS hangs", 2*time.Second, func() time.Duration {
		v := vendTo(t.Context(), t, client, url, token)
		if v.status != 503 || v.Code != "NotReady" {
			t.Errorf("while AWS hangs: got %d %s, want 503", v.status, v.Code)
		}
		return v.took
	})
}

func oneFlight(t *testing.T) {
	d := startDaemon(t)
	token, url := d.tokenOf(t, "agent")
	d.cache.Retain(nothing)
	d.aws.ClearJournal()
	d.aws.Inject(fakeaws.Fault{Operation: "AssumeRole", Kind: fakeaws.Latency, Latency: 300 * time.Millisecond})
	impatient, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { vendTo(impatient, t, http.DefaultClient, url, token) })
	for range 1000 { // until the first one's attempt is under way
		if len(d.cache.Status()) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for range 99 {
		all.Go(func() {
			v := vendTo(t.Context(), t, http.DefaultClient, url, token)
			for range 20 { // a machine that stalls lets 0.3 s and the patience of 0.8 pass at once
				if v.status != 503 {
					break
				}
				v = vendTo(t.Context(), t, http.DefaultClient, url, token)
			}
			if v.status != 200 {
				t.Errorf("got %d %s, want 200", v.status, v.Message)
			}
		})
	}
	leave()
	all.Wait()
	if n := d.aws.Calls("AssumeRole"); n != 1 {
		t.Errorf("calls to AWS: got %d, want 1", n)
	}
}

func withoutAWS(t *testing.T) {
	d, clock := startClocked(t)
	token, url := d.tokenOf(t, "agent")
	first := vendTo(t.Context(), t, http.DefaultClient, url, token)
	d.aws.Inject(fakeaws.Fault{Kind: fakeaws.ServerError})
	for range 5 { // 50 minutes of an hour
		clock.advance(10 * time.Minute)
		if v := vendTo(t.Context(), t, http.DefaultClient, url, token); v.status != 200 || v.AccessKeyID != first.AccessKeyID {
			t.Errorf("while they live: got %d %s %s, want %s", v.status, v.AccessKeyID, v.Message, first.AccessKeyID)
		}
	}
	clock.advance(11 * time.Minute)
	within(t, "a request without AWS", 2*time.Second, func() time.Duration {
		v := vendTo(t.Context(), t, http.DefaultClient, url, token)
		if v.status != 503 {
			t.Errorf("when they are dead: got %d %s, want 503", v.status, v.Message)
		}
		return v.took
	})
}

func personNeeded(t *testing.T) {
	d := startDaemon(t)
	token, url := d.tokenOf(t, "agent")
	d.aws.Inject(fakeaws.Fault{Kind: fakeaws.AccessDenied, Status: 403, Code: "ExpiredTokenException"})
	d.cache.Retain(nothing)
	within(t, "a request that needs a person", 500*time.Millisecond, func() time.Duration {
		v := vendTo(t.Context(), t, http.DefaultClient, url, token)
		if v.status != 403 || v.Code != "LoginNeeded" || !strings.Contains(v.Message, "john") || !strings.Contains(v.Message, "; hint: ") {
			t.Errorf("got %d %s %q, want 403 LoginNeeded, whose and what to do", v.status, v.Code, v.Message)
		}
		return v.took
	})
}

// sdkLoop is what an SDK does with ten calls in a row.
func sdkLoop(t *testing.T) {
	d := startDaemon(t)
	token, url := d.tokenOf(t, "agent")
	provider := aws.NewCredentialsCache(endpointcreds.New(url, func(o *endpointcreds.Options) { o.AuthorizationToken = token }))
	for range 10 {
		if _, err := provider.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.audit.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(d.record.String(), `"status":200`); n != 1 {
		t.Errorf("ten calls by the SDK for Go: got %d requests, want 1", n)
	}
}
