package control

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"
)

// maxOverlap is how long a token that is rotated may live on.
const maxOverlap = 30 * 24 * time.Hour

// RotateSpec asks for a new token in the place of one that there is, for the same
// app and user.
type RotateSpec struct {
	App string `json:"app"`
	// ID is that of the token to replace; empty if the app has just one.
	ID string `json:"id,omitempty"`
	// Hash is the SHA-256 of the new token's secret, TTL its life.
	Hash string        `json:"hash"`
	TTL  time.Duration `json:"ttl_ns"`
	// Path is whether the new one is an id in a path, which the old one has to be too.
	Path bool `json:"path,omitempty"`
	// Overlap is how long the old one lives on, at most to its own end.
	Overlap time.Duration `json:"overlap_ns,omitempty"`
}

// Rotated is a new token, and the one whose place it takes.
type Rotated struct {
	Issued
	OldID   string    `json:"old_id"`
	OldEnds time.Time `json:"old_ends"`
}

func (q RotateSpec) check() error {
	t := tokenRequest{App: q.App, Hash: q.Hash, TTL: q.TTL}
	switch {
	case q.App == cli:
		return invalid(`app "cli": its tokens are not rotated`, "revoke it, and issue another: vendord env PROFILE")
	case q.Overlap < 0 || q.Overlap > maxOverlap:
		return invalid(fmt.Sprintf("overlap %s: not between 0s and 30 days", q.Overlap), "such as 1h")
	}
	return cmp.Or(t.check(false), checkName("token", q.ID))
}

// Rotate has the daemon store a new token, and lets the old one end. Only who
// steers may: a user's own token gives way to another of the same length with
// Issue and Revoke.
func (c *Client) Rotate(ctx context.Context, q RotateSpec) (Rotated, error) {
	var rotated Rotated
	return rotated, c.call(ctx, http.MethodPost, "/rotate", q, &rotated)
}

func (s *Server) rotate(r request) error {
	q, err := parse[RotateSpec](r.body)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return err
	}
	rotated, err := s.cfg.Rotate(r.ctx, q)
	if err != nil {
		return err
	}
	s.log(r, "token rotated", "app", rotated.App, "for", rotated.User, "id", rotated.ID, "old", rotated.OldID, "old_ends", rotated.OldEnds)
	return r.answer(rotated)
}

// Adopt has the daemon take a secret of the owner's own for a token, by its hash.
// Only who steers may: nobody here sees how good the secret is.
func (c *Client) Adopt(ctx context.Context, t TokenSpec) (Issued, error) {
	var issued Issued
	return issued, c.call(ctx, http.MethodPost, "/adopt", requestOf(t), &issued)
}

func (s *Server) adopt(r request) error {
	q, err := parse[tokenRequest](r.body)
	if err != nil {
		return err
	}
	if q.App == cli {
		return invalid(`app "cli": its tokens are made by exec and env`, "adopt a token for an app")
	}
	if q.Path {
		return invalid("path: an id in a path is vendord's own, and not adopted", "vendord token issue APP --path")
	}
	spec, err := s.grant(r.caller, q, false)
	if err != nil {
		return err
	}
	spec.Adopted = true
	issued, err := s.cfg.Issue(r.ctx, spec)
	if err != nil {
		return err
	}
	s.log(r, "token adopted", "app", spec.App, "for", spec.User, "id", issued.ID, "expires", issued.Expires)
	return r.answer(issued)
}
