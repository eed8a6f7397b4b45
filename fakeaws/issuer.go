package fakeaws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"sync"
	"time"
)

// Issuer is an OpenID Connect issuer for tests and lessons: it signs whatever
// it is told. As an http.Handler it serves its discovery document and its key
// set.
type Issuer struct {
	url string
	key func() crypto.Signer
}

// NewIssuer returns an issuer that signs with ES256, with a key of its own.
func NewIssuer(url string) *Issuer {
	return &Issuer{url: url, key: sync.OnceValue(func() crypto.Signer {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err) // only where the machine has no randomness
		}
		return key
	})}
}

// NewRSAIssuer returns an issuer that signs with RS256.
func NewRSAIssuer(url string) *Issuer {
	return &Issuer{url: url, key: sync.OnceValue(func() crypto.Signer { return newRSAKey() })}
}

// newRSAKey makes a key as they are common among identity providers.
func newRSAKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // only where the machine has no randomness
	}
	return key
}

// Claims are what a JWT says.
type Claims struct {
	Subject string
	// Audience is one text in the token, or a list where there are more.
	Audience []string
	// Issued is when; zero means now. Expires: zero means an hour later.
	Issued, Expires time.Time
	// Tags, TransitiveTags and SourceIdentity are for the session, in the
	// claims that AWS reads (IAM User Guide, passing session tags).
	Tags           map[string]string
	TransitiveTags []string
	SourceIdentity string
	// Extra are more claims; they replace those above.
	Extra map[string]any
	// Forged has the token signed by somebody else.
	Forged bool
}

const (
	tagsClaim           = "https://aws.amazon.com/tags"
	sourceIdentityClaim = "https://aws.amazon.com/source_identity"
	issuerKeyID         = "fakeaws-1"
)

// Sign returns a JWT that says c. It panics where Extra has what JSON cannot
// say.
func (i *Issuer) Sign(c Claims) string {
	if c.Issued.IsZero() {
		c.Issued = time.Now()
	}
	if c.Expires.IsZero() {
		c.Expires = c.Issued.Add(time.Hour)
	}
	claims := map[string]any{"iss": i.url, "sub": c.Subject, "iat": c.Issued.Unix(), "exp": c.Expires.Unix()}
	switch len(c.Audience) {
	case 0:
	case 1:
		claims["aud"] = c.Audience[0]
	default:
		claims["aud"] = c.Audience
	}
	if len(c.Tags) > 0 || len(c.TransitiveTags) > 0 {
		tags := map[string][]string{}
		for key, value := range c.Tags {
			tags[key] = []string{value}
		}
		claims[tagsClaim] = map[string]any{"principal_tags": tags, "transitive_tag_keys": c.TransitiveTags}
	}
	if c.SourceIdentity != "" {
		claims[sourceIdentityClaim] = c.SourceIdentity
	}
	maps.Copy(claims, c.Extra)
	key := i.key()
	if c.Forged {
		key = forger(key)
	}
	return signedToken(key, i.algorithm(), claims)
}

// signedToken makes the three parts of a JWT.
func signedToken(key crypto.Signer, algorithm string, claims map[string]any) string {
	signed := part(map[string]string{"alg": algorithm, "kid": issuerKeyID, "typ": "JWT"}) + "." + part(claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(sign(key, signed))
}

// forger returns a key of the same kind that nobody knows.
func forger(key crypto.Signer) crypto.Signer {
	if _, ok := key.(*rsa.PrivateKey); ok {
		return newRSAKey()
	}
	return NewIssuer("").key()
}

// part encodes a part of a JWT.
func part(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// sign makes the signature of a JWT: for elliptic curves r and s side by side,
// which is not what crypto.Signer makes (RFC 7518, section 3.4).
func sign(key crypto.Signer, signed string) []byte {
	h := crypto.SHA256.New()
	h.Write([]byte(signed))
	digest := h.Sum(nil)
	if ec, ok := key.(*ecdsa.PrivateKey); ok {
		r, s, err := ecdsa.Sign(rand.Reader, ec, digest)
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	signature, err := key.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		panic(err)
	}
	return signature
}

func (i *Issuer) algorithm() string {
	if _, ok := i.key().(*ecdsa.PrivateKey); ok {
		return "ES256"
	}
	return "RS256"
}

// jwk returns the public key.
func (i *Issuer) jwk() jwk { return jwk{issuerKeyID, i.key().Public()} }

// URL returns the issuer's URL, which is the iss of its tokens.
func (i *Issuer) URL() string { return i.url }

// JWKS returns the issuer's JSON Web Key Set.
func (i *Issuer) JWKS() string {
	k := map[string]string{"kid": issuerKeyID, "use": "sig", "alg": i.algorithm()}
	switch key := i.key().Public().(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 4, x, y
		if err != nil {
			panic(err) // only for a point that is on no curve
		}
		k["kty"], k["crv"] = "EC", "P-256"
		k["x"], k["y"] = base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:])
	case *rsa.PublicKey:
		k["kty"], k["n"] = "RSA", base64.RawURLEncoding.EncodeToString(key.N.Bytes())
		k["e"] = base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
	}
	text, err := json.Marshal(map[string]any{"keys": []any{k}})
	if err != nil {
		panic(err) // texts: cannot fail
	}
	return string(text)
}

// Provider returns the issuer as a provider of an account, for tokens with one
// of the audiences.
func (i *Issuer) Provider(audiences ...string) OIDCProvider {
	return OIDCProvider{URL: i.url, Audiences: audiences, JWKS: Document(i.JWKS())}
}

// ServeHTTP serves the discovery document and the key set.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		http.Error(w, "fakeaws: an issuer is read with GET", http.StatusMethodNotAllowed)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		reply(w, map[string]any{"issuer": i.url, "jwks_uri": i.url + "/jwks", "response_types_supported": []string{"id_token"},
			"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{i.algorithm()}})
	case "/jwks":
		reply(w, json.RawMessage(i.JWKS()))
	default:
		http.NotFound(w, r)
	}
}
