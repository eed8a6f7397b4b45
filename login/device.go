package login

import (
	"cmp"
	"context"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"github.com/vendord/vendord/session"
)

const (
	// Between two questions whether the person is done (RFC 8628, 3.2 and
	// 3.5): AWS says how long, else 5 seconds; 5 more when it says slow down.
	usualInterval = 5 * time.Second
	slowDown      = 5 * time.Second
	// maxInterval bounds what AWS can ask for: a login has to end some time.
	maxInterval = time.Minute
)

// userCode is what a person can compare and type, and a terminal print.
var userCode = regexp.MustCompile(`^[A-Za-z0-9-]{4,32}$`)

// prepareDevice asks AWS for the code that the person types into a browser, and
// returns what waits for it.
func (l *Logins) prepareDevice(ctx context.Context, p *pending) (func(context.Context) error, error) {
	var err error
	if p.client, err = l.register(ctx, p.who, ""); err != nil {
		return nil, err
	}
	c := l.call(p.who)
	out, err := c.oidc().StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{
		ClientId: &p.client.id, ClientSecret: aws.String(p.client.secret.text()), StartUrl: &p.who.StartURL})
	if err != nil {
		if unregistered(err) {
			l.forget(p.client.id)
		}
		return nil, c.failure(err)
	}
	p.url = cmp.Or(aws.ToString(out.VerificationUriComplete), aws.ToString(out.VerificationUri))
	p.code = aws.ToString(out.UserCode)
	if !webAddress(p.url) || !userCode.MatchString(p.code) || !tokenText(aws.ToString(out.DeviceCode)) || out.ExpiresIn <= 0 {
		return nil, c.odd("no address and code to sign in with")
	}
	p.expires = l.now().Add(min(time.Duration(out.ExpiresIn)*time.Second, patience))
	interval := min(cmp.Or(max(0, time.Duration(out.Interval)*time.Second), usualInterval), maxInterval)
	return func(ctx context.Context) error { return l.poll(ctx, p, *out.DeviceCode, interval) }, nil
}

// poll asks until the person is done, or the code has expired. Trouble on the way
// does not end it: the person is typing meanwhile.
func (l *Logins) poll(ctx context.Context, p *pending, device string, interval time.Duration) error {
	for {
		select {
		case <-p.done:
			return nil
		case <-ctx.Done():
			return timedOut()
		case <-time.After(interval):
		}
		if !l.now().Before(p.expires) {
			return timedOut()
		}
		t, err := l.createToken(ctx, call{l: l, s: p.who}, p.client, nil,
			&ssooidc.CreateTokenInput{GrantType: aws.String(deviceGrant), DeviceCode: &device})
		if err == nil {
			return l.signedIn(p, t)
		}
		got := session.AsError(err)
		switch {
		case got.Code == "SlowDownException":
			interval = min(interval+slowDown, maxInterval)
		case got.Code == "ExpiredTokenException":
			return timedOut()
		case got.Code == "AccessDeniedException":
			return ended("it was refused in the browser")
		case got.Class != session.Retry:
			return err
		}
	}
}
