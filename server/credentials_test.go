package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

const golden = `{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"` + canarySecret + `","Token":"` + canaryToken +
	`","Expiration":"2026-11-21T13:00:00Z","AccountId":"029470240201","RoleArn":"arn:aws:iam::629470240201:role/JohnUploadRole"}`

// TestAnswerToTheByte checks every byte of an answer, with the date made one.
func TestAnswerToTheByte(t *testing.T) {
	w := start(t, always(credentials(nil)))
	c := w.dial()
	_, _ = io.WriteString(c, w.fill("GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nConnection: close\n\n"))
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	got = regexp.MustCompile(`Date: [^\r]*`).ReplaceAll(got, []byte("Date: D"))
	want := "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/json\r\nDate: D\r\n" +
		"X-Content-Type-Options: nosniff\r\nContent-Length: 262\r\nConnection: close\r\n\r\n" + golden
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRefusalToTheByte(t *testing.T) {
	w := start(t, failing(&session.Error{Class: session.Person, Public: "john: keys expired", Hint: "run aws login"}))
	c := w.dial()
	_, _ = io.WriteString(c, w.fill("GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nConnection: close\n\n"))
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	got = regexp.MustCompile(`Date: [^\r]*`).ReplaceAll(got, []byte("Date: D"))
	want := "HTTP/1.1 403 Forbidden\r\nCache-Control: no-store\r\nContent-Type: application/json\r\n" +
		"X-Content-Type-Options: nosniff\r\nDate: D\r\nContent-Length: 147\r\nConnection: close\r\n\r\n" +
		problem("LoginNeeded", "john: keys expired; hint: run aws login")
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBody(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*session.Credentials)
		want   string // what golden is with this in it
		now    string
	}{
		{"whole", nil, "", ""},
		{"no account known", func(c *session.Credentials) { c.AccountID = "" }, `,"AccountId":"029470240201"`, ""},
		{"no role asked for", func(c *session.Credentials) { c.RoleARN = "" }, `,"RoleArn":"arn:aws:iam::629470240201:role/JohnUploadRole"`, ""},
		{"a fraction of a second is cut off, in any zone", func(c *session.Credentials) {
			c.Expires = time.Date(2026, 12, 31, 23, 59, 59, 999999999, time.FixedZone("", -3600))
		}, "2026-11-21T13:00:00Z", "2027-01-01T00:59:59Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := start(t, always(credentials(test.change))).ask(plain)
			if want := strings.Replace(golden, test.want, test.now, 1); got.status != 200 || got.body != want {
				t.Errorf("got %d\n%s\nwant\n%s", got.status, got.body, want)
			}
		})
	}
}

func TestBodyIsNotEscapedForHTML(t *testing.T) {
	c := session.NewCredentials("ASIAEXAMPLE", "a/b+c=", "<&>'/+=", noon.Add(time.Hour))
	c.Life, c.Minted = time.Hour, noon
	got := start(t, always(c)).ask(plain)
	if want := `{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"a/b+c=","Token":"<&>'/+=","Expiration":"2026-11-21T13:00:00Z"}`; got.body != want {
		t.Errorf("got  %s\nwant %s", got.body, want)
	}
}

