package control

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"
)

// The bounds of UseSpec.For.
const (
	minFor = time.Second
	maxFor = 30 * 24 * time.Hour
)

// UseSpec asks for an app's programs to be given another of its profiles.
type UseSpec struct {
	App string `json:"app"`
	// Profile is the one to use; empty with Back, which means the app's first.
	Profile string `json:"profile,omitempty"`
	Back    bool   `json:"back,omitempty"`
	// For is after how long the app goes back to what it used before: 1 s to 30
	// days, or 0 for not by itself.
	For time.Duration `json:"for_ns,omitempty"`
	// Stay says that somebody means it, though the profile lets through more
	// than the app's first and For is 0.
	Stay bool `json:"stay,omitempty"`
}

// Used is what came of a UseSpec.
type Used struct {
	App  string `json:"app"`
	From string `json:"from"`
	To   string `json:"to"`
	// First is the first of the app's list. Until is when it goes back to Back;
	// both are empty if it does not by itself.
	First string    `json:"first"`
	Until time.Time `json:"until,omitzero"`
	Back  string    `json:"back,omitempty"`
	// Wider says what To lets through that First does not.
	Wider []string `json:"wider,omitempty"`
	// Now are the sessions that programs are given from now on, one for each user
	// of the app, and Held the live ones that they were given before.
	Now  []UsedSession `json:"now,omitempty"`
	Held []UsedSession `json:"held,omitempty"`
}

// UsedSession is a session of one user of an app.
type UsedSession struct {
	User    string    `json:"user"`
	Profile string    `json:"profile"`
	KeyID   string    `json:"key_id"`
	Expires time.Time `json:"expires"`
}

func (q UseSpec) check() error {
	if err := cmp.Or(checkName("app", q.App), checkName("profile", q.Profile)); err != nil {
		return err
	}
	switch {
	case q.App == "":
		return invalid("app: missing", "name the app whose programs are meant: --app APP")
	case q.App == cli:
		return invalid(`app "cli": its tokens name a profile each`, "name the profile in the command: vendord exec PROFILE")
	case q.Back == (q.Profile != ""):
		return invalid("profile: name one, or --back for the app's first", "vendord use PROFILE --app "+q.App)
	case q.Back && (q.For != 0 || q.Stay):
		return invalid("back: has no --for and no --stay", "vendord use --app "+q.App+" --back")
	case q.For != 0 && q.Stay:
		return invalid("for and stay: only one of them can be meant", "--for goes back by itself, --stay does not")
	case q.For != 0 && (q.For < minFor || q.For > maxFor):
		return invalid(fmt.Sprintf("for %s: not between 1s and 30 days", q.For), "such as 1h")
	}
	return nil
}

// Use has an app's programs be given another profile, once its sessions are
// minted, or changes nothing. Only who steers may.
func (c *Client) Use(ctx context.Context, q UseSpec) (Used, error) {
	var used Used
	return used, c.call(ctx, http.MethodPost, "/use", q, &used)
}

func (s *Server) use(r request) error {
	q, err := parse[UseSpec](r.body)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return err
	}
	used, err := s.cfg.Use(r.ctx, q)
	if err != nil {
		return err
	}
	attrs := []any{"app", used.App, "from", used.From, "to", used.To}
	if !used.Until.IsZero() {
		attrs = append(attrs, "until", used.Until, "back", used.Back)
	}
	s.log(r, "app uses another profile", attrs...)
	return r.answer(used)
}
