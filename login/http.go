package login

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// maxAnswer is far more than any answer of the OIDC service or the portal: three
// tokens of some kilobytes.
const maxAnswer = 256 << 10

var errTooLong = errors.New("the answer is longer than 256 KiB")

// bounded asks AWS and reads no more than an answer can have.
type bounded struct{ client *http.Client }

// newBounded returns one over a client, or over one with limits for each step.
func newBounded(given *http.Client) *bounded {
	client := &http.Client{Timeout: 8 * time.Second, Transport: &http.Transport{
		Proxy:                  proxy,
		DialContext:            (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		TLSHandshakeTimeout:    3 * time.Second,
		ResponseHeaderTimeout:  4 * time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // a compressed answer could be a small bomb
	}}
	if given != nil {
		copied := *given
		client = &copied
	}
	// AWS does not redirect these calls. Whoever does would get a secret.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &bounded{client}
}

// proxy honours HTTPS_PROXY and NO_PROXY. Plain http goes to loopback only, where
// a proxy would be told secrets.
func proxy(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "https" {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}

// Do sends one attempt.
func (b *bounded) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = plainBody{r.Body}
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &limited{ReadCloser: answer.Body, left: maxAnswer}
	return answer, nil
}

// plainBody hides that a body can write itself: smithy closes it as soon as the
// answer begins, and net/http takes what a closed one's WriteTo says for a broken
// request (smithy-go 1.28).
type plainBody struct{ io.ReadCloser }

// limited is a body that fails when it is too long, where io.LimitReader would
// end it as if it were complete.
type limited struct {
	io.ReadCloser
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLong
	}
	n, err := l.ReadCloser.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// retryer tries again, after 50 to 200 milliseconds, what was lost on the way.
func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 3
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			most := 50 * time.Millisecond << min(attempt, 2)
			return most/2 + rand.N(most/2), nil
		})
	})
}