// TestBodyIsReadBySplittingAtCommas reads a body as s3fs does (as of 2026-11):
// cut at commas, find a word, take what is between the next quotes.
func TestBodyIsReadBySplittingAtCommas(t *testing.T) {
	body := start(t, always(credentials(nil))).ask(plain).body
	got := make(map[string]string)
	for part := range strings.SplitSeq(body, ",") {
		for _, key := range []string{"AccessKeyId", "SecretAccessKey", "Token", "Expiration", "RoleArn"} {
			_, rest, found := strings.Cut(part, key)
			if !found {
				continue
			}
			_, rest, _ = strings.Cut(rest, ":")
			_, rest, _ = strings.Cut(rest, `"`)
			got[key], _, _ = strings.Cut(rest, `"`)
			break
		}
	}
	want := map[string]string{"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": canarySecret, "Token": canaryToken,
		"Expiration": "2026-11-21T13:00:00Z", "RoleArn": "arn:aws:iam::629470240201:role/JohnUploadRole"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// made returns living credentials of these parts.
func made(id, secret, token string) *session.Credentials {
	c := session.NewCredentials(id, secret, token, noon.Add(time.Hour))
	c.Minted, c.Life = noon, time.Hour
	return c
}

func TestNothingHalfIsHandedOut(t *testing.T) {
	for _, test := range []struct {
		name string
		give *session.Credentials
		log  string // what the log says
	}{
		{"nothing, without an error", nil, "none were given, and no error"},
		{"no key id", made("", canarySecret, canaryToken), "no access key id"},
		{"no secret key", made("ASIA", "", canaryToken), "ASIA: no secret access key"},
		{"no session token", made("ASIA", canarySecret, ""), "ASIA: no session token"},
		{"nothing at all", new(session.Credentials), "over since"},
		{"over by the clock on the wall", credentials(func(c *session.Credentials) { c.Expires = noon.Add(-time.Second) }), "ASIAEXAMPLE: over since 1s"},
		{"over now", credentials(func(c *session.Credentials) { c.Expires = noon }), "ASIAEXAMPLE: over since 0s"},
		{"over by AWS's clock", credentials(func(c *session.Credentials) { c.Skew = 2 * time.Hour }), "ASIAEXAMPLE: over since"},
		{"over by the time that went by", credentials(func(c *session.Credentials) { c.Life = time.Second }), "ASIAEXAMPLE: over since 59s"},
		{"longer than the CRT reads", made("ASIA", canarySecret, strings.Repeat("t", 9000)), "bytes as JSON, the CRT's SDKs read no more than 10,000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := start(t, always(test.give))
			got := w.ask(plain)
			if want := problem("NotReady", "vendord: internal error; hint: see its log"); got.status != 503 || got.body != want {
				t.Errorf("got %d %s, want 503 %s", got.status, got.body, want)
			}
			if !strings.Contains(w.log.String(), test.log) || !strings.Contains(w.log.String(), "credentials that nobody can be given") {
				t.Errorf("log: got %s, want %q in it", w.log, test.log)
			}
			if said := w.log.String() + w.record(); strings.Contains(said, "canary") {
				t.Errorf("a secret was written down: %s", said)
			}
		})
	}
}

func TestALongTokenIsHandedOut(t *testing.T) {
	got := start(t, always(made("ASIA", canarySecret, strings.Repeat("t", 8800)))).ask(plain)
	if got.status != 200 || len(got.body) < 8900 || len(got.body) > 9000 || got.header.Get("Content-Length") == "" {
		t.Errorf("got %d, %d bytes, Content-Length %q", got.status, len(got.body), got.header.Get("Content-Length"))
	}
}

func TestEveryVendIsOnRecord(t *testing.T) {
	fresh := credentials(func(c *session.Credentials) { c.Minted = noon.Add(time.Millisecond) })
	for _, test := range []struct {
		name   string
		give   *session.Credentials
		minted string
	}{
		{"from the cache", credentials(nil), "false"},
		{"minted for it", fresh, "true"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := start(t, always(test.give))
			w.ask("GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\nUser-Agent: agent/1\n\n")
			want := `{"time":"2026-11-21T12:00:00.000Z","id":1,"path":"/v1/credentials","endpoint":"loopback","app":"uploader","how":"token","user":"john","token":"abcdefgh",` +
				`"profile":"upload","role":"arn:aws:iam::629470240201:role/JohnUploadRole","session":"john-uploader",` +
				`"key":"ASIAEXAMPLE","expires":"2026-11-21T13:00:00.000Z","minted":` + test.minted + `,"status":200,"agent":"agent/1"}` + "\n"
			if got := w.record(); got != want {
				t.Errorf("record:\ngot  %swant %s", got, want)
			}
		})
	}
}

