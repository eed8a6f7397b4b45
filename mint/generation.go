package mint

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/vendord/vendord/session"
)

// Generation is a fingerprint of the identity that is found at a source now, such
// as the access key ids in its files: while it stays the same, so does the
// identity. It holds no secret, it asks nobody but the disk and the keyring, and
// it is "" where that does not tell. The error is a *session.Error: the source
// cannot be used.
func (m *Minter) Generation(ctx context.Context, s session.Source) (string, error) {
	switch s.Type {
	case session.SharedConfig:
		at, err := chain(s, m.config.Home)
		if err != nil {
			return "", err
		}
		var parts []string
		for ; at != nil; at = at.Source {
			parts = append(parts, linkIdentity(at)...)
		}
		return fingerprint(parts...), nil
	case session.Environment:
		keys, err := environment(s, m.config.Environ)
		return fingerprint(keys.AccessKeyID), err
	case session.Keyring:
		keys, err := m.keyringKeys(ctx, s)
		return fingerprint(keys.AccessKeyID), err
	case session.WebIdentity:
		if s.File == "" {
			return "", nil
		}
		token, err := readProof(s, webToken)
		return fingerprint(claims(token)...), err
	}
	return "", nil
}

// linkIdentity is what the identity of one link depends on, apart from secrets.
func linkIdentity(at *link) []string {
	region, start := ssoPortal(at)
	return []string{at.Credentials.AccessKeyID, at.RoleARN, at.RoleSessionName, at.ExternalID, at.WebIdentityTokenFile, at.LoginSession,
		at.CredentialProcess, region, start, at.SSOAccountID, at.SSORoleName}
}

// claims are those of a JWT that say who its subject is; the others change with
// each new token of the same one.
func claims(token string) []string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	var claims struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return nil
	}
	return []string{claims.Issuer, claims.Subject}
}

// fingerprint is "" for nothing at all.
func fingerprint(parts ...string) string {
	if strings.Join(parts, "") == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(session.List(parts)))
	return hex.EncodeToString(sum[:8])
}
