// Package awshttp is the way to AWS over the network: an HTTP client with a limit
// for each of its steps, answers that cannot be too long, and the pauses between
// attempts.
//
// It knows no operation, no region and no secret, and it says nothing to people:
// mint and login ask AWS through it and put what went wrong into words, each its
// own. The endpoints of a machine's role are none of its business either: they are
// near, and mint has a client of its own for them.
package awshttp

import (
	"context"
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

// AppID is what AWS reads in the User-Agent header, and its customers in
// CloudTrail: app/vendord.
const AppID = "vendord"

// Limit is how long one attempt may take, the body of its answer included: one that
// trickles for ever ends here.
const Limit = 8 * time.Second

// Attempts is how often one call is tried. Whoever asks has more patience, and
// more care, between calls; these are for the dropped packet.
const Attempts = 3

// ErrTooLong is what reading the body of a Bounded's answer fails with.
var ErrTooLong = errors.New("the answer is too long")

// ProxyError is a proxy's refusal to open a tunnel. The proxy's password is not in
// it, as it is in the error that net/http would make.
type ProxyError struct{ Host, Status string }

// Error names the proxy and its answer's status.
func (e *ProxyError) Error() string { return "proxy " + e.Host + ": " + e.Status }

// NewClient returns the client for AWS. Each step has a limit of its own, so that
// an endpoint that accepts and says nothing leaves time for another attempt
// within the 15 seconds that the cache gives a mint.
func NewClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  proxy,
			DialContext:            (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:    3 * time.Second,
			ResponseHeaderTimeout:  4 * time.Second,
			IdleConnTimeout:        30 * time.Second,
			MaxIdleConns:           16,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
			// A compressed answer could be a small bomb.
			DisableCompression: true,
			OnProxyConnectResponse: func(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
				if answer.StatusCode == http.StatusOK {
					return nil
				}
				return &ProxyError{Host: proxy.Host, Status: answer.Status}
			},
		},
		Timeout:       Limit,
		CheckRedirect: Stay,
	}
}

// Stay follows no redirect. AWS does not redirect these calls; whoever does would
// get a secret, or a signed request, that is none of its business.
func Stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// proxy honours HTTPS_PROXY and NO_PROXY. Plain http goes to loopback only
// (an emulator), where a proxy would be told the answer's secrets.
func proxy(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "https" {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r) // never a proxy for loopback
}

// Bounded asks, and reads at most Most bytes of an answer.
type Bounded struct {
	Client *http.Client
	Most   int
}

// Do sends one attempt.
func (b Bounded) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = plainBody{r.Body}
	}
	answer, err := b.Client.Do(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &limited{ReadCloser: answer.Body, left: b.Most}
	return answer, nil
}

// plainBody hides that a body can write itself. smithy closes a request's body as
// soon as the answer begins; net/http may still look whether there is more of it,
// and a closed body's WriteTo says io.EOF, which net/http takes for a broken
// request and tears the connection down under the answer (smithy-go 1.28, one
// call in some hundreds on a busy machine). Its Read is not misunderstood.
type plainBody struct{ io.ReadCloser }

// limited is a body that fails when it is too long, where io.LimitReader
// would end it as if it were complete.
type limited struct {
	io.ReadCloser
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, ErrTooLong
	}
	n, err := l.ReadCloser.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// Retryer returns the retry policy of one operation: 50 to 100 and 100 to 200
// milliseconds between attempts. What the operation knows about errors of its own
// comes before what the SDK knows.
func Retryer(own ...retry.IsErrorRetryable) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = Attempts
		o.Retryables = append(own, o.Retryables...)
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			most := 50 * time.Millisecond << min(attempt, Attempts-1)
			return most/2 + rand.N(most/2), nil
		})
	})
}

// StatusOf returns the HTTP status that an error of the SDK tells, or 0.
func StatusOf(err error) int {
	if e, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

// Innermost returns the first cause of an error. Its type can be logged; its text
// may hold the password of a proxy, or parts of an answer.
func Innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}
