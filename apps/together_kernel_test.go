package apps_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
)

// Programs ask all the time while their app's profile, the configuration and the
// tokens of others change: each gets one of the two profiles, and nobody another
// app's.
func TestProgramsAskMeanwhile(t *testing.T) {
	t.Parallel()
	text := "[apps.a]\nprofiles = [\"one\", \"two\"]\nmatch = {unit = \"web.service\"}\n[apps.b]\nprofiles = [\"three\"]\nmatch = {unit = \"b.service\"}\n[apps.tok]\nprofiles = [\"one\"]\n"
	b := openSystem(t, filepath.Join(t.TempDir(), "state"), text)
	configs := []*profiles.Config{b.Config(), system(t, text)}
	done := make(chan struct{})
	var readers, writers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() {
			memo := new(apps.Memo)
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				p := &program{uid: 4001 + uint32(n%50), cgroup: "/system.slice/web.service"}
				if i%2 == 0 {
					p.uid = 4001
				}
				if g, err := b.ask(p, memo); err != nil || g.App != "a" || g.Profile != "one" && g.Profile != "two" || g.User != fmt.Sprintf("u%d", p.uid) {
					t.Errorf("Decide meanwhile: got %+v, %v, want one of a's profiles", g, err)
					return
				}
				b.Owns(4001)
			}
		})
	}
	writers.Go(func() {
		for i := range 20 {
			b.Set(configs[i%2])
		}
	})
	for _, profile := range []string{"one", "two"} {
		writers.Go(func() {
			for range 20 {
				c, err := b.Change("a", profile)
				if err != nil {
					t.Errorf("Change: %v", err)
				}
				_ = b.Use(c, b.now.Add(time.Hour)) // which a reload may have overtaken
				b.Grants()
			}
		})
	}
	writers.Go(func() {
		for range 100 {
			_, token := b.token("tok", "john")
			release, err := b.Hold(token)
			if err != nil {
				t.Errorf("Hold: %v", err)
				return
			}
			release()
		}
	})
	writers.Wait()
	close(done)
	readers.Wait()
}
