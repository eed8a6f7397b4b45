package fakeaws_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/vendord/vendord/fakeaws"
)

// TestClient has our own client do what the SDK does elsewhere.
func TestClient(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c := p.client(p.lesson())
	for _, key := range oddKeys {
		t.Run(key, func(t *testing.T) {
			if err := c.Put(t.Context(), "lesson-bucket", key, []byte("hello")); err != nil {
				t.Fatalf("Put: %v", err)
			}
			if got, err := c.Get(t.Context(), "lesson-bucket", key); err != nil || string(got) != "hello" {
				t.Errorf("Get: got %q, %v", got, err)
			}
			if got, err := c.Head(t.Context(), "lesson-bucket", key); err != nil || got != 5 {
				t.Errorf("Head: got %d, %v", got, err)
			}
			if got, err := c.List(t.Context(), "lesson-bucket", key); err != nil || len(got) != 1 || got[0] != (fakeaws.Object{Key: key, Size: 5}) {
				t.Errorf("List: got %v, %v", got, err)
			}
			if err := c.Delete(t.Context(), "lesson-bucket", key); err != nil {
				t.Errorf("Delete: %v", err)
			}
			_, err := c.Get(t.Context(), "lesson-bucket", key)
			wantError(t, "Get", err, "NoSuchKey", "The specified key does not exist.")
		})
	}
	if got, err := p.client(john()).ListBuckets(t.Context()); err != nil || len(got) != 1 || got[0] != "company1-hr" {
		t.Errorf("ListBuckets: got %v, %v", got, err)
	}
}

func TestClientListsEveryPage(t *testing.T) {
	keys := make([]string, 2500)
	for i := range keys {
		keys[i] = fmt.Sprintf("k%04d", i)
	}
	p := start(t, fakeaws.Config{State: shelf(keys...)})
	got, err := p.client(p.lesson()).List(t.Context(), "lesson-bucket", "k")
	if err != nil || len(got) != 2500 || got[2499].Key != "k2499" {
		t.Errorf("List: got %d objects, %v, want 2500", len(got), err)
	}
	if n := p.Calls("ListObjectsV2"); n != 3 {
		t.Errorf("List: asked %d times, want 3", n)
	}
}

func TestClientErrors(t *testing.T) {
	p := start(t, fakeaws.Config{})
	err := p.client(john()).Put(t.Context(), "company1-hr", "x", nil)
	e, ok := errors.AsType[*fakeaws.Error](err)
	if !ok || e.Status != 403 || !strings.HasPrefix(err.Error(), "AccessDenied: User: "+johnARN+" is not authorized") {
		t.Errorf("Put: got %v", err)
	}
	_, err = p.client(john()).Head(t.Context(), "payroll", "2026/november.csv")
	if want := "Forbidden (HTTP 403)"; err == nil || err.Error() != want {
		t.Errorf("Head: got %v, want %s", err, want)
	}
	broken := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("no session") })
	_, err = fakeaws.NewClient(p.url, region, broken).ListBuckets(t.Context())
	if want := "getting credentials: no session"; err == nil || err.Error() != want {
		t.Errorf("ListBuckets: got %v, want %s", err, want)
	}
	_, err = fakeaws.NewClient("http://[", region, static(john())).ListBuckets(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "endpoint http://[: ") {
		t.Errorf("ListBuckets: got %v, want the endpoint named", err)
	}
	p.Inject(fakeaws.Fault{Kind: fakeaws.Garbage, Count: 2})
	if _, err := p.client(john()).ListBuckets(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "reading the list of buckets: ") {
		t.Errorf("ListBuckets of garbage: got %v", err)
	}
	if _, err := p.client(john()).List(t.Context(), "company1-hr", ""); err == nil || !strings.HasPrefix(err.Error(), "reading the list of company1-hr: ") {
		t.Errorf("List of garbage: got %v", err)
	}
}

