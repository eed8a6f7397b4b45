package apps_test

import (
	"strings"
	"testing"
)

// FuzzSpoiledSecret spoils a live token at any place: only the token itself, and
// the token after the word Bearer, is recognised, and no refusal holds any
// twelve of its characters.
func FuzzSpoiledSecret(f *testing.F) {
	b := open(f, "", "uploader=one")
	secret := b.issue("uploader", "john", nil)
	f.Add("", "", uint8(0), uint8(0))
	f.Add("Bearer ", "", uint8(0), uint8(0))
	f.Add("bearer ", "", uint8(0), uint8(0))
	f.Add("Bearer  ", "\n", uint8(0), uint8(0))
	f.Add("", "", uint8(52), uint8(1))
	f.Add("", "", uint8(4), uint8(0x20))
	f.Add("vnd_", "", uint8(0), uint8(0))
	f.Add("Bearer Bearer ", "", uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, before, after string, at, change uint8) {
		spoiled := []byte(secret)
		spoiled[int(at)%len(spoiled)] ^= change
		text := before + string(spoiled) + after
		whole := change == 0 && after == "" && (before == "" || strings.EqualFold(before, "Bearer "))
		g, err := b.decide(text)
		if err == nil && (!whole || g.App != "uploader") {
			t.Fatalf("Decide: got %+v for a token with %q before, %q after and byte %d changed by %d", g, before, after, at, change)
		}
		if (before == "" || before == "Bearer ") && whole && err != nil {
			t.Fatalf("Decide: got %v for a live token after %q", err, before)
		}
		for i := range len(secret) - 12 {
			if err != nil && strings.Contains(err.Error(), secret[i:i+12]) {
				t.Fatalf("Decide: the refusal holds a part of the token: %v", err)
			}
		}
	})
}
