package fakeaws

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// jwtJSON asks for a JWT: see Claims. Lifetime is such as "1h", or "-1h" for one
// that ended an hour ago.
type jwtJSON struct {
	Issuer         string            `json:"issuer"` // may be left out where the fake plays one only
	Subject        string            `json:"subject"`
	Audience       audienceJSON      `json:"audience"`
	Lifetime       string            `json:"lifetime"`
	Tags           map[string]string `json:"tags"`
	TransitiveTags []string          `json:"transitive_tags"`
	SourceIdentity string            `json:"source_identity"`
	Claims         map[string]any    `json:"claims"`
	Forged         bool              `json:"forged"`
}

// audienceJSON is one text or a list, as in JWTs.
type audienceJSON []string

// UnmarshalJSON reads either.
func (a *audienceJSON) UnmarshalJSON(text []byte) error {
	all, ok := texts(text)
	if !ok {
		return errors.New("audience: neither a text nor a list of texts")
	}
	*a = all
	return nil
}

// samlJSON asks for a SAML response: see Assertion.
type samlJSON struct {
	Provider        string            `json:"provider"` // its ARN; as Issuer above
	Roles           []string          `json:"roles"`
	SessionName     string            `json:"session_name"`
	Subject         string            `json:"subject"`
	Persistent      bool              `json:"persistent"`
	Lifetime        string            `json:"lifetime"`
	SessionDuration string            `json:"session_duration"`
	SessionLifetime string            `json:"session_lifetime"` // until SessionNotOnOrAfter
	Tags            map[string]string `json:"tags"`
	TransitiveTags  []string          `json:"transitive_tags"`
	SourceIdentity  string            `json:"source_identity"`
	Recipient       string            `json:"recipient"`
	Audience        string            `json:"audience"`
	SignResponse    bool              `json:"sign_response"`
	Forged          bool              `json:"forged"`
}

// serveProofControl answers the addresses that make proofs of identity, and
// those of GetScopedCredentials. It reports whether there is such an address.
func (f *Fake) serveProofControl(w http.ResponseWriter, r *http.Request) bool {
	switch r.Method + " " + r.URL.Path {
	case "POST /_fake/jwt":
		controlText(w, r, f.jwtJSON)
	case "POST /_fake/saml":
		controlText(w, r, f.samlJSON)
	case "GET /_fake/totp":
		writeText(w, func() (string, error) { return f.totp(r.URL.Query().Get("serial")) })
	case "GET /_fake/scoped":
		reply(w, f.scoped.Load())
	case "POST /_fake/scoped":
		control(w, r, f.SetScopedRules)
	default:
		return false
	}
	return true
}

// controlText is control for what answers with a text. There is no line end
// after it: clients take a file of a JWT as it is.
func controlText[T any](w http.ResponseWriter, r *http.Request, do func(T) (string, error)) {
	if v, ok := readControl[T](w, r); ok {
		writeText(w, func() (string, error) { return do(v) })
	}
}

// writeText answers with a text, or an error.
func writeText(w http.ResponseWriter, do func() (string, error)) {
	text, err := do()
	if err != nil {
		http.Error(w, "fakeaws: "+err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text) // the client left: nobody to tell
}

// jwtJSON makes the JWT that the wire asks for.
func (f *Fake) jwtJSON(j jwtJSON) (string, error) {
	if j.Issuer == "" && len(f.world.issuers) == 1 {
		j.Issuer = slices.Collect(maps.Keys(f.world.issuers))[0]
	}
	issuer := f.Issuer(j.Issuer)
	if issuer == nil {
		return "", fmt.Errorf("issuer %q: fakeaws plays %v", j.Issuer, slices.Sorted(maps.Keys(f.world.issuers)))
	}
	issued, expires, err := f.lifetime(j.Lifetime, time.Hour)
	if err != nil {
		return "", err
	}
	return issuer.Sign(Claims{Subject: j.Subject, Audience: j.Audience, Issued: issued, Expires: expires, Tags: j.Tags,
		TransitiveTags: j.TransitiveTags, SourceIdentity: j.SourceIdentity, Extra: j.Claims, Forged: j.Forged}), nil
}

// samlJSON makes the SAML response that the wire asks for.
func (f *Fake) samlJSON(j samlJSON) (string, error) {
	played := f.playedSAML()
	if j.Provider == "" && len(played) == 1 {
		j.Provider = played[0]
	}
	idp := f.IdentityProvider(j.Provider)
	if idp == nil {
		return "", fmt.Errorf("provider %q: fakeaws plays %v", j.Provider, played)
	}
	issued, expires, err1 := f.lifetime(j.Lifetime, maxRedeem)
	long, err2 := duration("session_duration", j.SessionDuration)
	session, err3 := duration("session_lifetime", j.SessionLifetime)
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", err
	}
	a := Assertion{SessionName: j.SessionName, Subject: j.Subject, Persistent: j.Persistent, Issued: issued, Expires: expires,
		SessionDuration: long, Tags: j.Tags, TransitiveTags: j.TransitiveTags, SourceIdentity: j.SourceIdentity,
		Recipient: j.Recipient, Audience: j.Audience, SignResponse: j.SignResponse, Forged: j.Forged}
	if session != 0 {
		a.SessionExpires = f.now().Add(session)
	}
	for _, role := range j.Roles {
		a.Roles = append(a.Roles, [2]string{role, j.Provider})
	}
	return idp.Sign(a), nil
}

// playedSAML returns the SAML providers that the fake plays.
func (f *Fake) playedSAML() []string {
	var played []string
	for _, arn := range slices.Sorted(maps.Keys(f.world.saml)) {
		if f.world.saml[arn].idp != nil {
			played = append(played, arn)
		}
	}
	return played
}

// lifetime returns the times of a proof. One that is over began before it
// ended.
func (f *Fake) lifetime(text string, otherwise time.Duration) (issued, expires time.Time, err error) {
	d, err := duration("lifetime", text)
	if d == 0 {
		d = otherwise
	}
	issued = f.now()
	expires = issued.Add(d)
	if d < 0 {
		issued = expires.Add(-otherwise)
	}
	return issued, expires, err
}

// totp returns what an MFA device shows now.
func (f *Fake) totp(serial string) (string, error) {
	var seeds [][]byte
	for _, p := range f.world.principals {
		if seed, ok := p.mfa[serial]; ok {
			seeds = append(seeds, seed)
		}
	}
	if len(seeds) != 1 {
		return "", fmt.Errorf("serial %q: %d users have such a device", serial, len(seeds))
	}
	return code(seeds[0], f.now()), nil
}
