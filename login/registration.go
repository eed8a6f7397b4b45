package login

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"github.com/vendord/vendord/session"
)

// The grants of OAuth 2.0 that AWS's OIDC service knows.
const (
	codeGrant    = "authorization_code"
	deviceGrant  = "urn:ietf:params:oauth:grant-type:device_code"
	refreshGrant = "refresh_token"
	// defaultScope is what access to accounts needs, and what makes AWS give
	// a refresh token.
	defaultScope = "sso:account:access"
	clientName   = "vendord"
	// registrationSpare is how long a registration has to be good for: a
	// token that nobody can renew for long is little use. AWS gives 90 days.
	registrationSpare = 24 * time.Hour
	// registeredRedirect has no port: AWS lets a client on the loopback
	// interface choose one each time (RFC 8252, 7.3), so that one
	// registration serves every login.
	registeredRedirect = "http://127.0.0.1" + CallbackPath
)

// registration is this client as AWS knows it. AWS calls such clients public:
// their secret proves little, and is kept like one all the same.
type registration struct {
	id      string
	secret  secret
	expires time.Time
}

// registrationKey is what a registration is good for.
type registrationKey struct {
	who      session.SignIn
	redirect string // "" for the device grant
}

// register returns a registration, a new one where the last is about to end.
func (l *Logins) register(ctx context.Context, s session.SignIn, redirect string) (registration, error) {
	s.Share = false
	key := registrationKey{s, redirect}
	l.mu.Lock()
	known, ok := l.clients[key]
	l.mu.Unlock()
	if ok && l.now().Add(registrationSpare).Before(known.expires) {
		return known, nil
	}
	in := &ssooidc.RegisterClientInput{ClientName: aws.String(clientName), ClientType: aws.String("public"),
		Scopes: scopes(s), GrantTypes: []string{deviceGrant, refreshGrant}}
	if redirect != "" {
		in.GrantTypes, in.RedirectUris, in.IssuerUrl = []string{codeGrant, refreshGrant}, []string{redirect}, &s.StartURL
	}
	c := l.call(s)
	out, err := c.oidc().RegisterClient(ctx, in)
	if err != nil {
		return registration{}, c.failure(err)
	}
	r := registration{id: aws.ToString(out.ClientId), secret: hide(aws.ToString(out.ClientSecret)), expires: time.Unix(out.ClientSecretExpiresAt, 0)}
	if !tokenText(r.id) || !tokenText(r.secret.text()) || !l.now().Before(r.expires) || r.expires.Year() > 9999 {
		return registration{}, c.odd("no registration")
	}
	l.mu.Lock()
	l.clients[key] = r
	l.mu.Unlock()
	return r, nil
}

// forget drops a registration that AWS does not know any more.
func (l *Logins) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, r := range l.clients {
		if r.id == id {
			delete(l.clients, key)
		}
	}
}

func scopes(s session.SignIn) []string {
	if items := session.Items(s.Scopes); len(items) > 0 {
		return items
	}
	return []string{defaultScope}
}
