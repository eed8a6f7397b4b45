package control

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/vendord/vendord/session"
)

// Health is whether the daemon does its work, whatever AWS and people do. Whoever
// watches it starts it anew where it does not.
type Health struct {
	Healthy bool `json:"healthy"`
	// Failing says which parts hang, Doubts which could not be asked, and why.
	Failing []string `json:"failing,omitempty"`
	Doubts  []string `json:"doubts,omitempty"`
}

// Ready is whether programs get what they ask for, as far as a caller may know.
type Ready struct {
	// Ready says that the daemon answers them: it has begun, is not locked, and
	// every part does its work. Well says that it is ready and no session that the
	// caller may see fails.
	Ready bool `json:"ready"`
	Well  bool `json:"well"`
	// Reason is why it is not ready, or not well; Summary is how it is, in one line.
	Reason  string `json:"reason,omitempty"`
	Summary string `json:"summary"`
	// Unwell are the sessions that fail.
	Unwell []Unwell `json:"unwell,omitempty"`
}

// Unwell is a session that fails, by the profiles that lead to it.
type Unwell struct {
	Profiles []string `json:"profiles"`
	// Reason is the shortest: vendord status has all of it.
	Reason string `json:"reason"`
}

// health answers anybody's checks: a status says as much as the body.
func (s *Server) health(r request) error {
	if r.own {
		return r.answer(Health{Healthy: true}) // it is this answer that is waited for
	}
	h := s.cfg.Health(r.ctx)
	write(r.w, statusIf(h.Healthy), h)
	return nil
}

func (s *Server) ready(r request) error {
	a := s.cfg.Ready(r.ctx, r.caller)
	write(r.w, statusIf(a.Ready), a)
	return nil
}

func statusIf(good bool) int {
	if good {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

// Health returns whether the daemon does its work.
func (c *Client) Health(ctx context.Context) (h Health, err error) {
	return h, c.look(ctx, "/health", &h)
}

// Ready returns whether programs get what they ask for.
func (c *Client) Ready(ctx context.Context) (r Ready, err error) {
	return r, c.look(ctx, "/ready", &r)
}

// look is call for an answer that can have the status of an error, and is none.
func (c *Client) look(ctx context.Context, path string, out any) error {
	ctx, done := context.WithTimeout(ctx, answerTimeout)
	defer done()
	answer, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return explain(ctx, c.path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if err := c.versionOf(answer); err != nil {
		return err
	}
	text, err := readAnswer(answer.Body)
	var refused errorAnswer
	switch {
	case err != nil:
		return explain(ctx, c.path, err)
	case json.Unmarshal(text, &refused) == nil && refused.Class != 0:
		return explain(ctx, c.path, refused.decode())
	case json.Unmarshal(text, out) != nil || answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusServiceUnavailable:
		return explain(ctx, c.path, errUnreadable)
	}
	visibly(out)
	return nil
}

// visibly makes what came safe to print.
func visibly(out any) {
	clean := func(texts []string) {
		for i := range texts {
			texts[i] = session.Visible(texts[i])
		}
	}
	switch a := out.(type) {
	case *Health:
		clean(a.Failing)
		clean(a.Doubts)
	case *Ready:
		a.Reason, a.Summary = session.Visible(a.Reason), session.Visible(a.Summary)
		for i := range a.Unwell {
			clean(a.Unwell[i].Profiles)
			a.Unwell[i].Reason = session.Visible(a.Unwell[i].Reason)
		}
	}
}
