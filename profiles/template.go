package profiles

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vendord/vendord/near"
)

// The names of templates, by where they may stand. {{host}} may not stand in
// policies: a machine's name is no boundary that AWS could know about.
var (
	policyTemplates = []string{"app", "profile", "user"}
	nameTemplates   = []string{"app", "host", "profile", "user"}
)

// expand replaces every {{name}} of text by what value returns for it. AWS's
// own variables, ${name}, pass untouched. An error says what is wrong with the
// text itself or is one that value returned.
func expand(text string, value func(name string) (string, error)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{{")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return "", mistake{"{{ is never closed", "a template is written {{user}}"}
		}
		v, err := value(name)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
		text = after
	}
}

// mistake is an error in a template, with its hint.
type mistake struct{ problem, hint string }

func (m mistake) Error() string { return m.problem }

// known returns a value for expand that replaces templates by nothing and
// refuses those that are not among names.
func known(names []string) func(name string) (string, error) {
	return func(name string) (string, error) {
		if slices.Contains(names, name) {
			return "", nil
		}
		possible := "the templates here are " + listed(names)
		if slices.Contains(nameTemplates, name) {
			return "", mistake{"{{" + name + "}} is not possible here", possible}
		}
		if meant := near.Name(name, names); meant != "" {
			possible = "did you mean {{" + meant + "}}?"
		}
		return "", mistake{"no template {{" + shortened(name) + "}}", possible}
	}
}

func listed(names []string) string { return "{{" + strings.Join(names, "}}, {{") + "}}" }

// templated reports whether a text has templates.
func templated(text string) bool { return strings.Contains(text, "{{") }

// limits are what STS accepts as a text.
type limits struct {
	low, high int // in characters
	allowed   func(rune) bool
	spelled   string // allowed, in words
}

// The limits of parameters (STS API reference, AssumeRole, GetFederationToken,
// and Tag; as of 2026-11).
var (
	sessionName    = limits{2, 64, nameRune, "letters, digits and _+=,.@-"}
	sourceIdentity = sessionName
	federatedName  = limits{2, 32, nameRune, "letters, digits and _+=,.@-"}
	mfaSerial      = limits{9, 256, externalRune, "letters, digits and _+=/:,.@-"}
	externalID     = limits{2, 1224, externalRune, "letters, digits and _+=,.@:/-"}
	tagKey         = limits{1, 128, tagRune, "letters, digits, spaces and _.:/=+-@"}
	tagValue       = limits{0, 256, tagRune, "letters, digits, spaces and _.:/=+-@"}
)

func alphanumeric(r rune) bool {
	return ('a' <= r && r <= 'z') || ('A' <= r && r <= 'Z') || ('0' <= r && r <= '9')
}

func nameRune(r rune) bool     { return alphanumeric(r) || strings.ContainsRune("_+=,.@-", r) }
func externalRune(r rune) bool { return nameRune(r) || r == ':' || r == '/' }

func tagRune(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Z, unicode.N) || strings.ContainsRune("_.:/=+-@", r)
}

// policyRune says what a value may consist of that is put into a policy. The
// characters left out could widen it: * and ? match what was not meant, $ and
// braces begin a variable, / and : step into another resource, and quotes and
// backslashes have a meaning in JSON.
func policyRune(r rune) bool { return alphanumeric(r) || strings.ContainsRune("._@+=,-", r) }

// offender returns the first character of text that is not allowed.
func offender(text string, allowed func(rune) bool) (rune, bool) {
	for _, r := range text {
		if !allowed(r) || r == utf8.RuneError {
			return r, true
		}
	}
	return 0, false
}

// problem says why a text without templates is not within the limits; "" if it
// is.
func (m limits) problem(text string) string {
	if r, found := offender(text, m.allowed); found {
		return fmt.Sprintf("%q is not possible here, only %s", r, m.spelled)
	}
	switch n := utf8.RuneCountInString(text); {
	case n < m.low:
		return fmt.Sprintf("shorter than %d characters", m.low)
	case n > m.high:
		return fmt.Sprintf("longer than %d characters", m.high)
	}
	return ""
}

// clean makes a value fit to be part of a name: each run of what is not allowed
// becomes a hyphen. A value that this changes gets a piece of its own hash, so
// that the user "a b" cannot pass for "a-b" in CloudTrail or in a session tag.
func (m limits) clean(value string) string {
	if _, found := offender(value, m.allowed); !found {
		return value
	}
	var b strings.Builder
	replaced := false
	for _, r := range value {
		ok := m.allowed(r) && r != utf8.RuneError
		switch {
		case ok:
			b.WriteRune(r)
		case !replaced:
			b.WriteByte('-')
		}
		replaced = !ok
	}
	return strings.TrimSuffix(b.String(), "-") + "-" + digest(value)
}

// fit brings a rendered name to the right length: a long one keeps its
// beginning and gets a piece of the hash of the whole, a short one a hyphen.
func (m limits) fit(name string) string {
	if runes := []rune(name); len(runes) > m.high {
		tail := "-" + digest(name)
		return string(runes[:m.high-len(tail)]) + tail
	}
	for utf8.RuneCountInString(name) < m.low {
		name += "-"
	}
	return name
}

// digest is six hexadecimal digits of a text's SHA-256.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:3])
}
