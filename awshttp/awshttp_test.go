package awshttp_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/vendord/vendord/awshttp"
)

func TestAnswersAreBounded(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") }))
	t.Cleanup(web.Close)
	for most, want := range map[int]error{4: awshttp.ErrTooLong, 6: nil} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL, strings.NewReader("x"))
		answer, err := awshttp.Bounded{Client: awshttp.NewClient(), Most: most}.Do(r)
		if err != nil {
			t.Fatalf("Do: %v", err)
		}
		if _, err := io.ReadAll(answer.Body); !errors.Is(err, want) {
			t.Errorf("five bytes of at most %d: got %v, want %v", most, err, want)
		}
		answer.Body.Close()
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	web := httptest.NewServer(http.RedirectHandler("http://192.0.2.1/", http.StatusTemporaryRedirect))
	t.Cleanup(web.Close)
	answer, err := awshttp.NewClient().Get(web.URL)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("Get: got %s, want the redirect itself", answer.Status)
	}
}

// A proxy is looked up once for each process, so that this is one of its own.
func TestProxyThatRefuses(t *testing.T) {
	if os.Getenv("HTTPS_PROXY") != "" && os.Getenv("AWSHTTP_CHILD") != "" {
		_, err := awshttp.NewClient().Get("https://sts.eu-west-1.amazonaws.com/")
		refusal, ok := errors.AsType[*awshttp.ProxyError](err)
		if !ok {
			t.Fatalf("Get: got %v, want a proxy's refusal", err)
		}
		fmt.Println(refusal)
		return
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(proxy.Close)
	host := strings.TrimPrefix(proxy.URL, "http://")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyThatRefuses$")
	child.Env = append(os.Environ(), "AWSHTTP_CHILD=1", "NO_PROXY=", "HTTPS_PROXY=http://user:CANARY@"+host)
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "proxy "+host+": 403 Forbidden") || strings.Contains(string(out), "CANARY") {
		t.Errorf("the refusal: got %v and %s, want the proxy and its status, and no password", err, out)
	}
}

func TestRetryer(t *testing.T) {
	own := errors.New("clock")
	policy := awshttp.Retryer(retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
		if errors.Is(err, own) {
			return aws.TrueTernary
		}
		return aws.UnknownTernary
	}))
	if got := policy.MaxAttempts(); got != awshttp.Attempts {
		t.Errorf("MaxAttempts: got %d, want %d", got, awshttp.Attempts)
	}
	if !policy.IsErrorRetryable(own) || policy.IsErrorRetryable(errors.New("no")) {
		t.Error("IsErrorRetryable: want true of its own error alone")
	}
	for attempt, most := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 9: 200 * time.Millisecond} {
		if got, err := policy.RetryDelay(attempt, own); got < most/2 || got > most || err != nil {
			t.Errorf("RetryDelay(%d): got %v, %v, want half of %v to all of it", attempt, got, err, most)
		}
	}
}

type refusal struct{}

func (refusal) Error() string       { return "refused" }
func (refusal) HTTPStatusCode() int { return 418 }

func TestErrors(t *testing.T) {
	err := fmt.Errorf("asking: %w", fmt.Errorf("AWS: %w", refusal{}))
	if got := awshttp.StatusOf(err); got != 418 {
		t.Errorf("StatusOf: got %d, want 418", got)
	}
	if got := awshttp.StatusOf(io.EOF); got != 0 {
		t.Errorf("StatusOf: got %d, want 0", got)
	}
	if got := awshttp.Innermost(err); got != (refusal{}) {
		t.Errorf("Innermost: got %v, want the refusal", got)
	}
}
