package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/session"
)

// TestClientContract is what the SDKs of AWS need of an endpoint, point by
// point, in the order of the list by which vendord is measured. The points that
// need the whole daemon (10, 18, 20 to 23, 26 to 28) are in cmd/vendord, the
// ones about EC2 metadata come with it. Real SDKs are in sdk_test.go and
// conformance.
func TestClientContract(t *testing.T) {
	for _, point := range []struct {
		sentence string
		holds    func(t *testing.T)
	}{
		{"1 the right token gets 200, JSON of a known length, not to be stored, nothing around it", rightAnswer},
		{"2 the keys are AWS's, all strings, flat, an account keeps its zeros", rightKeys},
		{"3 an expiration is in whole seconds and UTC, cut off and never rounded up", rightExpiration},
		{"4 a body has 9000 bytes at most, a longer one is refused and logged", boundedBody},
		{"5 slashes, pluses and equals signs arrive as they are", nothingEscaped},
		{"6 nothing empty or missing is sent with 200", nothingHalf},
		{"7 an error has each key in both cases, bare JSON, is short, and has no secret", errorForm},
		{"8 a token that is missing, wrong, partial or doubled gets 401", onlyWholeTokens},
		{"9 four failures and one try without a token, as JavaScript's, lock nobody out", noLockOut},
		{"11 a browser or a proxy gets 403, OPTIONS 405, nobody CORS headers", noBrowsers},
		{"12 Host may be every form of our address that SDKs send, and no other", hostForms},
		{"13 neither User-Agent nor Accept is needed", fewHeaders},
		{"14 nothing is compressed", noCompression},
		{"15 a connection for a hundred requests, or one for each, or 500 at once", connectionUse},
		{"16 HTTP/1.0 and Connection: close are answered", oldHTTP},
		{"17 nothing is redirected", noRedirects},
		{"19 an unknown path gets JSON and 403, another method 405", unknownPaths},
		{"24 what is permanent is 4xx, what may come right 503, and 429 only a limit", permanentOrNot},
	} {
		t.Run(point.sentence, point.holds)
	}
}

func rightAnswer(t *testing.T) { // every byte: TestAnswerToTheByte
	got := start(t, always(credentials(nil))).ask(plain)
	if got.status != 200 || !slices.Equal(got.header["Content-Type"], []string{"application/json"}) || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d, %v", got.status, got.header)
	}
	if length := got.header.Get("Content-Length"); length != strconv.Itoa(len(got.body)) || got.body[0] != '{' || got.body[len(got.body)-1] != '}' {
		t.Errorf("got Content-Length %s, body %q", length, got.body)
	}
}

func rightKeys(t *testing.T) {
	var got map[string]string // anything nested or null, or no string, does not fit
	if err := json.Unmarshal([]byte(start(t, always(credentials(nil))).ask(plain).body), &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"AccessKeyId", "AccountId", "Expiration", "RoleArn", "SecretAccessKey", "Token"}
	if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, want) {
		t.Errorf("keys: got %v, want %v", keys, want)
	}
	if got["AccountId"] != "029470240201" {
		t.Errorf("AccountId: got %s", got["AccountId"])
	}
}

var wholeSeconds = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)

func rightExpiration(t *testing.T) {
	for _, test := range []struct {
		expires time.Time
		want    string
	}{
		{time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC), "2026-11-21T13:00:00Z"},
		{time.Date(2026, 11, 21, 13, 0, 0, 999_999_999, time.UTC), "2026-11-21T13:00:00Z"},
		{time.Date(2026, 11, 21, 15, 0, 0, 1, time.FixedZone("", 2*3600)), "2026-11-21T13:00:00Z"},
		{time.Date(2026, 12, 31, 23, 59, 59, 999_000_000, time.UTC), "2026-12-31T23:59:59Z"},
		{time.Date(2026, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600)), "2027-01-01T00:00:00Z"},
		{time.Date(2028, 2, 29, 0, 0, 0, 500, time.UTC), "2028-02-29T00:00:00Z"},
	} {
		var got struct{ Expiration string }
		body := start(t, always(credentials(func(c *session.Credentials) { c.Expires = test.expires }))).ask(plain).body
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Expiration != test.want || !wholeSeconds.MatchString(got.Expiration) {
			t.Errorf("%v: got %s, %v, want %s", test.expires, body, err, test.want)
		}
	}
}

