package session_test

import (
	"testing"

	"github.com/vendord/vendord/session"
)

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"Zoë's role: 日本 «ok» \\":  "Zoë's role: 日本 «ok» \\",
		"\x1b[2Jclear":            `\x1b[2Jclear`,
		"two\nlines\tand\r":       `two\nlines\tand\r`,
		"\u009b31m\u202eright":    `\u009b31m\u202eright`,
		"not UTF-8: \xff":         "not UTF-8: \ufffd",
		"a separator\u2028inside": `a separator\u2028inside`,
	} {
		if got := session.Visible(text); got != want {
			t.Errorf("Visible(%q): got %q, want %q", text, got, want)
		}
	}
}
