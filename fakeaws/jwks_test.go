package fakeaws_test

import (
	"strings"
	"testing"

	"github.com/vendord/vendord/fakeaws"
)

func TestJWKS(t *testing.T) {
	ec, rsa := fakeaws.NewIssuer(issuerURL).JWKS(), fakeaws.NewRSAIssuer(issuerURL).JWKS()
	both := strings.TrimSuffix(ec, "]}") + "," + strings.TrimPrefix(rsa, `{"keys":[`)
	for _, c := range []struct {
		name, set string
		keys      int
		want      string
	}{
		{"both kinds", both, 2, ""},
		{"a key for encryption beside one", strings.TrimSuffix(ec, "]}") + `,{"kty":"oct","use":"enc"}]}`, 1, ""},
		{"no JSON", "x", 0, "not a JSON Web Key Set: invalid character 'x' looking for beginning of value"},
		{"no keys", `{"keys":[]}`, 0, "no key for signatures"},
		{"a shared secret", `{"keys":[{"kty":"oct"}]}`, 0, `keys[0]: kty "oct" is neither RSA nor EC`},
		{"a short modulus", `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, 0, "keys[0]: not an RSA key of 2048 bits or more"},
		{"an even exponent", strings.Replace(rsa, `"e":"AQAB"`, `"e":"Ag"`, 1), 0, "keys[0]: not an exponent of RSA"},
		{"another curve", `{"keys":[{"kty":"EC","crv":"secp256k1"}]}`, 0, `keys[0]: crv "secp256k1" is not P-256, P-384 or P-521`},
		{"coordinates that are no text", `{"keys":[{"kty":"EC","crv":"P-256","x":"!","y":""}]}`, 0, "keys[0]: x and y are not base64url"},
		{"a point beside the curve", `{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]}`, 0, "keys[0]: x and y are no point of the curve"},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys, err := fakeaws.ParseJWKS(c.set)
			if got := errorText(err); keys != c.keys || got != c.want {
				t.Errorf("got %d keys, %s\nwant %d, %s", keys, got, c.keys, c.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
