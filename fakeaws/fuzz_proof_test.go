package fakeaws_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/fakeaws"
)

// FuzzToken: what is taken for a JWT has three parts, and reading it never
// fails worse than with an error.
func FuzzToken(f *testing.F) {
	f.Add(fakeaws.NewIssuer(issuerURL).Sign(ciClaims()))
	f.Add("a.b.c")
	f.Add(jwtOf(`{"alg":"ES256"}`, `{"sub":null}`))
	f.Add(jwtOf(`{"alg":"ES256"}`, `null`))
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := fakeaws.ParseToken(text); err == nil && strings.Count(text, ".") != 2 {
			t.Errorf("%q: taken for a JWT", text)
		}
	})
}

// FuzzJWKS: a set has keys or an error.
func FuzzJWKS(f *testing.F) {
	f.Add(fakeaws.NewIssuer(issuerURL).JWKS())
	f.Add(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`)
	f.Add(`{"keys":[{"kty":"EC","crv":"P-521","x":"","y":""}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if keys, err := fakeaws.ParseJWKS(text); (keys == 0) == (err == nil) {
			t.Errorf("%q: got %d keys, %v", text, keys, err)
		}
	})
}

// FuzzAssertion changes a signed response: whatever is still accepted speaks of
// the one who was signed.
func FuzzAssertion(f *testing.F) {
	idp, now := fakeaws.NewIdentityProvider(idpURL), time.Now()
	a := annAssertion()
	a.Issued = now
	whole := a
	whole.SignResponse = true
	good := [][]byte{idp.Response(a), idp.Response(whole)}
	f.Add(0, 0, []byte(""))
	f.Add(0, 900, []byte("<!-- -->"))
	f.Add(1, 700, []byte("</saml:Assertion>"))
	f.Add(0, 1500, []byte("bob"))
	f.Fuzz(func(t *testing.T, which, at int, insert []byte) {
		raw := bytes.Clone(good[which&1])
		at = ((at % len(raw)) + len(raw)) % len(raw)
		raw = append(raw[:at:at], append(bytes.Clone(insert), raw[at:]...)...)
		if name, ok := fakeaws.ReadAssertion(raw, idp, now); ok && strings.TrimSpace(name) != "ann" {
			t.Errorf("%q at %d: accepted, and it speaks of %q", insert, at, name)
		}
	})
}
