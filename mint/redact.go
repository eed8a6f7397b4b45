package mint

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/vendord/vendord/session"
)

// part is how many characters of a secret, in a row, are not shown. Fewer would
// be met by chance: a server that says what it could not read often quotes its
// beginning, or shortens it.
const part = 8

// withoutParts replaces in a foreign text every run that a secret has as well, in
// the forms in which requests and pages write it: as it is, escaped, in base64 and
// in hexadecimal. The whole secrets alone would not be enough: an assertion is
// sent escaped, and a long one is quoted in part.
func withoutParts(text string, secrets []string) string {
	if len(text) < part {
		return text
	}
	seen := map[string]bool{}
	for i := range len(text) - part + 1 {
		seen[text[i:i+part]] = false
	}
	for _, secret := range secrets {
		for _, form := range forms(secret) {
			for i := range len(form) - part + 1 {
				if _, met := seen[form[i:i+part]]; met {
					seen[form[i:i+part]] = true
				}
			}
		}
	}
	return blot(text, seen)
}

// blot writes one redaction for each run of what was seen in a secret.
func blot(text string, secret map[string]bool) string {
	var b strings.Builder
	hidden := 0 // all before it has been written, or is hidden
	for i := range len(text) {
		if i+part <= len(text) && secret[text[i:i+part]] {
			if hidden <= i {
				b.WriteString(session.Redacted)
			}
			hidden = i + part
		}
		if hidden <= i {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// forms are the ways in which a text may quote a secret. Base64 depends on how
// many bytes stand before, up to a multiple of three, and its first and last
// digits on those around.
func forms(secret string) []string {
	if len(secret) < part {
		return nil // of a JWT's parts one may be short, and is none
	}
	hexed := hex.EncodeToString([]byte(secret))
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(secret, "/", `\/`), hexed, strings.ToUpper(hexed)}
	for before := range 3 {
		for _, code := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			digits := code.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
			all = append(all, digits[min(4, 4*before):len(digits)-2])
		}
	}
	return all
}