func boundedBody(t *testing.T) { // TestALongTokenIsHandedOut, TestNothingHalfIsHandedOut
	if got := start(t, always(made("ASIA", canarySecret, strings.Repeat("t", 8800)))).ask(plain); got.status != 200 || len(got.body) > 9000 {
		t.Errorf("a long token: got %d, %d bytes, want 200", got.status, len(got.body))
	}
	w := start(t, always(made("ASIA", canarySecret, strings.Repeat("t", 9000))))
	if got := w.ask(plain); got.status != 503 || !strings.Contains(w.log.String(), "SDKs read no more than 10,000") {
		t.Errorf("a longer one: got %d, log %s, want 503 and why", got.status, w.log)
	}
}

func nothingEscaped(t *testing.T) {
	const odd = "a/b+c=<&>'"
	if body := start(t, always(made("ASIA", odd, odd))).ask(plain).body; strings.Count(body, `"`+odd+`"`) != 2 {
		t.Errorf("got %s, want %s twice", body, odd)
	}
}

func nothingHalf(t *testing.T) { // with what the log says: TestNothingHalfIsHandedOut
	for name, c := range map[string]*session.Credentials{
		"nothing": nil, "no key id": made("", "s", "t"), "no secret": made("ASIA", "", "t"), "no token": made("ASIA", "s", ""),
		"over": credentials(func(c *session.Credentials) { c.Expires = noon }),
	} {
		if got := start(t, always(c)).ask(plain); got.status != 503 || strings.Contains(got.body, "AccessKeyId") {
			t.Errorf("%s: got %d %s, want 503", name, got.status, got.body)
		}
	}
}

// errorForm allows 200 bytes for a sentence, and it is there twice. Those of
// vendord's own refusals make bodies of 300 bytes at most (TestHostileRequests);
// one that tells what AWS said, and what to do, may be longer.
func errorForm(t *testing.T) {
	for _, message := range []string{"john: keys expired", strings.Repeat("long ", 100)} {
		w := start(t, failing(&session.Error{Class: session.Person, Public: message, Hint: strings.Repeat("do ", 100), Err: errors.New(canarySecret)}))
		got := w.ask(plain)
		var keys map[string]string
		if err := json.Unmarshal([]byte(got.body), &keys); err != nil || len(keys) != 4 || keys["code"] != "LoginNeeded" || keys["Code"] != "LoginNeeded" ||
			keys["message"] == "" || keys["message"] != keys["Message"] || len(got.body) > 500 {
			t.Errorf("got %s, %v", got.body, err)
		}
		if !slices.Equal(got.header["Content-Type"], []string{"application/json"}) || strings.Contains(got.body, "canary") || strings.Contains(got.body, ".go:") {
			t.Errorf("got %v, %s", got.header, got.body)
		}
	}
}

func onlyWholeTokens(t *testing.T) { // 43 forms of it, by the byte: TestHostileRequests
	w := start(t, always(credentials(nil)))
	for _, request := range []string{get1("Host: ADDR"), carrying(""), carrying("vnd_"), carrying("TOKENx"), carrying(unknown()),
		carrying("TOKEN TOKEN"), carrying("Bearer"), with("Authorization: TOKEN")} {
		if got := w.ask(request); got.status != 401 {
			t.Errorf("%q: got %d, want 401", request, got.status)
		}
	}
	for _, request := range []string{carrying("TOKEN"), carrying("Bearer TOKEN")} {
		if got := w.ask(request); got.status != 200 {
			t.Errorf("%q: got %d, want 200", request, got.status)
		}
	}
}

func noLockOut(t *testing.T) {
	down := true
	w := start(t, get(func(context.Context, session.Key, time.Duration) (*session.Credentials, error) {
		if down {
			return nil, &session.Error{Class: session.Retry, Public: "AWS: does not answer"}
		}
		return credentials(nil), nil
	}))
	for range 4 {
		if got := w.ask(with("Connection: keep-alive")); got.status != 503 {
			t.Errorf("with the token: got %d, want 503", got.status)
		}
	}
	if got := w.ask(get1("Host: ADDR")); got.status != 401 {
		t.Errorf("without: got %d, want 401", got.status)
	}
	for range 6 {
		w.ask(get1("Host: ADDR"))
	}
	down = false
	w.lives()
	if log := w.log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
		t.Errorf("an alarm: %s", log)
	}
}

