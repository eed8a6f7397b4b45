package apps

import (
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/vendord/vendord/session"
)

// meter bounds how often an app's programs, of one user, are granted anything.
// It is far above what any SDK does, which asks once in half an hour: what it
// stops is a loop without a cache, before it takes the processor from everybody
// else's programs. Its lock is its own programs' alone. A nil meter has no
// bound.
type meter struct{ limiter *rate.Limiter }

// newMeter returns a meter of so many requests a second, with twice as many at
// once; 0 is no bound.
func newMeter(perSecond int) *meter {
	if perSecond == 0 {
		return nil
	}
	return &meter{rate.NewLimiter(rate.Limit(perSecond), 2*perSecond)}
}

func (m *meter) allow(now time.Time) bool { return m == nil || m.limiter.AllowN(now, 1) }

// tooFast is the error for who is not allowed.
func (s *snapshot) tooFast(app string) *session.Error {
	return &session.Error{Class: session.Limited,
		Public: fmt.Sprintf("app %q: more than %d requests a second", app, s.config.Daemon.RequestsPerSecond),
		Hint:   "use one SDK client: it keeps credentials; or raise daemon.requests_per_second"}
}
