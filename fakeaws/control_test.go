package fakeaws_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/fakeaws"
)

// ask sends a request to /_fake/ and returns status and body.
func (p *place) ask(method, path, body string, header ...string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(text))
}

func TestControl(t *testing.T) {
	p := start(t, fakeaws.Config{ClockOverHTTP: true})
	who := form(john(), "Action=GetCallerIdentity")
	t.Run("faults", func(t *testing.T) {
		if status, body := p.ask("POST", "/_fake/faults", `{"operation":"GetCallerIdentity","kind":"server-error","count":2,"latency":"1ms","status":503,"code":"Busy"}`); status != 200 {
			t.Fatalf("POST: got %d %s", status, body)
		}
		p.send(who).want(t, 503, "Busy", "The request has failed due to a temporary failure of the server.")
		p.ask("DELETE", "/_fake/faults", "")
		p.send(who).want(t, 200, "", "")
	})
	t.Run("journal", func(t *testing.T) {
		p.ask("DELETE", "/_fake/journal", "")
		p.send(who)
		_, body := p.ask("GET", "/_fake/journal", "")
		var calls []fakeaws.Call
		if err := json.Unmarshal([]byte(body), &calls); err != nil || len(calls) != 1 || calls[0].Operation != "GetCallerIdentity" {
			t.Errorf("got %s, %v, want one call", body, err)
		}
	})
	t.Run("clock", func(t *testing.T) {
		c := p.client(p.lesson())
		if status, body := p.ask("POST", "/_fake/clock", `{"advance":"61m"}`); status != 200 {
			t.Fatalf("POST: got %d %s", status, body)
		}
		_, err := c.ListBuckets(t.Context())
		wantError(t, "ListBuckets an hour later", err, "ExpiredToken", "The provided token has expired.")
	})
	t.Run("health", func(t *testing.T) {
		status, body := p.ask("GET", "/_fake/health", "")
		if status != 200 || !strings.Contains(body, `"banner":"fakeaws: this is not AWS; its accounts, keys and buckets are made up and live in memory"`) {
			t.Errorf("got %d %s", status, body)
		}
	})
	json := []string{}
	for _, c := range []struct {
		name, request, body string
		header              []string
		status              int
		answer              string
	}{
		{"an unknown kind", "POST /_fake/faults", `{"kind":"flood"}`, json, 400, `fakeaws: fault kind "flood": unknown`},
		{"an unknown operation", "POST /_fake/faults", `{"kind":"reset","operation":"AssumeRoll"}`, json, 400, `fakeaws: fault reset: fakeaws does not have the operation "AssumeRoll"`},
		{"an unknown field", "POST /_fake/faults", `{"kind":"reset","often":true}`, json, 400, `fakeaws: json: unknown field "often"`},
		{"two values", "POST /_fake/faults", `{"kind":"reset"} {}`, json, 400, "fakeaws: text after the end of the JSON value"},
		{"a duration that is none", "POST /_fake/faults", `{"kind":"latency","latency":"fast"}`, json, 400, `fakeaws: latency "fast": not a duration such as 1.5s`},
		{"a negative count", "POST /_fake/faults", `{"kind":"reset","count":-1}`, json, 400, "fakeaws: fault reset: count, latency and life cannot be negative"},
		{"a status of success", "POST /_fake/faults", `{"kind":"throttle","status":200}`, json, 400, "fakeaws: fault throttle: status 200 is not one of an error"},
		{"a form, as a web page posts it", "POST /_fake/faults", `{"kind":"reset"}`, []string{"Content-Type", "text/plain"}, 415, "fakeaws: Content-Type must be application/json"},
		{"a page of another origin", "POST /_fake/faults", `{"kind":"reset"}`, []string{"Origin", "https://evil.example.com"}, 403, "fakeaws does not serve web pages and proxies (header Origin)"},
		{"a body without end", "POST /_fake/faults", `{"kind":"` + strings.Repeat("x", 70<<10), json, 400, "fakeaws: http: request body too large"},
		{"the clock backwards", "POST /_fake/clock", `{"advance":"-1h"}`, json, 400, "fakeaws: advance -1h0m0s: not between 0 and 87598h59m0s"},
		{"the clock too far", "POST /_fake/clock", `{"advance":"87599h"}`, json, 400, "fakeaws: advance 87599h0m0s: not between 0 and 87598h59m0s"},
		{"another address", "GET /_fake/keys", "", json, 404, "fakeaws: no such address; there are GET /_fake/health, GET and DELETE /_fake/journal, POST and DELETE /_fake/faults, POST /_fake/clock, POST /_fake/jwt and /_fake/saml, GET /_fake/totp, GET and POST /_fake/scoped, GET /_fake/sso/device, POST /_fake/sso/mode, approve, revoke and expire"},
	} {
		t.Run(c.name, func(t *testing.T) {
			method, path, _ := strings.Cut(c.request, " ")
			if status, body := p.ask(method, path, c.body, c.header...); status != c.status || body != c.answer {
				t.Errorf("got %d %s\nwant %d %s", status, body, c.status, c.answer)
			}
		})
	}
	t.Run("a clock that is not to be moved", func(t *testing.T) {
		for _, c := range []fakeaws.Config{{}, {ClockOverHTTP: true, Now: time.Now}} {
			status, body := start(t, c).ask("POST", "/_fake/clock", `{"advance":"1h"}`)
			if status != 400 || body != "fakeaws: the clock of this fake cannot be moved over HTTP" {
				t.Errorf("got %d %s", status, body)
			}
		}
	})
	t.Run("no end of faults", func(t *testing.T) {
		status, body := 200, ""
		for i := 0; i < 1100 && status == 200; i++ {
			status, body = p.ask("POST", "/_fake/faults", `{"kind":"reset","operation":"HeadBucket"}`)
		}
		if status != 400 || body != "fakeaws: 1000 faults are waiting already" {
			t.Errorf("got %d %s", status, body)
		}
	})
}

