package fakeaws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// jwk is a public key of an issuer.
type jwk struct {
	id  string
	key crypto.PublicKey // *rsa.PublicKey or *ecdsa.PublicKey
}

// jwtAlgorithm is what a JWT can be signed with. STS takes these six (STS API
// reference, AssumeRoleWithWebIdentity); "none" and shared secrets it does not,
// for whoever may choose the algorithm chooses who can sign.
type jwtAlgorithm struct {
	hash  crypto.Hash
	curve elliptic.Curve // nil: RSA
}

var algorithms = map[string]jwtAlgorithm{
	"RS256": {hash: crypto.SHA256}, "RS384": {hash: crypto.SHA384}, "RS512": {hash: crypto.SHA512},
	"ES256": {crypto.SHA256, elliptic.P256()}, "ES384": {crypto.SHA384, elliptic.P384()}, "ES512": {crypto.SHA512, elliptic.P521()},
}

// token is a JWT that was taken apart and not verified yet.
type token struct {
	algorithm jwtAlgorithm
	keyID     string
	claims    map[string]json.RawMessage // by name, to the letter: Go's structs would take Sub for sub
	signed    string
	signature []byte
}

var errNoJWT = errors.New("not a JWT")

// parseToken takes a JWT apart.
func parseToken(text string) (*token, error) {
	signed, signature, ok := cutLast(text, ".")
	header, claims, ok2 := strings.Cut(signed, ".")
	// Go's base64 skips line ends; STS takes no token that has any.
	if !ok || !ok2 || strings.Contains(claims, ".") || strings.ContainsAny(text, "\r\n") {
		return nil, errNoJWT
	}
	t := &token{signed: signed}
	var h struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
	}
	var err error
	if t.signature, err = base64.RawURLEncoding.Strict().DecodeString(signature); err != nil {
		return nil, errNoJWT
	}
	if decodePart(header, &h) != nil || decodePart(claims, &t.claims) != nil || t.claims == nil {
		return nil, errNoJWT
	}
	if t.algorithm, ok = algorithms[h.Alg]; !ok {
		return nil, fmt.Errorf("algorithm %.20q is not supported", h.Alg)
	}
	t.keyID = h.Kid
	return t, nil
}

// cutLast cuts around the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// decodePart reads one part of a JWT.
func decodePart(part string, v any) error {
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// candidates returns the keys that may have made the signature. A token that
// names its key is held to it.
func (t *token) candidates(keys []jwk) []jwk {
	return slices.DeleteFunc(slices.Clone(keys), func(k jwk) bool { return t.keyID != "" && k.id != "" && t.keyID != k.id })
}

// verifiedBy reports whether one of the keys made the signature.
func (t *token) verifiedBy(keys []jwk) bool {
	h := t.algorithm.hash.New()
	h.Write([]byte(t.signed))
	digest := h.Sum(nil)
	return slices.ContainsFunc(keys, func(k jwk) bool { return t.algorithm.verify(k.key, digest, t.signature) })
}

// verify checks a signature with one key, if that is one of the algorithm's.
func (a jwtAlgorithm) verify(key crypto.PublicKey, digest, signature []byte) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return a.curve == nil && rsa.VerifyPKCS1v15(key, a.hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		size := len(signature) / 2
		if a.curve != key.Curve || len(signature)%2 != 0 || size != (key.Curve.Params().BitSize+7)/8 {
			return false
		}
		return ecdsa.Verify(key, digest, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
	}
	return false
}

// text returns a claim that is a text, or empty.
func (t *token) text(claim string) string {
	var s string
	if json.Unmarshal(t.claims[claim], &s) != nil {
		return ""
	}
	return s
}

// seconds returns a claim that is a time in whole seconds: STS takes no other.
func (t *token) seconds(claim string) (int64, bool) {
	var n *int64
	if json.Unmarshal(t.claims[claim], &n) != nil || n == nil {
		return 0, false
	}
	return *n, true
}

// texts returns a claim that is a text or a list of texts.
func texts(raw json.RawMessage) ([]string, bool) {
	var one *string
	if json.Unmarshal(raw, &one) == nil {
		if one == nil {
			return nil, false // null
		}
		return []string{*one}, true
	}
	var many []string
	return many, json.Unmarshal(raw, &many) == nil && len(many) > 0
}

// parseJWKS reads a JSON Web Key Set (RFC 7517). Keys that are not for
// signatures are left out, others that cannot be read are errors.
func parseJWKS(text string) ([]jwk, error) {
	var set struct {
		Keys []struct{ Kty, Kid, Use, N, E, Crv, X, Y string } `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return nil, fmt.Errorf("not a JSON Web Key Set: %w", err)
	}
	var keys []jwk
	for i, k := range set.Keys {
		if k.Use != "" && k.Use != "sig" {
			continue
		}
		var key crypto.PublicKey
		var err error
		switch k.Kty {
		case "RSA":
			key, err = rsaKey(k.N, k.E)
		case "EC":
			key, err = ecKey(k.Crv, k.X, k.Y)
		default:
			err = fmt.Errorf("kty %q is neither RSA nor EC", k.Kty)
		}
		if err != nil {
			return nil, fmt.Errorf("keys[%d]: %w", i, err)
		}
		keys = append(keys, jwk{k.Kid, key})
	}
	if len(keys) == 0 {
		return nil, errors.New("no key for signatures")
	}
	return keys, nil
}

// rsaKey reads an RSA key.
func rsaKey(n, e string) (*rsa.PublicKey, error) {
	modulus, err1 := base64.RawURLEncoding.DecodeString(n)
	exponent, err2 := base64.RawURLEncoding.DecodeString(e)
	if errors.Join(err1, err2) != nil || len(modulus) < 256 || len(modulus) > 1024 || len(exponent) == 0 || len(exponent) > 4 {
		return nil, errors.New("not an RSA key of 2048 bits or more")
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
	if key.E < 3 || key.E%2 == 0 {
		return nil, errors.New("not an exponent of RSA")
	}
	return key, nil
}

// ecKey reads a key on one of the three curves.
func ecKey(curve, x, y string) (*ecdsa.PublicKey, error) {
	on, known := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[curve]
	if !known {
		return nil, fmt.Errorf("crv %q is not P-256, P-384 or P-521", curve)
	}
	bx, err1 := base64.RawURLEncoding.DecodeString(x)
	by, err2 := base64.RawURLEncoding.DecodeString(y)
	if errors.Join(err1, err2) != nil {
		return nil, errors.New("x and y are not base64url")
	}
	key, err := ecdsa.ParseUncompressedPublicKey(on, append(append([]byte{4}, bx...), by...))
	if err != nil {
		return nil, errors.New("x and y are no point of the curve")
	}
	return key, nil
}
