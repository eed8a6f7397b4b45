package mint

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
)

// agent is what AWS reads in the User-Agent header, and its customers in
// CloudTrail: app/vendord.
const agent = "vendord"

// maxAnswer is far more than any answer of STS or SSO, whose largest part is
// a session token of 4,096 bytes (as of 2026-11).
const maxAnswer = 1 << 20

// exchangeLimit is how long one attempt may take, the body of its answer included:
// one that trickles for ever ends here.
const exchangeLimit = 8 * time.Second

// attempts is how often one call is tried. The cache waits longer and with
// more care between mints; these are for the dropped packet.
const attempts = 3

var errTooLong = errors.New("the answer is longer than 1 MiB")

// proxyError is a proxy's refusal to open a tunnel.
type proxyError struct{ host, status string }

func (e *proxyError) Error() string { return "proxy " + e.host + ": " + e.status }

// newHTTP returns the client for AWS. Each step has a limit of its own, so that
// an endpoint that accepts and says nothing leaves time for another attempt
// within the 15 seconds that the cache gives a mint.
func newHTTP() *http.Client {
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
				return &proxyError{host: proxy.Host, status: answer.Status}
			},
		},
		Timeout: exchangeLimit,
		// AWS does not redirect these calls. Whoever does would get a
		// signed request that is none of its business.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// newLocalHTTP returns the client for the endpoints that a machine or a
// container has. They are near, or not there: nobody should wait for the latter.
// No proxy and no redirect leads anywhere else.
func newLocalHTTP() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: time.Second}).DialContext,
			ResponseHeaderTimeout:  2 * time.Second, // an agent may have to ask STS
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
		},
		Timeout:       3 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// proxy honours HTTPS_PROXY and NO_PROXY. Plain http goes to loopback only
// (an emulator), where a proxy would be told the answer's secrets.
func proxy(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "https" {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r) // never a proxy for loopback
}

// exchange is the HTTP client and the signer of one operation. It limits what
// is read, notes AWS's clock, and signs by the Minter's clock instead of the
// system's. The SDK makes the attempts of an operation one after another, so
// it needs no lock.
type exchange struct {
	client *http.Client
	now    func() time.Time
	// signed is when the last request was, and at when its answer's headers
	// came in.
	signed, at time.Time
	// skew is AWS's clock minus ours, by the last answer's Date; zero if
	// it had none; mended is how much of it the last signature allowed for.
	skew, mended time.Duration
	// once says that a request must not be sent again where AWS may have got
	// it: an MFA code that it has used makes the second one a refusal.
	once bool
}

// Do sends one attempt.
func (x *exchange) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = plainBody{r.Body}
	}
	sent := x.now()
	answer, err := x.client.Do(r)
	if err != nil {
		return nil, err
	}
	x.at, x.skew = x.now(), 0
	// An answer with Age comes from somebody's cache, and so does its Date.
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil && answer.Header.Get("Age") == "" {
		x.skew = skew(date, sent.Round(0), x.at.Round(0))
	}
	answer.Body = &limited{ReadCloser: answer.Body, left: maxAnswer}
	return answer, nil
}

// plainBody hides that a body can write itself. smithy closes a request's body as
// soon as the answer begins; net/http may still look whether there is more of it,
// and a closed body's WriteTo says io.EOF, which net/http takes for a broken
// request and tears the connection down under the answer (smithy-go 1.28, one
// call in some hundreds on a busy machine). Its Read is not misunderstood.
type plainBody struct{ io.ReadCloser }

// skew returns how far AWS's clock was ahead of ours when it wrote date, in
// whole seconds, at a moment between sent and received. It is the most that is
// possible: what AWS takes for dead must not look alive. But it is no more above
// the least that is possible than an exchange can take: the rest is a laptop's
// sleep on the way there, and living credentials must not look dead. (A sleep on
// the way back hides by how much AWS is ahead; only who sleeps just then, with a
// wrong clock, is given credentials beyond their end.)
func skew(date, sent, received time.Time) time.Duration {
	least, most := date.Sub(received), date.Sub(sent)
	if most < -time.Second { // which Date cuts off
		return most
	}
	return max(0, min(most, max(0, least)+exchangeLimit))
}

// tolerated is how far a clock may be off before signatures suffer: AWS allows
// 15 minutes in general and 5 in places, the SDK's rule is 4 (as of 2026-11).
const tolerated = 4 * time.Minute

// SignHTTP signs one attempt: by our clock or, where the attempt before showed
// that it is too far off, by AWS's. The SDK would do likewise, but by the
// system's clock.
func (x *exchange) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string,
	_ time.Time, options ...func(*v4.SignerOptions)) error {
	x.signed, x.mended = x.now(), 0
	if x.skew.Abs() > tolerated {
		x.mended = x.skew
	}
	return v4.NewSigner().SignHTTP(ctx, c, r, hash, service, region, x.signed.Add(x.mended), options...)
}

// mendable tells the SDK to try again what was refused because of a clock that
// SignHTTP can mend now, or because the machine slept after it was signed.
func (x *exchange) mendable(err error) aws.Ternary {
	answer, ok := errors.AsType[smithy.APIError](err)
	if ok && slices.Contains(clockCodes, answer.ErrorCode()) && ((x.skew-x.mended).Abs() > tolerated || x.late()) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// unlessRefused forbids another try after anything but a refusal, of which AWS has
// told that it did nothing.
func unlessRefused(err error) aws.Ternary {
	if statusOf(err) >= 400 && statusOf(err) < 500 {
		return aws.UnknownTernary
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return aws.UnknownTernary
	}
	return aws.FalseTernary
}

// late reports whether the last request was on its way for too long.
func (x *exchange) late() bool { return x.at.Round(0).Sub(x.signed.Round(0)) > tolerated }

// limited is a body that fails when it is too long, where io.LimitReader
// would end it as if it were complete.
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

// retryer returns the retry policy of one operation: 50 to 100 and 100 to 200
// milliseconds between attempts.
func (x *exchange) retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(x.mendable))
		if x.once {
			o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(unlessRefused)}, o.Retryables...)
		}
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			most := 50 * time.Millisecond << min(attempt, attempts)
			return most/2 + rand.N(most/2), nil
		})
	})
}