func TestJournal(t *testing.T) {
	p := start(t, fakeaws.Config{})
	r := assumeForm("Policy="+allow("s3:GetObject", "*"), "TokenCode=123456", "SerialNumber=GAHT12345678")
	r.header["User-Agent"] = []string{"test/1"}
	p.send(r)
	p.send(object(john(), "GET", "/company1-hr?prefix=a", ""))
	p.send(object(john(), "POST", "/company1-hr", ""))
	calls := p.Journal()
	if len(calls) != 3 || p.Calls("") != 3 || p.Calls("AssumeRole") != 1 || p.Calls("ListObjects") != 1 || p.Calls("Unknown") != 1 {
		t.Fatalf("got %d calls: %+v", len(calls), calls)
	}
	a := calls[0]
	if a.Service != "sts" || a.Operation != "AssumeRole" || a.KeyID != john().AccessKeyID || a.Principal != johnARN || a.UserAgent != "test/1" ||
		a.Status != 403 || a.Code != "AccessDenied" || a.Parameters["Policy"] != allow("s3:GetObject", "*") || a.Parameters["RoleArn"] != uploadRole {
		t.Errorf("AssumeRole: got %+v", a)
	}
	if code := a.Parameters["TokenCode"]; !strings.HasPrefix(code, "sha256:") || strings.Contains(code, "123456") {
		t.Errorf("TokenCode: got %q, want its hash", code)
	}
	if l := calls[1]; l.Service != "s3" || l.Path != "/company1-hr" || l.Parameters["prefix"] != "a" || l.Status != 200 {
		t.Errorf("ListObjects: got %+v", l)
	}
	calls[0].Parameters["RoleArn"] = "changed"
	if p.Journal()[0].Parameters["RoleArn"] != uploadRole {
		t.Error("a caller's change reached the journal")
	}
	p.ClearJournal()
	if len(p.Journal()) != 0 || p.Calls("") != 0 {
		t.Error("ClearJournal left calls")
	}
}

// TestBounds: however much is asked, the journal stays small.
func TestBounds(t *testing.T) {
	f, err := fakeaws.New(fakeaws.Config{State: fakeaws.Example()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		r := httptest.NewRequest("GET", fmt.Sprintf("http://127.0.0.1/b%d?prefix=%s", i, strings.Repeat("x", 10000)), nil)
		f.ServeHTTP(httptest.NewRecorder(), r)
	}
	calls := f.Journal()
	if len(calls) != 1000 || calls[999].Path != "/b1499" || f.Calls("") != 1500 {
		t.Errorf("got %d calls, the last %s, counted %d", len(calls), calls[len(calls)-1].Path, f.Calls(""))
	}
	if n := len(calls[0].Parameters["prefix"]); n > 8200 {
		t.Errorf("a parameter of %d bytes was kept", n)
	}
}

// TestNoSecretIsLogged: what is written at the most talkative level has key
// ids, and neither secrets nor tokens nor signatures.
func TestNoSecretIsLogged(t *testing.T) {
	var log safeBuffer
	p := start(t, fakeaws.Config{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	c := p.assume(john(), uploadRole, "upload")
	_, _ = p.client(c).Get(t.Context(), "company1-hr", "handbook.txt")
	journal, err := json.Marshal(p.Journal())
	if err != nil {
		t.Fatal(err)
	}
	text := log.String() + string(journal)
	for _, secret := range []string{c.SecretAccessKey, c.SessionToken, c.SessionToken[:40], john().SecretAccessKey, "Signature="} {
		if strings.Contains(text, secret) {
			t.Errorf("%.12s… was written down", secret)
		}
	}
	for _, want := range []string{fakeaws.Banner, "operation=AssumeRole", "key_id=" + c.AccessKeyID} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

// safeBuffer is a buffer that a server may write to.
type safeBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
