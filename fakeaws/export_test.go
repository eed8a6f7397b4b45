package fakeaws

import (
	"bufio"
	"encoding/base64"
	"strings"
	"time"
)

// What the fuzz tests and the device of the MFA tests need of the inside.

// MFACode returns what an MFA device shows.
func MFACode(seed []byte, at time.Time) string { return code(seed, at) }

// ParseAuthorization returns the parts of an Authorization header.
func ParseAuthorization(value string) (keyID, scope string, signed []string, err error) {
	a, err := parseAuthorization(value)
	if err != nil {
		return "", "", nil, err
	}
	return a.keyID, a.scope(), a.signed, nil
}

// CanonicalQuery is canonicalQuery.
func CanonicalQuery(raw string) string { return canonicalQuery(raw) }

// ParseForm returns the tags and policy ARNs of a form.
func ParseForm(body string) (tags, arns []map[string]string, err error) {
	f, err := parseForm(body)
	if err != nil {
		return nil, nil, err
	}
	if tags, err = f.members("Tags", "Key", "Value"); err != nil {
		return nil, nil, err
	}
	arns, err = f.members("PolicyArns", "arn")
	return tags, arns, err
}

// DecodeChunks decodes an unsigned aws-chunked body with a trailer.
func DecodeChunks(body string, size int64) (content, checksum string, ok bool) {
	d := &chunkDecoder{r: bufio.NewReaderSize(strings.NewReader(body), maxChunkLine), size: size, trailerName: "x-amz-checksum-crc32"}
	b, fields, failed := d.decode(true)
	return string(b), fields["x-amz-checksum-crc32"], failed == nil
}

// ParseRange is parseRange.
func ParseRange(header string, size int) (from, to int, ok bool) { return parseRange(header, size) }

// SignEdited signs an assertion after something was changed in the first
// element of a name: an attribute, or where the attribute is empty the element
// itself is removed.
func SignEdited(p *IdentityProvider, a Assertion, tag, attribute, value string) string {
	a = a.filled()
	said := p.assertion(a)
	e := said.FindElement(map[bool]string{true: ".", false: ".//" + tag}[tag == "."])
	switch {
	case attribute == "":
		e.Parent().RemoveChild(e)
	case value == "":
		e.RemoveAttr(attribute)
	default:
		e.CreateAttr(attribute, value)
	}
	return base64.StdEncoding.EncodeToString(p.sealed(a, said))
}

// SignAs signs a good token and calls the signature another algorithm's.
func SignAs(i *Issuer, algorithm string) string {
	now := time.Now().Unix()
	return signedToken(i.key(), algorithm, map[string]any{"iss": i.url, "sub": "project:main", "aud": "sts.amazonaws.com", "iat": now, "exp": now + 60})
}

// ReadAssertion reports whether a response is one with an assertion that the
// provider signed, and the name in it.
func ReadAssertion(raw []byte, p *IdentityProvider, now time.Time) (name string, ok bool) {
	a, failed := readAssertion(raw, (&samlProvider{idp: p}).trusted(), now)
	if failed != nil {
		return "", false
	}
	return a.nameID().Value, true
}

// ParseToken is parseToken, with the claim sub.
func ParseToken(text string) (subject string, err error) {
	t, err := parseToken(text)
	if err != nil {
		return "", err
	}
	return t.text("sub"), nil
}

// ParseJWKS returns how many keys a set has.
func ParseJWKS(text string) (int, error) {
	keys, err := parseJWKS(text)
	return len(keys), err
}
