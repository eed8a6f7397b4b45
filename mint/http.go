package mint

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"

	"github.com/vendord/vendord/awshttp"
)

// maxAnswer is far more than any answer of STS or SSO, whose largest part is
// a session token of 4,096 bytes (as of 2026-11).
const maxAnswer = 1 << 20

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
		CheckRedirect: awshttp.Stay,
	}
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
	sent := x.now()
	answer, err := awshttp.Bounded{Client: x.client, Most: maxAnswer}.Do(r)
	if err != nil {
		return nil, err
	}
	x.at, x.skew = x.now(), 0
	// An answer with Age comes from somebody's cache, and so does its Date.
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil && answer.Header.Get("Age") == "" {
		x.skew = skew(date, sent.Round(0), x.at.Round(0))
	}
	return answer, nil
}

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
	return max(0, min(most, max(0, least)+awshttp.Limit))
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
	if awshttp.StatusOf(err) >= 400 && awshttp.StatusOf(err) < 500 {
		return aws.UnknownTernary
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return aws.UnknownTernary
	}
	return aws.FalseTernary
}

// late reports whether the last request was on its way for too long.
func (x *exchange) late() bool { return x.at.Round(0).Sub(x.signed.Round(0)) > tolerated }

// retryer returns the retry policy of one operation.
func (x *exchange) retryer() aws.Retryer {
	own := []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(x.mendable)}
	if x.once {
		own = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(unlessRefused)}, own...)
	}
	return awshttp.Retryer(own...)
}