func TestARefusalOfAKnownCallerIsOnRecord(t *testing.T) {
	w := start(t, failing(&session.Error{Class: session.Administrator, Code: "AccessDenied", Public: "sts: denied", Hint: "ask"}))
	w.ask(plain)
	got := w.audit.Refusals("uploader")
	want := audit.Event{Time: noon, ID: 1, Path: "/v1/credentials", Endpoint: "loopback", App: "uploader", How: "token", User: "john", TokenID: "abcdefgh",
		Profile: "upload", RoleARN: "arn:aws:iam::629470240201:role/JohnUploadRole", SessionName: "john-uploader",
		Status: 403, Code: "DeniedByAWS", Message: "sts: denied", Hint: "ask"}
	if len(got) != 1 || got[0] != want {
		t.Errorf("Refusals:\ngot  %+v\nwant %+v", got, want)
	}
}

func TestAnotherProfileByNameIsRefused(t *testing.T) {
	got := start(t, always(credentials(nil))).ask("GET /v1/credentials/readonly HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n")
	if got.status != 403 || !strings.HasPrefix(got.body, `{"code":"ProfileRefused","message":"profile \"readonly\": `) {
		t.Errorf("got %d %s, want 403 ProfileRefused", got.status, got.body)
	}
}

func TestPatience(t *testing.T) {
	still := &session.Error{Class: session.Retry, Public: "upload: still asking AWS", Hint: "try again"}
	w := start(t, func(ctx context.Context, _ session.Key, patience time.Duration) (*session.Credentials, error) {
		if patience != 800*time.Millisecond {
			t.Errorf("patience: got %v, want 0.8 s", patience)
		}
		select { // as a cache whose AWS hangs
		case <-time.After(patience):
			return nil, still
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	started := time.Now()
	got := w.ask(plain)
	if took := time.Since(started); took < 800*time.Millisecond || took > 20*time.Second { // of a busy machine
		t.Errorf("took %v, want 0.8 s and a little", took)
	}
	if want := problem("NotReady", "upload: still asking AWS; hint: try again"); got.status != 503 || got.body != want {
		t.Errorf("got %d %s, want 503 %s", got.status, got.body, want)
	}
}

func TestAClientThatLeavesFreesItsHandler(t *testing.T) {
	left, asked := make(chan error, 1), make(chan bool)
	w := start(t, func(ctx context.Context, _ session.Key, _ time.Duration) (*session.Credentials, error) {
		asked <- true
		<-ctx.Done()
		left <- ctx.Err()
		return nil, ctx.Err()
	})
	c := w.dial()
	_, _ = io.WriteString(c, w.fill(plain))
	<-asked
	_ = c.Close()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("its context: got %v, want %v", err, context.Canceled)
	}
	if err := w.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	got := w.audit.Refusals("uploader")
	if len(got) != 1 || got[0].Message != "client: left before the answer" || got[0].Status != 503 {
		t.Errorf("Refusals: got %+v, want one of a client that left", got)
	}
	if strings.Contains(w.log.String(), "ERROR") {
		t.Errorf("log: got %s, a client that leaves is no error", w.log)
	}
}

func TestAPanicIsAnswered(t *testing.T) {
	healthy := false
	w := start(t, func(context.Context, session.Key, time.Duration) (*session.Credentials, error) {
		if !healthy {
			panic("with " + canarySecret)
		}
		return credentials(nil), nil
	})
	got := w.ask(plain)
	if want := problem("NotReady", "vendord: internal error; hint: see its log"); got.status != 503 || got.body != want || !got.closes {
		t.Errorf("got %d %s, closing %v, want 503 %s, closing", got.status, got.body, got.closes, want)
	}
	log := w.log.String()
	if !strings.Contains(log, "server: a request panicked") || !strings.Contains(log, "type=string") || !strings.Contains(log, "credentials_test.go") {
		t.Errorf("log: got %s, want the panic's type and place", log)
	}
	if strings.Contains(log+w.record(), "canary") {
		t.Errorf("a secret was written down: %s", log)
	}
	healthy = true
	w.lives()
}

// TestSecretsAreInBodiesAlone plants secrets wherever they could be, and looks
// for them in everything a server says.
func TestSecretsAreInBodiesAlone(t *testing.T) {
	turn := 0
	w := start(t, func(context.Context, session.Key, time.Duration) (*session.Credentials, error) {
		c := credentials(nil)
		switch turn++; turn {
		case 1:
			return c, nil
		case 2:
			return nil, &session.Error{Class: session.Retry, Public: fmt.Sprintf("%v %+v %#v %s", c, c, c, c), Err: errors.New(canarySecret)}
		case 3:
			return nil, fmt.Errorf("no class: %s", canarySecret)
		case 4:
			return nil, &session.Error{Class: 99, Public: canarySecret}
		case 5:
			panic(c)
		default:
			return credentials(func(c *session.Credentials) { c.Expires = noon }), nil
		}
	})
	for i := range 6 {
		if got := w.ask(plain); (got.status == 200) != (i == 0) || got.status != 200 && strings.Contains(got.body, "canary") {
			t.Errorf("turn %d: got %d %s", i+1, got.status, got.body)
		}
	}
	if _, err := server.Fetch(t.Context(), w.url, w.token+"x"); err == nil || strings.Contains(err.Error(), w.token) {
		t.Errorf("Fetch: got %v", err)
	}
	refusals, _ := json.Marshal(w.audit.Refusals(""))
	said := w.log.String() + w.record() + string(refusals)
	for _, secret := range []string{canarySecret, canaryToken, w.token} {
		if strings.Contains(said, secret) {
			t.Errorf("%q was written down: %s", secret, said)
		}
	}
}

func TestNilConfigIsQuiet(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := startOn(t, ln, always(nil), func(c *server.Config) { c.Audit, c.Log = nil, nil })
	if got := w.ask(plain); got.status != 503 {
		t.Errorf("got %d, want 503", got.status)
	}
}

func TestKeepAlive(t *testing.T) {
	w := start(t, always(credentials(nil)))
	c := w.dial()
	in := bufio.NewReader(c)
	for i := range 100 {
		if got := w.askOn(c, in, plain); got.status != 200 || got.closes || got.body != golden {
			t.Fatalf("request %d: got %d, closing %v", i, got.status, got.closes)
		}
	}
	if n := bytes.Count([]byte(w.record()), []byte("\n")); n != 100 {
		t.Errorf("record: got %d lines, want 100", n)
	}
}

// A body that came in chunks is one that some SDKs cannot read.
func TestAnswersHaveALength(t *testing.T) {
	empty := len(wholeBody(t, 0))
	for _, size := range []int{empty + 1, 2047, 2048, 2049, 4096, 9000} {
		body := wholeBody(t, size-empty)
		if len(body) != size {
			t.Errorf("a body of %d bytes: got %d", size, len(body))
		}
	}
}

// wholeBody returns the body of credentials whose token is so many bytes longer
// than it has to be, and checks that it came with its length.
func wholeBody(t *testing.T, longer int) string {
	t.Helper()
	c := session.NewCredentials("ASIAEXAMPLE", "secret", "t"+strings.Repeat("o", longer), noon.Add(time.Hour))
	c.Minted, c.Life = noon.Add(-time.Minute), 2*time.Hour
	got := start(t, always(c)).ask(plain)
	if got.status != 200 || got.header.Get("Content-Length") != strconv.Itoa(len(got.body)) {
		t.Errorf("got %d and the length %q, want 200 and %d", got.status, got.header.Get("Content-Length"), len(got.body))
	}
	return got.body
}
