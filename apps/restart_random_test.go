package apps_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
)

// Whatever was done before, in whatever order, a restart can read, and gives no app
// another profile than it had.
func TestRestartsChangeNothing(t *testing.T) {
	const match = "match = {user = \"#4001\"}\n"
	var texts []string
	for _, list := range []string{`"one", "two", "three"`, `"three", "two"`, `"two", "one"`} {
		for _, more := range []string{"", match, match + "require = \"both\"\n"} {
			texts = append(texts, "[apps.a]\nprofiles = ["+list+"]\n"+more+"[apps.b]\nprofiles = [\"one\", \"two\"]\n"+match)
		}
	}
	texts = append(texts, "[apps.b]\nprofiles = [\"two\", \"one\"]\n", "")
	configs := make([]*profiles.Config, len(texts))
	for i, text := range texts {
		configs[i] = system(t, text)
	}
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 0))
		dir := filepath.Join(t.TempDir(), "state")
		b, at := openSystem(t, dir, texts[0]), 0
		var did []string
		for range 30 {
			app := []string{"a", "b"}[random.IntN(2)]
			switch n := random.IntN(6); n {
			case 0:
				at = random.IntN(len(texts))
				b.Set(configs[at])
				did = append(did, fmt.Sprintf("set %d", at))
			case 1:
				_, token := b.token("a", "john")
				token.UID, token.Expires = 4001, b.now.Add(time.Duration(1+random.IntN(5))*time.Hour)
				did = append(did, fmt.Sprint("issue ", b.Issue(token) == nil))
			case 2:
				_, err := b.Revoke("a", "")
				did = append(did, fmt.Sprint("revoke ", err == nil))
			case 3, 4:
				c, err := b.Change(app, []string{"one", "two", "three"}[random.IntN(3)])
				if err == nil {
					var until time.Time
					if n == 4 {
						until = b.now.Add(time.Duration(1+random.IntN(3)) * time.Hour)
					}
					err = b.Use(c, until)
				}
				did = append(did, fmt.Sprintf("use %s %s, for a time: %v, %v", c.App, c.To, n == 4, err))
			case 5:
				b.pass(time.Duration(random.IntN(90)) * time.Minute)
				did = append(did, "pass")
			}
			want := []apps.State{b.State("a"), b.State("b")}
			b = b.restart(dir, texts[at])
			if got := []apps.State{b.State("a"), b.State("b")}; got[0] != want[0] || got[1] != want[1] {
				t.Fatalf("seed %d: after %s: got %+v, want %+v", seed, strings.Join(did, ", "), got, want)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
