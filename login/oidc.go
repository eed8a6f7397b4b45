package login

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/smithy-go/logging"

	"github.com/vendord/vendord/awshttp"
	"github.com/vendord/vendord/session"
)

// call is one conversation with a SignIn's OIDC service or portal.
type call struct {
	l *Logins
	s session.SignIn
	// renewing says that a token in hand is to be renewed: what AWS refuses
	// then is that token, and a person has to sign in again.
	renewing bool
}

func (l *Logins) call(s session.SignIn) call { return call{l: l, s: s} }

// maxAnswer is far more than any answer of the OIDC service or the portal: three
// tokens of some kilobytes.
const maxAnswer = 256 << 10

// bounded asks with a client, or with one of our own.
func bounded(given *http.Client) awshttp.Bounded {
	client := awshttp.NewClient()
	if given != nil {
		copied := *given
		copied.CheckRedirect = awshttp.Stay
		client = &copied
	}
	return awshttp.Bounded{Client: client, Most: maxAnswer}
}

func (c call) endpoint() *string {
	if c.s.Endpoint == "" {
		return nil
	}
	return &c.s.Endpoint
}

func (c call) oidc() *ssooidc.Client {
	return ssooidc.New(ssooidc.Options{Region: c.s.Region, BaseEndpoint: c.endpoint(), HTTPClient: c.l.http,
		Retryer: awshttp.Retryer(), AppID: awshttp.AppID, Logger: logging.Nop{}})
}

func (c call) portal() *sso.Client {
	return sso.New(sso.Options{Region: c.s.Region, BaseEndpoint: c.endpoint(), HTTPClient: c.l.http,
		Retryer: aws.NopRetryer{}, AppID: awshttp.AppID, Logger: logging.Nop{}})
}

// authority is where the browser goes: the OIDC service itself, as for the AWS
// CLI. The authorizationEndpoint of an answer is not followed, since whoever
// forged that answer would choose the page on which a person types a password.
func (c call) authority(ctx context.Context) (string, error) {
	if c.s.Endpoint != "" {
		return c.s.Endpoint, nil
	}
	at, err := ssooidc.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, ssooidc.EndpointParameters{Region: &c.s.Region})
	if err != nil {
		return "", misconfigured(c.s, "its sso_region "+quote(c.s.Region)+" is none")
	}
	return at.URI.String(), nil
}

// redeem turns a code of the browser flow into a token.
func (l *Logins) redeem(ctx context.Context, p *pending, code string) (*token, error) {
	return l.createToken(ctx, call{l: l, s: p.who}, p.client, nil, &ssooidc.CreateTokenInput{GrantType: aws.String(codeGrant),
		Code: &code, CodeVerifier: aws.String(p.verifier.text()), RedirectUri: &p.redirect})
}

// refresh renews a token.
func (l *Logins) refresh(ctx context.Context, s session.SignIn, old *token) (*token, error) {
	return l.createToken(ctx, call{l: l, s: s, renewing: true}, old.client, old.refresh,
		&ssooidc.CreateTokenInput{GrantType: aws.String(refreshGrant), RefreshToken: aws.String(old.refresh.text())})
}

// longest is the longest life that is believed, that of a portal session that an
// administrator made as long as can be.
const longest = 90 * 24 * time.Hour

// createToken asks for a token and checks the answer. refresh is the refresh
// token in hand: AWS may send another, or none, and then the old one is still
// good (RFC 6749, section 6).
func (l *Logins) createToken(ctx context.Context, c call, client registration, refresh secret, in *ssooidc.CreateTokenInput) (*token, error) {
	in.ClientId, in.ClientSecret = &client.id, aws.String(client.secret.text())
	asked, born := l.now(), time.Now()
	out, err := c.oidc().CreateToken(ctx, in)
	if err != nil {
		if unregistered(err) {
			l.forget(client.id)
		}
		return nil, c.failure(err)
	}
	life := time.Duration(out.ExpiresIn) * time.Second
	if !tokenText(aws.ToString(out.AccessToken)) || life <= 0 {
		return nil, c.odd("no token")
	}
	life = min(life, longest)
	t := &token{access: hide(*out.AccessToken), refresh: refresh, expires: asked.Add(life).Round(0), client: client, born: born, life: life}
	if next := aws.ToString(out.RefreshToken); tokenText(next) {
		t.refresh = hide(next)
	}
	return t, nil
}
