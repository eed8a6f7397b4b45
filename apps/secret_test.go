package apps_test

import (
	"crypto/sha256"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/session"
)

// One secret, written down: a change of alphabet or checksum would make every
// token in use, and every scanner's rule, wrong.
const written = "vnd_0000000000000000000000000000000000000000000" + "2czCLJ"

func TestNewSecret(t *testing.T) {
	shape := regexp.MustCompile(`^vnd_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for range 1000 {
		secret, hash := apps.NewSecret()
		if !shape.MatchString(secret) || seen[secret] {
			t.Fatalf("NewSecret: got %d characters, seen %t, want a new one of %s", len(secret), seen[secret], shape)
		}
		seen[secret] = true
		if again, err := apps.Hash(secret); err != nil || again != hash || hash != sha256.Sum256([]byte(secret)) {
			t.Fatalf("Hash of a new secret: got %v, want the hash that NewSecret returned", err)
		}
	}
}

func TestNewID(t *testing.T) {
	shape := regexp.MustCompile(`^[a-z2-7]{8}$`)
	if a, b := apps.NewID(), apps.NewID(); a == b || !shape.MatchString(a) {
		t.Errorf("NewID: got %q and %q, want two of %s", a, b, shape)
	}
}

const (
	noToken      = "token: none was sent"
	noTokenHint  = `set AWS_CONTAINER_AUTHORIZATION_TOKEN, or run the program under "vendord exec"`
	spaces       = "token: has a space or a line break in it"
	spacesHint   = "a token file must not end in a newline: printf %s TOKEN > FILE"
	misshapen    = "token: not one of vendord's"
	misshapeHint = `one is vnd_ and 49 letters and digits; send it alone, or after "Bearer "`
	damaged      = "token: damaged, its checksum does not match"
	damagedHint  = "copy it again, whole"
)

func TestHashRefuses(t *testing.T) {
	secret, _ := apps.NewSecret()
	other := "a"
	if strings.HasSuffix(secret, other) {
		other = "b"
	}
	for _, row := range []struct{ name, text, public, hint string }{
		{"nothing", "", noToken, noTokenHint},
		{"a newline at the end", secret + "\n", spaces, spacesHint},
		{"a carriage return", secret + "\r\n", spaces, spacesHint},
		{"a space before", " " + secret, spaces, spacesHint},
		{"a space inside", secret[:20] + " " + secret[20:], spaces, spacesHint},
		{"a tab", secret + "\t", spaces, spacesHint},
		{"cut short", secret[:52], misshapen, misshapeHint},
		{"one too many", secret + "0", misshapen, misshapeHint},
		{"another prefix", "ghp_" + secret[4:], misshapen, misshapeHint},
		{"capital prefix", "VND_" + secret[4:], misshapen, misshapeHint},
		{"a letter of another alphabet", secret[:51] + "é", misshapen, misshapeHint},
		{"a dash", secret[:10] + "-" + secret[11:], misshapen, misshapeHint},
		{"a NUL", secret[:10] + "\x00" + secret[11:], misshapen, misshapeHint},
		{"an AWS key", "AKIAIOSFODNN7EXAMPLE", misshapen, misshapeHint},
		{"last character wrong", secret[:52] + other, damaged, damagedHint},
		{"two characters swapped", secret[:4] + "10" + strings.Repeat("0", 47), damaged, damagedHint},
	} {
		hash, err := apps.Hash(row.text)
		refusal(t, row.name, err, session.Unrecognised, row.public, row.hint)
		if hash != [32]byte{} {
			t.Errorf("%s: Hash: got a hash, want none", row.name)
		}
	}
}

func TestHashOfAWrittenSecret(t *testing.T) {
	if _, err := apps.Hash(written); err != nil {
		t.Errorf("Hash(%q): got %v, want no error", written, err)
	}
}

func FuzzHash(f *testing.F) {
	secret, _ := apps.NewSecret()
	for _, seed := range []string{"", "vnd_", written, secret, "Bearer " + secret, secret + "\n", strings.Repeat("z", 53)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		hash, err := apps.Hash(text)
		if err == nil {
			if len(text) != 53 || hash != sha256.Sum256([]byte(text)) {
				t.Errorf("Hash(%q): got %x, want its SHA-256", text, hash)
			}
			return
		}
		e, ok := errors.AsType[*session.Error](err)
		if !ok || e.Class != session.Unrecognised || e.Hint == "" {
			t.Errorf("Hash(%q): got %v, want one of class unrecognised with a hint", text, err)
		}
		if len(text) > 8 && strings.Contains(e.Public+e.Hint, text) && !strings.Contains(misshapen+misshapeHint+noTokenHint, text) {
			t.Errorf("Hash(%q): its error repeats it", text)
		}
	})
}
