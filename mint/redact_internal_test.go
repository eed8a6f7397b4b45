package mint

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/vendord/vendord/session"
)

// However a server quotes what it was sent, and how little of it, it is not shown.
func TestWithoutParts(t *testing.T) {
	const secret = "wJalr/Utn+EMI=K7MDENG/bPxRfiCYcanary"
	for name, quoted := range map[string]string{
		"whole":        secret,
		"its start":    secret[:12],
		"its end":      secret[len(secret)-part:],
		"in a form":    url.QueryEscape(secret),
		"in a path":    url.PathEscape(secret),
		"in JSON":      strings.ReplaceAll(secret, "/", `\/`),
		"in base64":    base64.StdEncoding.EncodeToString([]byte(secret)),
		"behind more":  base64.StdEncoding.EncodeToString([]byte("x:" + secret)),
		"in hex":       fmt.Sprintf("%x", secret),
		"in large hex": fmt.Sprintf("%X", secret),
	} {
		got := withoutParts("value '"+quoted+"' failed", []string{"", "short", secret})
		if !strings.Contains(got, session.Redacted) || !strings.HasPrefix(got, "value '") || !strings.HasSuffix(got, "' failed") {
			t.Errorf("%s: got %q, want it redacted, and nothing else", name, got)
		}
		for i := range len(quoted) - part - 4 {
			if strings.Contains(got, quoted[i:i+part+4]) {
				t.Errorf("%s: got %q, want no part of it", name, got)
				break
			}
		}
	}
	for _, text := range []string{"", "short", "User: arn:aws:iam::629470240201:user/john is not authorized", secret[:part-1] + " " + secret[9:9+part-1]} {
		if got := withoutParts(text, []string{secret, ""}); got != text {
			t.Errorf("withoutParts(%q): got %q, want it unchanged", text, got)
		}
	}
}
