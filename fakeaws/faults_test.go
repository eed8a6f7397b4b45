package fakeaws_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/vendord/vendord/fakeaws"
)

// TestErrorFaults are those that answer with an error.
func TestErrorFaults(t *testing.T) {
	p := start(t, fakeaws.Config{})
	who, get := form(john(), "Action=GetCallerIdentity"), object(john(), "GET", "/company1-hr/handbook.txt", "")
	for _, c := range []struct {
		name                string
		fault               fakeaws.Fault
		stsStatus, s3Status int
		stsCode, s3Code     string
		stsText, s3Text     string
	}{
		{"throttle", fakeaws.Fault{Kind: fakeaws.Throttle}, 400, 503, "Throttling", "SlowDown", "Rate exceeded", "Please reduce your request rate."},
		{"server error", fakeaws.Fault{Kind: fakeaws.ServerError}, 500, 500, "InternalFailure", "InternalError",
			"The request processing has failed because of an unknown error.", "We encountered an internal error. Please try again."},
		{"unavailable", fakeaws.Fault{Kind: fakeaws.ServerError, Status: 503}, 503, 503, "ServiceUnavailable", "ServiceUnavailable",
			"The request has failed due to a temporary failure of the server.", "Service is unable to handle request."},
		{"denied", fakeaws.Fault{Kind: fakeaws.AccessDenied}, 403, 403, "AccessDenied", "AccessDenied",
			"Access denied (a fault that was injected).", "Access denied (a fault that was injected)."},
		{"a code of one's own", fakeaws.Fault{Kind: fakeaws.AccessDenied, Status: 400, Code: "ExpiredTokenException"}, 400, 400,
			"ExpiredTokenException", "ExpiredTokenException", "Access denied (a fault that was injected).", "Access denied (a fault that was injected)."},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.fault.Count = 2
			p.Inject(c.fault)
			p.send(who).want(t, c.stsStatus, c.stsCode, c.stsText)
			p.send(get).want(t, c.s3Status, c.s3Code, c.s3Text)
			p.send(who).want(t, 200, "", "") // used up
			p.send(get).want(t, 200, "", "")
		})
	}
	t.Run("skewed", func(t *testing.T) {
		p.Inject(fakeaws.Fault{Kind: fakeaws.Skewed, Count: 2})
		if got := p.send(who); got.code != "SignatureDoesNotMatch" || !strings.HasPrefix(got.message, "Signature expired: ") {
			t.Errorf("STS: got %s: %s", got.code, got.message)
		}
		p.send(get).want(t, 403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	})
}

// TestFaultOrder: each fault waits for its operation, and for those before it.
func TestFaultOrder(t *testing.T) {
	p := start(t, fakeaws.Config{})
	who, get := form(john(), "Action=GetCallerIdentity"), object(john(), "GET", "/company1-hr/handbook.txt", "")
	p.Inject(fakeaws.Fault{Kind: fakeaws.Throttle, Operation: "GetObject", Count: 1})
	p.Inject(fakeaws.Fault{Kind: fakeaws.ServerError, Count: 1})
	p.Inject(fakeaws.Fault{Kind: fakeaws.EmptyKey}) // waits for credentials
	p.send(who).want(t, 500, "InternalFailure", "The request processing has failed because of an unknown error.")
	p.send(get).want(t, 503, "SlowDown", "Please reduce your request rate.")
	p.send(get).want(t, 200, "", "")
	p.Inject(fakeaws.Fault{Kind: fakeaws.Throttle}) // for good
	for range 3 {
		p.send(who).want(t, 400, "Throttling", "Rate exceeded")
	}
	p.Clear()
	p.send(who).want(t, 200, "", "")
	if out, err := p.sts(john()).AssumeRole(t.Context(), assumeInput()); err != nil || *out.Credentials.AccessKeyId == "" {
		t.Errorf("AssumeRole after Clear: got %v, %v", out, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("Inject of an unknown kind: got no panic")
		}
	}()
	p.Inject(fakeaws.Fault{Kind: "typo"})
}

func assumeInput() *sts.AssumeRoleInput {
	return &sts.AssumeRoleInput{RoleArn: aws.String(uploadRole), RoleSessionName: aws.String("upload")}
}

