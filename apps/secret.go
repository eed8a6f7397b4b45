package apps

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"hash/crc32"
	"math/big"
	"strings"

	"github.com/vendord/vendord/session"
)

// Prefix is what the secret of a token begins with, and PathPrefix that of one for
// paths. It and the checksum let a secret scanner tell a leaked token from any other
// text without asking anybody; and neither is taken where the other belongs, whatever
// is known of it.
const (
	Prefix     = "vnd_"
	PathPrefix = "vndp_"
)

// A secret is its prefix, 43 digits that hold 256 bits, and 6 that hold the
// CRC-32 of those.
const (
	bodyLen      = 43
	sumLen       = 6
	longest      = len(PathPrefix) + bodyLen + sumLen
	idLen        = 8
	idCharacters = "abcdefghijklmnopqrstuvwxyz234567"
)

// NewSecret returns a new token's secret, "vnd_" and 49 characters that every
// shell and header takes as they are, and its hash. The secret is shown once,
// to whoever asked for it; only the hash is kept.
func NewSecret() (secret string, hash [32]byte) { return newSecret(Prefix) }

// NewPathSecret is NewSecret for a token that stands in a path: "vndp_" and 49
// characters, which need no quoting there.
func NewPathSecret() (secret string, hash [32]byte) { return newSecret(PathPrefix) }

func newSecret(prefix string) (secret string, hash [32]byte) {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // it ends the program rather than fail (crypto/rand, Go 1.24)
	body := digits(new(big.Int).SetBytes(bits[:]), bodyLen)
	secret = prefix + body + checksum(body)
	return secret, sha256.Sum256([]byte(secret))
}

// NewID returns a name for a new token, eight characters. It is random and has
// nothing to do with the secret: lists and logs show it.
func NewID() string {
	var bits [idLen * 5 / 8]byte
	_, _ = rand.Read(bits[:])
	return base32.NewEncoding(idCharacters).EncodeToString(bits[:])
}

// sum hashes a secret of the right shape. The array is there for its place:
// []byte(secret) would be an allocation on every request.
func sum(secret string) [32]byte {
	var text [longest]byte
	return sha256.Sum256(text[:copy(text[:], secret)])
}

// Bounds of secrets that are not vendord's.
const (
	minAdopted = 32
	maxAdopted = 1024
)

// sumAdopted hashes a secret that can be the owner's own.
func sumAdopted(secret string) (hash [32]byte, ok bool) {
	if len(secret) < minAdopted || len(secret) > maxAdopted {
		return hash, false
	}
	var text [maxAdopted]byte // as in sum
	return sha256.Sum256(text[:copy(text[:], secret)]), true
}

// checkShape says what is wrong with a token at first sight. What it tells, and
// checkSum, is known to everyone who can read this file, so it may be told to
// everyone who asks.
func checkShape(secret string) error {
	switch {
	case shaped(secret, Prefix):
		return nil
	case secret == "":
		return unrecognised("token: none was sent", `set AWS_CONTAINER_AUTHORIZATION_TOKEN, or run the program under "vendord exec"`)
	case strings.ContainsAny(secret, " \t\r\n\v\f"):
		return unrecognised("token: has a space or a line break in it", `send it alone, or after "Bearer "; a token file has no newline`)
	}
	return unrecognised("token: not one of vendord's",
		`one is vnd_ and 49 letters and digits; send it alone, or after "Bearer "`)
}

// checkPathShape is checkShape for what stands in a path.
func checkPathShape(secret string) error {
	switch {
	case shaped(secret, PathPrefix):
		return nil
	case secret == "":
		return unrecognised("id: none in the path", "issue one: vendord token issue APP --path")
	case strings.HasPrefix(secret, Prefix):
		return unrecognised("id: a token, which is for the Authorization header alone", "ask /v1/credentials with it; issue another: this one may be in logs")
	}
	return unrecognised("id: not one of vendord's", "one is vndp_ and 49 letters and digits: vendord token issue APP --path")
}

// shaped says whether every character is one that NewSecret uses.
func shaped(secret, prefix string) bool {
	if len(secret) != len(prefix)+bodyLen+sumLen || secret[:len(prefix)] != prefix {
		return false
	}
	for _, c := range []byte(secret[len(prefix):]) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// checkSum finds the secret that lost a character, or got another, on its way
// here. It takes one of the right shape.
func checkSum(secret string) error {
	digits := secret[strings.IndexByte(secret, '_')+1:]
	if checksum(digits[:bodyLen]) == digits[bodyLen:] {
		return nil
	}
	if strings.HasPrefix(secret, PathPrefix) {
		return unrecognised("id: damaged, its checksum does not match", "copy it again, whole")
	}
	return unrecognised("token: damaged, its checksum does not match", "copy it again, whole")
}

func checksum(body string) string {
	return digits(new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(body)))), sumLen)
}

// digits returns n in base 62 (digits as math/big has them) with leading zeros up to width.
func digits(n *big.Int, width int) string {
	text := n.Text(62)
	return strings.Repeat("0", width-len(text)) + text
}

func unrecognised(public, hint string) *session.Error {
	return &session.Error{Class: session.Unrecognised, Public: public, Hint: hint}
}
