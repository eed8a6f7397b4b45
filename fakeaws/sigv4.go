package fakeaws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	isoBasic   = "20060102T150405Z"
	dateStamp  = "20060102"
	terminator = "aws4_request"
)

// authorization is a parsed Authorization header of Signature Version 4.
type authorization struct {
	keyID, date, region, service string
	signed                       []string // SignedHeaders, as the client listed them
	signature                    string
}

// malformed is what is wrong with an Authorization header, as a sentence.
type malformed string

func (m malformed) Error() string { return string(m) }

var (
	signaturePattern = expr(`^[0-9a-f]{64}$`)
	headerPattern    = expr("^[a-z0-9!#$%&'*+.^_`|~-]+$")
	datePattern      = expr(`^[0-9]{8}$`)
)

// parseAuthorization reads the value of an Authorization header. Nothing is
// optional in it and nothing may be there twice: two readers that disagree
// about a header are two opinions about who signed.
func parseAuthorization(value string) (*authorization, error) {
	name, rest, _ := strings.Cut(value, " ")
	if name != algorithm {
		return nil, malformed("The algorithm must be " + algorithm + ", the only one that fakeaws verifies.")
	}
	parts, err := authorizationParts(rest)
	if err != nil {
		return nil, err
	}
	// Empty is missing too: an empty list of signed headers signs nothing.
	for _, p := range []string{"Credential", "SignedHeaders", "Signature"} {
		if parts[p] == "" {
			return nil, malformed("Authorization header requires '" + p + "' parameter.")
		}
	}
	a := &authorization{signature: parts["Signature"], signed: strings.Split(parts["SignedHeaders"], ";")}
	if err := a.parseCredential(parts["Credential"]); err != nil {
		return nil, err
	}
	return a, a.check()
}

// authorizationParts splits the comma-separated parameters.
func authorizationParts(rest string) (map[string]string, error) {
	parts := map[string]string{}
	for p := range strings.SplitSeq(rest, ",") {
		key, value, ok := strings.Cut(strings.Trim(p, " "), "=")
		if _, twice := parts[key]; !ok || twice || len(parts) == 3 {
			return nil, malformed(fmt.Sprintf("%.40q not a valid key=value pair (missing equal-sign) in Authorization header.", p))
		}
		parts[key] = value
	}
	return parts, nil
}

// parseCredential reads KEY/DATE/REGION/SERVICE/aws4_request.
func (a *authorization) parseCredential(credential string) error {
	p := strings.Split(credential, "/")
	if len(p) != 5 || p[4] != terminator || p[0] == "" || !datePattern.MatchString(p[1]) || p[2] == "" || p[3] == "" {
		return malformed("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request.")
	}
	a.keyID, a.date, a.region, a.service = p[0], p[1], p[2], p[3]
	return nil
}

// check holds the other two parts to their form.
func (a *authorization) check() error {
	// In order and once each: the list is part of what is signed, and a second
	// reading of it would be another request.
	if !signaturePattern.MatchString(a.signature) {
		return malformed("Signature must be 64 lower-case hexadecimal digits.")
	}
	for i, name := range a.signed {
		if !headerPattern.MatchString(name) || i > 0 && a.signed[i-1] >= name {
			return malformed("SignedHeaders must be lower-case header names in order.")
		}
	}
	return nil
}

// scope returns the credential scope, without the key id.
func (a *authorization) scope() string {
	return a.date + "/" + a.region + "/" + a.service + "/" + terminator
}

// signingKey derives the key that signs in this scope.
func (a *authorization) signingKey(secret string) []byte {
	key := mac([]byte("AWS4"+secret), a.date)
	key = mac(key, a.region)
	key = mac(key, a.service)
	return mac(key, terminator)
}

// verify rebuilds the canonical request from the headers that the client named
// and reports whether its signature is the one that secret makes of it.
func (a *authorization) verify(r *http.Request, secret string, signedAt time.Time, payload string) bool {
	canonical := sha256.Sum256([]byte(canonicalRequest(r, a.signed, payload)))
	text := strings.Join([]string{algorithm, signedAt.UTC().Format(isoBasic), a.scope(), hex.EncodeToString(canonical[:])}, "\n")
	// In constant time, out of habit: the secrets are made up.
	want := hex.EncodeToString(mac(a.signingKey(secret), text))
	return hmac.Equal([]byte(want), []byte(a.signature))
}

// canonicalRequest is the text of Signature Version 4. The path is encoded
// once, as S3 does; for STS it is "/" in any case.
func canonicalRequest(r *http.Request, signed []string, payload string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + uriEncode(r.URL.Path, true) + "\n" + canonicalQuery(r.URL.RawQuery) + "\n")
	for _, name := range signed {
		b.WriteString(name + ":" + canonicalHeader(r, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(signed, ";") + "\n" + payload)
	return b.String()
}

// canonicalQuery sorts and encodes a query. A plus sign means a space on the
// wire and is signed as one.
func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var pairs [][2]string
	for p := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(p, "=")
		pairs = append(pairs, [2]string{reencode(key), reencode(value)})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	joined := make([]string, len(pairs))
	for i, p := range pairs {
		joined[i] = p[0] + "=" + p[1]
	}
	return strings.Join(joined, "&")
}

// reencode brings one part of a query into the one encoding that is signed.
func reencode(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		plain = s // no client signs that; it will not match
	}
	return uriEncode(plain, false)
}

// canonicalHeader returns a header's values, trimmed and joined. net/http keeps
// Host, and the length of a body, outside the map.
func canonicalHeader(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	// Runs of spaces count as one; nothing else is changed.
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		words := strings.FieldsFunc(v, func(c rune) bool { return c == ' ' })
		values[i] = strings.Join(words, " ")
	}
	return strings.Join(values, ",")
}

// unsignedHeader returns a header that is in the request and should have been
// signed, or "". Who can add such a header on the way could change what the
// request means.
func (a *authorization) unsignedHeader(r *http.Request) string {
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !slices.Contains(a.signed, lower) {
			return lower
		}
	}
	// Named and not there: somebody on the way took it out.
	for _, name := range a.signed {
		if name != "host" && name != "content-length" && len(r.Header.Values(name)) == 0 {
			return name
		}
	}
	if !slices.Contains(a.signed, "host") {
		return "host"
	}
	return ""
}

// signingTime returns when the client says it signed: X-Amz-Date, or Date.
func signingTime(r *http.Request) (time.Time, error) {
	if v := r.Header.Get("X-Amz-Date"); v != "" {
		return time.Parse(isoBasic, v)
	}
	return http.ParseTime(r.Header.Get("Date"))
}

// uriEncode is the percent-encoding of Signature Version 4.
func uriEncode(s string, keepSlash bool) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '/' && keepSlash:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// mac is HMAC-SHA256.
func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
