package fakeaws

import (
	"net/http"
	"time"
)

// getSessionToken is STS's GetSessionToken: the user's own permissions for a
// time, with MFA if a code is given. It takes no session policy, so what it
// issues is not narrowed. Everyone may call it who has long-term keys: STS asks
// no policy.
func (f *Fake) getSessionToken(rq *request, form form) (*answer, *failure) {
	var c constraints
	seconds := c.number(form, "DurationSeconds", 900, 129600, 0)
	serial := c.optional(form, "SerialNumber", 9, 256, serialShape)
	code := c.optional(form, "TokenCode", 6, 6, codeShape)
	atLeast := c.number(form, "MinimumSessionTokenSize", 0, maxToken, 0)
	if failed := c.failure(); failed != nil {
		return nil, failed
	}
	// Otherwise a session could renew itself for ever.
	if rq.caller.session != nil {
		return nil, fail(http.StatusForbidden, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
	mfa, failed := f.verifyMFA(rq, serial, code)
	if failed != nil {
		return nil, failed
	}
	now := rq.now.Unix()
	s := &session{Principal: rq.caller.principal.arn, Issued: now, MFA: mfa,
		Expires: now + int64(sessionTokenSeconds(rq.caller.kind, seconds))}
	_, issued := f.issue(rq, s, atLeast)
	return rq.stsAnswer(&sessionTokenResult{issued: issued}), nil
}

// sessionTokenSeconds returns the life of a GetSessionToken session: twelve
// hours if none was asked for, and for a root user an hour at most, without a
// word (STS API reference, GetSessionToken).
func sessionTokenSeconds(kind principalKind, asked int) int {
	if asked == 0 {
		asked = 12 * 3600
	}
	if kind == rootUser {
		return min(asked, 3600)
	}
	return asked
}

// issue makes the credentials of a session, or what a fault makes of them. A
// short life is put into the token, so that S3 holds the client to it; the other
// faults are lies about credentials that are good.
func (f *Fake) issue(rq *request, s *session, atLeast int) (string, issued) {
	if rq.fault.Kind == ShortLife {
		life := rq.fault.Life
		if life == 0 {
			life = 5 * time.Second
		}
		s.Expires = s.Issued + max(1, int64(life/time.Second))
	}
	keyID, secret := f.newSessionKey()
	token := f.sealToken(keyID, s, atLeast)
	shown, expires := keyID, s.expires()
	switch rq.fault.Kind {
	case EmptyKey:
		shown = ""
	case PastExpiry:
		expires = rq.now.Add(-time.Hour)
	case FarExpiry:
		expires = rq.now.AddDate(10, 0, 0)
	}
	return keyID, issued{
		Credentials: credentialsXML{AccessKeyID: shown, SecretAccessKey: secret, SessionToken: token,
			Expiration: expires.Format(expiryFormat)},
		SessionTokenSize:        len(token),
		SessionTokenUtilization: percent(len(token)),
	}
}