// TestClientDoesNotFollow: what is signed for one host is not sent to another.
func TestClientDoesNotFollow(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(other.Close)
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(s.Close)
	_, err := fakeaws.NewClient(s.URL, region, static(john())).ListBuckets(t.Context())
	if e, ok := errors.AsType[*fakeaws.Error](err); !ok || e.Status != 307 {
		t.Errorf("ListBuckets: got %v, want the redirect as an error", err)
	}
}

// TestManyAtOnce is for the race detector, and for the sums afterwards.
func TestManyAtOnce(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c, client := p.client(p.lesson()), p.sts(john())
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			key := fmt.Sprintf("key%d", i%20)
			err := errors.Join(
				c.Put(t.Context(), "lesson-bucket", key, []byte(key)),
				func() error { _, err := c.List(t.Context(), "lesson-bucket", ""); return err }(),
				func() error { _, err := client.AssumeRole(t.Context(), assumeInput()); return err }())
			if err != nil {
				t.Error(err)
			}
			p.Inject(fakeaws.Fault{Kind: fakeaws.Throttle, Operation: "HeadBucket"})
			p.Clear()
			p.Advance(0)
			if i%20 == 0 {
				p.Journal()
			}
		})
	}
	wg.Wait()
	got, err := c.List(t.Context(), "lesson-bucket", "key")
	if err != nil || len(got) != 20 || p.Calls("PutObject") != 200 || p.Calls("AssumeRole") != 201 {
		t.Errorf("got %d objects, %v, %d uploads, %d sessions", len(got), err, p.Calls("PutObject"), p.Calls("AssumeRole"))
	}
}

// TestFull: uploads have room reserved before they are read, so that many slow
// ones cannot hold more than the limit either.
func TestFull(t *testing.T) {
	p := start(t, fakeaws.Config{})
	c := p.lesson()
	// announce sends the head of an upload of 16 MiB and returns what the
	// fake says to that: go on, or not.
	announce := func() (net.Conn, string) {
		r := object(c, "PUT", "/lesson-bucket/slow", "")
		r.header["X-Amz-Content-Sha256"] = []string{"UNSIGNED-PAYLOAD"}
		r.before = func(rq *http.Request) { rq.Body, rq.ContentLength = io.NopCloser(strings.NewReader("")), 16<<20 }
		rq := p.build(r)
		rq.Header.Set("Expect", "100-continue")
		conn, err := net.Dial("tcp", rq.URL.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		var head bytes.Buffer
		fmt.Fprintf(&head, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", rq.URL.Path, rq.URL.Host, rq.ContentLength)
		_ = rq.Header.Write(&head)
		if _, err := conn.Write(append(head.Bytes(), "\r\n"...)); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return conn, strings.TrimSpace(line)
	}
	var first net.Conn
	for i := range 15 {
		conn, answer := announce()
		if answer != "HTTP/1.1 100 Continue" {
			t.Fatalf("upload %d: got %s", i, answer)
		}
		first = conn
	}
	if _, answer := announce(); answer != "HTTP/1.1 507 Insufficient Storage" {
		t.Errorf("upload 16: got %s", answer)
	}
	chunked{mode: signedChunks, length: "16777216"}.send(p, c, "claim").want(t, 507, "FakeAWSFull", "fakeaws holds at most 256 MiB in all.")
	_ = first.Close()
	within(t, func() bool { _, answer := announce(); return answer == "HTTP/1.1 100 Continue" })
}

// TestEarlyRefusal: a client that sends slowly hears a refusal at once.
func TestEarlyRefusal(t *testing.T) {
	p := start(t, fakeaws.Config{})
	r := object(john(), "PUT", "/company1-hr/slow", "")
	body, writer := io.Pipe()
	r.before = func(rq *http.Request) { rq.Body, rq.ContentLength = body, 1<<20 }
	p.send(r).want(t, 403, "AccessDenied", "User: "+johnARN+" is not authorized to perform: s3:PutObject on resource: "+
		`"arn:aws:s3:::company1-hr/slow" because no identity-based policy allows the s3:PutObject action`)
	_ = writer.Close()
}

// within waits until something holds.
func within(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited for half a minute")
		}
	}
}