func noBrowsers(t *testing.T) {
	w := start(t, always(credentials(nil)))
	for request, want := range map[string]int{with("Origin: http://evil.example"): 403, with("Sec-Fetch-Site: same-origin"): 403,
		with("X-Forwarded-For: 127.0.0.1"): 403, by("OPTIONS", "Origin: null", "Access-Control-Request-Method: GET"): 405, plain: 200} {
		got := w.ask(request)
		if got.status != want {
			t.Errorf("%q: got %d, want %d", request, got.status, want)
		}
		for name := range got.header {
			if strings.HasPrefix(name, "Access-Control") {
				t.Errorf("%q: got the header %s", request, name)
			}
		}
	}
}

// hostForms leaves out fd00:ec2::23, which is not bound: it comes with the
// Pod Identity address, for a listener of its own.
func hostForms(t *testing.T) {
	w := start(t, always(credentials(nil)))
	for host, want := range map[string]int{"127.0.0.1": 200, "127.0.0.1:PORT": 200, "localhost": 200, "localhost:PORT": 200,
		"[::1]": 200, "[::1]:PORT": 200, "::1": 200, "evil.example": 403, "fd00:ec2::23": 403} {
		if got := w.ask(at(host)); got.status != want {
			t.Errorf("Host: %s: got %d, want %d", host, got.status, want)
		}
	}
}

func fewHeaders(t *testing.T) {
	w := start(t, always(credentials(nil)))
	w.lives() // with the token and a Host, and nothing else
}

func noCompression(t *testing.T) {
	w := start(t, always(credentials(nil)))
	for _, coding := range []string{"gzip", "identity", "gzip, deflate, br, zstd", "*"} {
		if got := w.ask(with("Accept-Encoding: " + coding)); got.body != golden || got.header.Get("Content-Encoding") != "" {
			t.Errorf("Accept-Encoding: %s: got %v %q", coding, got.header, got.body)
		}
	}
}

func connectionUse(t *testing.T) { // idle ones and shutdown: slow_test.go, serve_test.go
	w := start(t, always(credentials(nil)))
	c := w.dial()
	in := bufio.NewReader(c)
	for i := range 100 {
		if got := w.askOn(c, in, plain); got.status != 200 || got.closes {
			t.Fatalf("request %d: got %d, closing %v", i, got.status, got.closes)
		}
	}
	var all sync.WaitGroup
	for range 500 {
		all.Go(func() { w.honest(t) })
	}
	all.Wait()
}

func oldHTTP(t *testing.T) {
	w := start(t, always(credentials(nil)))
	for _, request := range []string{spoken("HTTP/1.0"), with("Connection: close")} {
		c := w.dialFor(t)
		_, _ = io.WriteString(c, w.fill(request))
		if answer, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(answer), golden) {
			t.Errorf("%q: got %q, %v, want an answer and the end", request, answer, err)
		}
	}
}

func noRedirects(t *testing.T) { // 73 paths: TestHostileRequests
	w := start(t, always(credentials(nil)))
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/credentials/", "//v1/credentials", "/v1//credentials", "/V1/credentials", "/v1/./credentials",
		"/a/../v1/credentials", "/v1/credentials/upload/", "/v1/credentials/../credentials", "/v1%2Fcredentials", "/debug/pprof"} {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			got := w.ask(strings.Replace(to(path), "GET", method, 1))
			if want := map[string]int{"GET": 403}[method]; got.status != max(want, 403) && got.status != 405 || got.header.Get("Location") != "" {
				t.Errorf("%s %s: got %d %v", method, path, got.status, got.header)
			}
		}
	}
}

func unknownPaths(t *testing.T) {
	w := start(t, always(credentials(nil)))
	for request, want := range map[string]int{to("/v1/unknown"): 403, to("/v1/credentials/unknown"): 403, by("POST"): 405, by("HEAD"): 405} {
		got := w.ask(request)
		if got.status != want || got.header.Get("Content-Type") != "application/json" || strings.HasPrefix(request, "GET") && !json.Valid([]byte(got.body)) {
			t.Errorf("%q: got %d %v %s, want %d", request, got.status, got.header, got.body, want)
		}
	}
}

func permanentOrNot(t *testing.T) { // with their codes: TestEveryClassOfError
	for class, want := range map[session.Class]int{session.Unrecognised: 401, session.Refused: 403, session.Configuration: 403, session.Person: 403,
		session.Administrator: 403, session.Retry: 503, session.Limited: http.StatusTooManyRequests} {
		t.Run(fmt.Sprint(class), func(t *testing.T) {
			w := start(t, failing(&session.Error{Class: class, Public: "a: b"}))
			for range 10 {
				if got := w.ask(plain); got.status != want || strings.Contains(got.body, "AccessKeyId") {
					t.Errorf("got %d %s, want %d", got.status, got.body, want)
				}
			}
		})
	}
}
