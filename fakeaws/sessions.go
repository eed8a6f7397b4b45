package fakeaws

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"time"
)

// A session lives in its token: what STS decided is packed, sealed and handed
// to the client, who brings it back with every request. Nothing is kept here,
// so there is no table that could grow, and a token's size is what its policies
// and tags really need, as with STS.

const (
	// sessionKeyPrefix begins every access key id of a session.
	sessionKeyPrefix = "ASIA"
	// maxToken is STS's one limit on what a session carries (STS API
	// reference since 2026-09; said to be the current maximum).
	maxToken = 4096
	// minToken keeps clients from getting used to short tokens.
	minToken = 300
)

// session is what a token says. The names are short because it is packed.
type session struct {
	Principal      string            `json:"p"` // ARN of the role or user
	Name           string            `json:"n,omitempty"`
	Issued         int64             `json:"i"`
	Expires        int64             `json:"e"`
	Policy         string            `json:"P,omitempty"`
	PolicyARNs     []string          `json:"A,omitempty"`
	Tags           map[string]string `json:"t,omitempty"`
	Transitive     []string          `json:"T,omitempty"`
	SourceIdentity string            `json:"s,omitempty"`
	MFA            int64             `json:"m,omitempty"` // when the code was given
	// Keys are condition keys of its proof, such as saml:sub, which every
	// request of the session has.
	Keys map[string]string `json:"k,omitempty"`
	// Scopes are the policies of GetScopedCredentials, all of which must
	// allow.
	Scopes []string `json:"S,omitempty"`
	// Depth is how many calls of GetScopedCredentials lie behind it.
	Depth int `json:"d,omitempty"`
}

func (s *session) expires() time.Time { return time.Unix(s.Expires, 0).UTC() }

// newTokenKeys makes the keys of one Fake.
func newTokenKeys() (cipher.AEAD, []byte) {
	keys := make([]byte, 64)
	_, _ = rand.Read(keys) // never fails, by its documentation
	block, err := aes.NewCipher(keys[:32])
	if err != nil {
		panic(err) // only for a key of another length
	}
	tokens, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only for a cipher of another block size
	}
	return tokens, keys[32:]
}

// newSessionKey returns an access key id of 20 characters and its secret.
func (f *Fake) newSessionKey() (keyID, secret string) {
	var b [10]byte
	_, _ = rand.Read(b[:])
	keyID = sessionKeyPrefix + base32.StdEncoding.EncodeToString(b[:])
	return keyID, f.sessionSecret(keyID)
}

// sessionSecret returns the secret key of a session, 40 characters made of its
// key id.
func (f *Fake) sessionSecret(keyID string) string {
	return base64.StdEncoding.EncodeToString(mac(f.secrets, keyID)[:30])
}

// sealToken packs a session. The key id is authenticated along: a token is
// worth nothing with another key. The token is at least atLeast bytes long, and
// may be longer than maxToken: that is for the caller to refuse.
func (f *Fake) sealToken(keyID string, s *session, atLeast int) string {
	packed := f.pack(s)
	plain := binary.BigEndian.AppendUint32(nil, uint32(len(packed)))
	plain = append(plain, packed...)
	// Four characters of base64 carry three bytes.
	want := (max(atLeast, minToken)+3)/4*3 - f.tokens.Overhead()
	if missing := want - len(plain); missing > 0 {
		plain = append(plain, make([]byte, missing)...)
	}
	return base64.StdEncoding.EncodeToString(f.tokens.Seal(nil, nil, plain, []byte(keyID)))
}

// openToken unpacks a token that sealToken made for this key id.
func (f *Fake) openToken(keyID, token string) (*session, bool) {
	sealed, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil || len(token) > maxToken {
		return nil, false
	}
	plain, err := f.tokens.Open(nil, nil, sealed, []byte(keyID))
	if err != nil {
		return nil, false
	}
	size := binary.BigEndian.Uint32(plain) // authenticated: it is ours
	return unpack(plain[4 : 4+size]), true
}

// pack writes a session in few bytes.
func (f *Fake) pack(s *session) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and numbers: cannot fail
	}
	var b bytes.Buffer
	w, ok := f.packers.Get().(*flate.Writer)
	if !ok {
		w, _ = flate.NewWriter(nil, flate.BestCompression) // fails for unknown levels only
	}
	defer f.packers.Put(w)
	w.Reset(&b)
	_, _ = w.Write(text) // into memory
	_ = w.Close()
	return b.Bytes()
}

// unpack reads what pack wrote.
func unpack(packed []byte) *session {
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		panic(err) // sealed by us: cannot fail
	}
	var s session
	if err := json.Unmarshal(text, &s); err != nil {
		panic(err)
	}
	return &s
}
