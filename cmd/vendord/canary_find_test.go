package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// window is how many bytes of a secret, in a row, are a leak.
const window = 12

// aviary is the secrets that a test planted or was given, by their names, and
// every form in which one could get out.
type aviary struct {
	mu    sync.Mutex        // guards all below
	birds map[string]string // name of each secret
	codes map[string]string // name of each that is too short to have parts
	parts map[string]string // name of each part, of as many birds as cut
	cut   int
}

// plant remembers a secret, and returns it.
func (a *aviary) plant(name, secret string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.birds == nil {
		a.birds = map[string]string{}
	}
	if len(secret) >= window {
		a.birds[secret] = name
	}
	return secret
}

// hatch makes a secret that shares no part with another, and plants it. It looks
// as AWS's secret keys do.
func (a *aviary) hatch(name string) string {
	sum := sha256.Sum256([]byte(name))
	return a.plant(name, base64.StdEncoding.EncodeToString(sum[:])[:40])
}

// names returns which kinds of secrets there are.
func (a *aviary) names() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Compact(slices.Sorted(maps.Values(a.birds)))
}

// forms returns how a secret looks in a log, a URL, JSON, and a dump.
func forms(secret string) []string {
	quoted, _ := json.Marshal(secret)
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), string(quoted[1 : len(quoted)-1]),
		strings.ReplaceAll(secret, "/", `\/`), hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	// Base64 depends on how many bytes stand before, up to a multiple of
	// three, and its first and last digits on those around.
	for before := range 3 {
		for _, code := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			digits := code.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
			all = append(all, digits[min(4, 4*before):len(digits)-2])
		}
	}
	return all
}

// plantCode remembers a secret of a few digits, which is found where no other
// digit stands beside it.
func (a *aviary) plantCode(name, code string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.codes == nil {
		a.codes = map[string]string{}
	}
	if _, known := a.codes[code]; !known { // AWS is sent what somebody typed, or a command printed
		a.codes[code] = name
	}
	return code
}

// cutUp makes the parts of every secret.
func (a *aviary) cutUp() {
	if a.cut == len(a.birds) {
		return
	}
	a.parts, a.cut = map[string]string{}, len(a.birds)
	for secret, name := range a.birds {
		for _, form := range forms(secret) {
			for i := range len(form) - window + 1 {
				a.parts[form[i:i+window]] = name
			}
		}
	}
}

// number is what a code could be. The addresses of a dump are taken out as a whole:
// with thousands of them, digits between two letters are some code's by chance.
var number = regexp.MustCompile(`0x[0-9a-f]+|[0-9]+`)

// leaks returns the names of the secrets of which a text has a part, and where,
// but for those that may be there.
func (a *aviary) leaks(text string, may ...string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cutUp()
	found := map[string]string{}
	note := func(name string, from, to int) {
		if _, known := found[name]; !known && !slices.Contains(may, name) {
			found[name] = text[max(0, from-160):min(len(text), to+80)]
		}
	}
	for i := range len(text) - window + 1 {
		if name, leaked := a.parts[text[i:i+window]]; leaked {
			note(name, i, i+window)
		}
	}
	for _, at := range number.FindAllStringIndex(text, -1) {
		if name, leaked := a.codes[text[at[0]:at[1]]]; leaked {
			note(name, at[0], at[1])
		}
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		all = append(all, name+" in: …"+found[name]+"…")
	}
	return all
}

// TestCanaryIsFound plants leaks in every form and sees each found, and a text
// without any pass.
func TestCanaryIsFound(t *testing.T) {
	const secret = "wJalr/Utn+EMI=K7MDENG\u00e9bPxRfiCYcanary"
	a := &aviary{}
	a.plant("a key", secret)
	a.plant("too short to tell", "vnd_")
	a.plantCode("a code", "604173")
	quoted, _ := json.Marshal(secret)
	for name, text := range map[string]string{
		"as it is":              "level=DEBUG msg=" + secret,
		"twelve bytes":          "…" + secret[7:7+window] + "…",
		"its end":               secret[len(secret)-window:],
		"in a query":            "GET /?x=" + url.QueryEscape(secret),
		"in a path":             "GET /" + url.PathEscape(secret),
		"in JSON":               string(quoted),
		"in PHP's JSON":         strings.ReplaceAll(secret, "/", `\/`),
		"in base64":             base64.StdEncoding.EncodeToString([]byte(secret)),
		"in a basic header":     base64.StdEncoding.EncodeToString([]byte("user:" + secret + "\n")),
		"in base64 of other":    base64.URLEncoding.EncodeToString([]byte("{" + secret + "}")),
		"in hex":                hex.EncodeToString([]byte(secret)),
		"in large hex":          strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"in a dump of a struct": "&{" + secret + " 0x1}",
	} {
		if got := a.leaks("some text before " + text + " and after"); len(got) != 1 || !strings.HasPrefix(got[0], "a key in: ") {
			t.Errorf("%s: got %q, want the key found", name, got)
		}
	}
	for _, text := range []string{"code=604173", "604173", `"604173"}`} {
		if got := a.leaks(text); len(got) != 1 || a.leaks(text, "a code") != nil {
			t.Errorf("leaks(%q): got %q, want the code, where it may not be", text, got)
		}
	}
	for _, text := range []string{"", "16041730 or 0.6041731", "0xc0a604173f00", "vnd_", secret[7 : 7+window-1], strings.Repeat("no secret here ", 100)} {
		if got := a.leaks(text); got != nil {
			t.Errorf("leaks(%q): got %q, want none", text, got)
		}
	}
}
