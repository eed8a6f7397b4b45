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
		if !strings.HasPrefix(secret, apps.Prefix) || hash != sha256.Sum256([]byte(secret)) {
			t.Fatalf("NewSecret: got another prefix than %s, or another hash than its SHA-256", apps.Prefix)
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
	spacesHint   = `send it alone, or after "Bearer "; a token file has no newline`
	misshapen    = "token: not one of vendord's"
	misshapeHint = `one is vnd_ and 49 letters and digits; send it alone, or after "Bearer "`
	damaged      = "token: damaged, its checksum does not match"
	damagedHint  = "copy it again, whole"
)

// What NewSecret cannot have made is told apart from what was never issued: most
// of it was spoiled on its way here.
func TestDecideSpoiled(t *testing.T) {
	b := open(t, "", "uploader=one")
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
		{"whole", secret, notRecognised, newToken},
		{"whole, and written down", written, notRecognised, newToken},
	} {
		_, err := b.decide(row.text)
		refusal(t, row.name, err, session.Unrecognised, row.public, row.hint)
	}
}

// FuzzDecide sends any header: nobody is recognised by it, and the refusal does
// not repeat it.
func FuzzDecide(f *testing.F) {
	b := open(f, "", "uploader=one")
	b.issue("uploader", "john", nil)
	secret, _ := apps.NewSecret()
	for _, seed := range []string{"", "vnd_", written, secret, "Bearer " + secret, secret + "\n", strings.Repeat("z", 53)} {
		f.Add(seed)
	}
	shape := regexp.MustCompile(`^(?i:Bearer )?vnd_[0-9A-Za-z]{49}$`)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := b.decide(text)
		e, ok := errors.AsType[*session.Error](err)
		if !ok || e.Class != session.Unrecognised || e.Hint == "" || g != (apps.Grant{}) {
			t.Fatalf("Decide(%q): got %v, want unrecognised, with a hint and no grant", text, err)
		}
		if whole := e.Public == notRecognised || e.Public == damaged; whole != shape.MatchString(text) {
			t.Errorf("Decide(%q): got %q, want that for what matches %s alone", text, e.Public, shape)
		}
		if len(text) > 8 && strings.Contains(e.Public+e.Hint, text) && !strings.Contains(misshapen+misshapeHint+noTokenHint+spacesHint, text) {
			t.Errorf("Decide(%q): its error repeats it", text)
		}
	})
}
