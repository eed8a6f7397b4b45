package fakeaws

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// maxSkew is how far a client's clock may be off (AWS General Reference, as of
// 2026-11).
const maxSkew = 15 * time.Minute

// authWords are how a service words what can be wrong with a signature. The
// checks are the same for all; codes and statuses are not, and SDKs act on
// them.
type authWords struct {
	missing    *failure // no Authorization header
	unknownKey *failure
	badToken   *failure // the session token is not one of this key's
	expired    *failure
	mismatch   *failure // the signature is another one
	throttled  *failure

	malformed func(problem string) *failure
	region    func(got, want string) *failure
	service   func() *failure
	date      func(scope, header string) *failure
	unsigned  func(name string) *failure
	skewed    func(signed, now time.Time) *failure
	broken    func(status int) *failure
}

// authenticate finds out who signed a request, and that it was them: the order
// of its checks is STS's. payload is the hash that the client signed, or the
// one that the body has.
func (f *Fake) authenticate(rq *request, payload string) *failure {
	words := rq.service.auth
	a, failed := f.authorization(rq)
	if failed != nil {
		return failed
	}
	c, secret, failed := f.keyOwner(rq, a.keyID)
	if failed != nil {
		return failed
	}
	signedAt, failed := f.checkTime(rq, a)
	if failed != nil {
		return failed
	}
	// Before the signature, to name the header that is the reason.
	if name := a.unsignedHeader(rq.Request); name != "" {
		return words.unsigned(name)
	}
	if !a.verify(rq.Request, secret, signedAt, payload) {
		return words.mismatch
	}
	rq.caller, rq.auth, rq.signedAt, rq.signingKey = c, a, signedAt, a.signingKey(secret)
	f.journal.signer(rq, a.keyID, c.arn())
	return nil
}

// authorization parses the header and compares its scope with where we are.
func (f *Fake) authorization(rq *request) (*authorization, *failure) {
	words := rq.service.auth
	values := rq.Header.Values("Authorization")
	switch {
	case len(values) == 0 && (rq.URL.Query().Has("X-Amz-Signature") || rq.URL.Query().Has("Signature")):
		return nil, fail(http.StatusNotImplemented, "NotImplemented", "fakeaws does not have presigned URLs.")
	case len(values) == 0:
		return nil, words.missing
	case len(values) > 1:
		return nil, words.malformed("There is more than one Authorization header.")
	}
	a, err := parseAuthorization(values[0])
	if err != nil {
		return nil, words.malformed(err.Error())
	}
	// Noted before it is verified: tests want to know which key was tried.
	f.journal.signer(rq, a.keyID, "")
	if a.service != rq.service.name {
		return nil, words.service()
	}
	if want := cmp.Or(rq.service.region, f.world.region, a.region); !f.isIn(rq.service, a.region, want) {
		return nil, words.region(a.region, want)
	}
	return a, nil
}

// isIn reports whether a service may be asked in a region: want is the one that
// it is in, and in the other regions of the world all are but S3 and IAM.
func (f *Fake) isIn(s *service, region, want string) bool {
	everywhere := s.name != s3Name && s.region == ""
	return regionPattern.MatchString(region) && (region == want || everywhere && slices.Contains(f.world.regions, region))
}

// keyOwner looks a key id up, with the session token for temporary ones, and
// returns the caller and the secret key.
func (f *Fake) keyOwner(rq *request, keyID string) (*caller, string, *failure) {
	words, token := rq.service.auth, rq.Header.Get("X-Amz-Security-Token")
	if key, ok := f.world.keys[keyID]; ok {
		switch {
		case key.disabled:
			return nil, "", words.unknownKey
		case token != "":
			return nil, "", words.badToken // long-term keys come without
		}
		return &caller{principal: key.owner, keyID: keyID}, key.secret, nil
	}
	if token == "" {
		return nil, "", words.unknownKey
	}
	// The token says whose key it is; that the client knows the secret too is
	// seen by its signature.
	s, ok := f.openToken(keyID, token)
	if !ok {
		return nil, "", words.badToken
	}
	if !rq.now.Before(s.expires()) {
		return nil, "", words.expired
	}
	c := f.sessionCaller(keyID, s)
	return c, f.sessionSecret(keyID), nil
}

// checkTime compares the time of signing with the clocks: AWS's, and that of
// the machine, which is the one that signers have. A fake whose time was
// shifted would otherwise refuse everyone who cannot shift theirs.
func (f *Fake) checkTime(rq *request, a *authorization) (time.Time, *failure) {
	words := rq.service.auth
	signed, err := signingTime(rq.Request)
	if err != nil {
		return time.Time{}, words.malformed("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	signed = signed.UTC()
	if date := signed.Format(dateStamp); date != a.date {
		return time.Time{}, words.date(a.date, signed.Format(isoBasic))
	}
	if rq.now.Sub(signed).Abs() > maxSkew && time.Since(signed).Abs() > maxSkew {
		return time.Time{}, words.skewed(signed, rq.now)
	}
	return signed, nil
}

// iso formats a time as signatures do.
func iso(t time.Time) string { return t.UTC().Format(isoBasic) }