// TestCredentialFaults are those that spoil credentials.
func TestCredentialFaults(t *testing.T) {
	at := time.Now().Truncate(time.Second)
	p := start(t, fakeaws.Config{Now: func() time.Time { return at }})
	issue := func(f fakeaws.Fault) *sts.AssumeRoleOutput {
		t.Helper()
		f.Count = 1
		p.Inject(f)
		out, err := p.sts(john()).AssumeRole(t.Context(), assumeInput())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := issue(fakeaws.Fault{Kind: fakeaws.EmptyKey}); *out.Credentials.AccessKeyId != "" || *out.Credentials.SessionToken == "" {
		t.Errorf("EmptyKey: got %q", *out.Credentials.AccessKeyId)
	}
	if got := issue(fakeaws.Fault{Kind: fakeaws.PastExpiry}).Credentials.Expiration.Sub(at); got != -time.Hour {
		t.Errorf("PastExpiry: got %s from now, want -1h", got)
	}
	if got := issue(fakeaws.Fault{Kind: fakeaws.FarExpiry}).Credentials.Expiration.Sub(at); got < 9*365*24*time.Hour {
		t.Errorf("FarExpiry: got %s from now, want ten years", got)
	}
	out := issue(fakeaws.Fault{Kind: fakeaws.ShortLife, Life: 90 * time.Second})
	if got := out.Credentials.Expiration.Sub(at); got != 90*time.Second {
		t.Errorf("ShortLife: got %s from now, want 90s", got)
	}
	c := p.client(session(out.Credentials))
	if _, err := c.Get(t.Context(), "company1-hr", "handbook.txt"); err != nil {
		t.Errorf("Get within the short life: %v", err)
	}
	at = at.Add(90 * time.Second)
	_, err := c.Get(t.Context(), "company1-hr", "handbook.txt")
	wantError(t, "Get after the short life", err, "ExpiredToken", "The provided token has expired.")
	if got := issue(fakeaws.Fault{Kind: fakeaws.ShortLife}).Credentials.Expiration.Sub(at); got != 5*time.Second {
		t.Errorf("ShortLife without a life: got %s, want 5s", got)
	}
}

// TestWireFaults are those of the road.
func TestWireFaults(t *testing.T) {
	p := start(t, fakeaws.Config{})
	ask := func(ctx context.Context) error {
		_, err := p.sts(john()).GetCallerIdentity(ctx, nil)
		return err
	}
	t.Run("latency", func(t *testing.T) {
		p.Inject(fakeaws.Fault{Kind: fakeaws.Latency, Latency: 60 * time.Millisecond, Count: 1})
		begin := time.Now()
		if err := ask(t.Context()); err != nil || time.Since(begin) < 60*time.Millisecond {
			t.Errorf("got %v after %s, want no error after 60ms", err, time.Since(begin))
		}
	})
	t.Run("garbage", func(t *testing.T) {
		p.Inject(fakeaws.Fault{Kind: fakeaws.Garbage, Count: 1})
		if got := p.send(form(john(), "Action=GetCallerIdentity")); got.status != 200 || !strings.HasPrefix(got.body, "<html>") {
			t.Errorf("got %d %s, want a page", got.status, got.body)
		}
	})
	t.Run("truncated", func(t *testing.T) {
		whole := p.send(form(john(), "Action=GetCallerIdentity"))
		p.Inject(fakeaws.Fault{Kind: fakeaws.Truncated, Count: 2})
		half := p.send(form(john(), "Action=GetCallerIdentity"))
		if half.status != 200 || len(half.body) != len(whole.body)/2 {
			t.Errorf("STS: got %d and %d bytes, want half of %d", half.status, len(half.body), len(whole.body))
		}
		_, err := p.client(john()).Get(t.Context(), "company1-hr", "handbook.txt")
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("S3: got %v, want an unexpected EOF", err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		p.Inject(fakeaws.Fault{Kind: fakeaws.Reset, Count: 1})
		// A connection that is only closed would be an io.EOF.
		err := ask(t.Context())
		if _, ok := errors.AsType[*net.OpError](err); !ok {
			t.Errorf("got %v, want a reset", err)
		}
	})
	t.Run("hang until the client leaves", func(t *testing.T) {
		p.ClearJournal()
		p.Inject(fakeaws.Fault{Kind: fakeaws.Hang, Operation: "PutObject", Count: 1})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- p.client(john()).Put(ctx, "company1-hr", "x", make([]byte, 1<<20))
		}()
		within(t, func() bool { return p.Calls("PutObject") > 0 })
		if c := p.Journal()[0]; c.Status != 0 || c.Operation != "PutObject" {
			t.Errorf("Journal: got %+v, want a call without an answer", c)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the cancellation", err)
		}
	})
	t.Run("hang until the fake is stopped", func(t *testing.T) {
		q := start(t, fakeaws.Config{}) // its end, after this test, must not wait
		q.Inject(fakeaws.Fault{Kind: fakeaws.Hang})
		go func() { _, _ = q.sts(john()).GetCallerIdentity(context.WithoutCancel(t.Context()), nil) }()
		within(t, func() bool { return q.Calls("") > 0 })
	})
}

// TestNothingHappensBehindAFault: an upload that was never answered was not
// stored either.
func TestNothingHappensBehindAFault(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c := p.client(p.lesson())
	p.Inject(fakeaws.Fault{Kind: fakeaws.Reset, Operation: "PutObject", Count: 1})
	if err := c.Put(t.Context(), "lesson-bucket", "x", []byte("x")); err == nil {
		t.Error("Put: got nil, want a reset")
	}
	_, err := c.Get(t.Context(), "lesson-bucket", "x")
	wantError(t, "Get", err, "NoSuchKey", "The specified key does not exist.")
}

// TestGuard is about who can reach a fake: programs of this machine, and not
// the pages that a browser of this machine shows.
func TestGuard(t *testing.T) {
	const foreign = "fakeaws does not serve web pages and proxies (header "
	p := start(t, fakeaws.Config{})
	for _, c := range []struct {
		name, host, header string
		status             int
		code, message      string
	}{
		{"localhost", "localhost:80", "", 200, "", ""},
		{"IPv6", "[::1]:80", "", 200, "", ""},
		{"another loopback address", "127.0.0.2", "", 200, "", ""},
		{"a name that was rebound", "evil.example.com", "", 403, "AccessDenied", `fakeaws serves loopback host names only, not "evil.example.com"`},
		{"another machine's address", "10.0.0.1:80", "", 403, "AccessDenied", `fakeaws serves loopback host names only, not "10.0.0.1"`},
		{"AWS's own name", "sts.eu-west-1.amazonaws.com", "", 403, "AccessDenied", `fakeaws serves loopback host names only, not "sts.eu-west-1.amazonaws.com"`},
		{"a bucket in the name", "company1-hr.localhost:80", "", 400, "InvalidRequest",
			`fakeaws has path-style addresses only: use http://127.0.0.1:PORT, or set the client to path style (host "company1-hr.localhost")`},
		{"a page's post", "localhost", "Origin", 403, "AccessDenied", foreign + "Origin)"},
		{"a page's link", "localhost", "Referer", 403, "AccessDenied", foreign + "Referer)"},
		{"a page's fetch", "localhost", "Sec-Fetch-Site", 403, "AccessDenied", foreign + "Sec-Fetch-Site)"},
		{"a page's websocket", "localhost", "Sec-WebSocket-Key", 403, "AccessDenied", foreign + "Sec-Websocket-Key)"},
		{"Node's fetch", "localhost", "Sec-Fetch-Mode", 200, "", ""},
		{"a proxy", "localhost", "X-Forwarded-For", 403, "AccessDenied", foreign + "X-Forwarded-For)"},
		{"an old proxy", "localhost", "X-Forwarded", 403, "AccessDenied", foreign + "X-Forwarded)"},
		{"a modern proxy", "localhost", "Forwarded", 403, "AccessDenied", foreign + "Forwarded)"},
		{"an honest proxy", "localhost", "Via", 403, "AccessDenied", foreign + "Via)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []raw{form(john(), "Action=GetCallerIdentity"), object(john(), "GET", "/company1-hr/handbook.txt", "")} {
				r.before = func(rq *http.Request) {
					rq.Host = c.host
					if c.header != "" {
						rq.Header.Set(c.header, "null")
					}
				}
				p.send(r).want(t, c.status, c.code, c.message)
			}
		})
	}
	t.Run("a listener for everybody", func(t *testing.T) {
		ln, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		err = p.Serve(t.Context(), ln)
		if want := "listening on " + ln.Addr().String() + ": fakeaws serves loopback addresses only"; err == nil || err.Error() != want {
			t.Errorf("Serve: got %v, want %s", err, want)
		}
	})
}
