package control

import (
	"context"
	"net/http"
	"time"
)

// WipedOut is what a logout or a lock took away.
type WipedOut struct {
	// Logins counts people's logins whose tokens were deleted, Sessions
	// those that were dropped from memory.
	Logins   int `json:"logins"`
	Sessions int `json:"sessions"`
	// Notes are lines to show: what else somebody is signed in with.
	Notes []string `json:"notes,omitempty"`
}

// SourceRow is one source. It holds no secret.
type SourceRow struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Where says in words where its identity comes from.
	Where string `json:"where"`
	// Problem and Hint say why it cannot be used, as far as that can be seen
	// without asking AWS; both are empty where it can.
	Problem string `json:"problem,omitempty"`
	Hint    string `json:"hint,omitempty"`
	// SignIn is how a person signs in, "" where nobody has to: "Identity
	// Center" or "MFA".
	SignIn string `json:"sign_in,omitempty"`
	// Until is until when somebody is signed in; zero if nobody is, or it is
	// not known.
	Until time.Time `json:"until,omitzero"`
	// Renews says that the daemon renews that by itself.
	Renews bool `json:"renews,omitempty"`
	// Profiles are those that begin with it.
	Profiles []string `json:"profiles"`
}

// SourceIdentity is who AWS takes a source for.
type SourceIdentity struct {
	Account string `json:"account"`
	ARN     string `json:"arn"`
	UserID  string `json:"user_id"`
}

type nameRequest struct {
	Name string `json:"name,omitempty"`
}

type lockRequest struct {
	Locked bool `json:"locked"`
}

type refreshRequest struct {
	Source string `json:"source"`
	Drop   bool   `json:"drop,omitempty"`
}

type sourcesAnswer struct {
	Sources []SourceRow `json:"sources"`
}

type refreshAnswer struct {
	Sessions int `json:"sessions"`
}

func (s *Server) logout(r request) error {
	q, err := parse[nameRequest](r.body)
	if err == nil {
		err = checkName("name", q.Name)
	}
	if err != nil {
		return err
	}
	out, err := s.cfg.Logout(r.ctx, q.Name)
	if out.Logins+out.Sessions > 0 || err == nil {
		s.log(r, "signed out", "name", q.Name, "logins", out.Logins, "sessions", out.Sessions)
	}
	if err != nil {
		return err
	}
	return r.answer(out)
}

// lock locks and unlocks. A request without the field would unlock: it is
// refused, as every other body that is not understood to the letter.
func (s *Server) lock(r request) error {
	q, err := parse[struct {
		Locked *bool `json:"locked"`
	}](r.body)
	if err == nil && q.Locked == nil {
		err = invalid("request: it does not say whether to lock or to unlock", sameVersion)
	}
	if err != nil {
		return err
	}
	out, err := s.cfg.Lock(r.ctx, *q.Locked)
	if err != nil {
		s.log(r, "lock", "locked", *q.Locked, "problem", err)
		return err
	}
	s.log(r, map[bool]string{true: "locked", false: "unlocked"}[*q.Locked], "logins", out.Logins, "sessions", out.Sessions)
	return r.answer(out)
}

func (s *Server) sources(r request) error {
	rows, err := s.cfg.Sources(r.ctx)
	if err != nil {
		return err
	}
	return r.answer(sourcesAnswer{Sources: rows})
}

func (s *Server) checkSource(r request) error {
	q, err := parse[nameRequest](r.body)
	if err == nil {
		err = needName("source", q.Name)
	}
	if err != nil {
		return err
	}
	who, err := s.cfg.CheckSource(r.ctx, q.Name)
	if err != nil {
		return err
	}
	return r.answer(who)
}

func (s *Server) refresh(r request) error {
	q, err := parse[refreshRequest](r.body)
	if err == nil {
		err = needName("source", q.Source)
	}
	if err != nil {
		return err
	}
	n, err := s.cfg.Refresh(r.ctx, q.Source, q.Drop)
	if err != nil {
		return err
	}
	s.log(r, "source refreshed", "source", q.Source, "dropped", q.Drop, "sessions", n)
	return r.answer(refreshAnswer{Sessions: n})
}

// Finish brings the daemon what a browser brought back. The tokens that it
// redeems the code for never leave it. An empty code says that it was refused
// there.
func (c *Client) Finish(ctx context.Context, id, code, state string) error {
	return c.call(ctx, http.MethodPost, "/finish", finishRequest{ID: id, Code: code, State: state}, &done{})
}

// Code gives the code of an MFA device to the session of a source, or of a
// profile, that waits for one, and returns what AWS made of it.
func (c *Client) Code(ctx context.Context, name, code string) (LoggedIn, error) {
	var in LoggedIn
	return in, c.call(ctx, http.MethodPost, "/code", codeRequest{Name: name, Code: code}, &in)
}

// Logout signs out of what a source, or a profile, is signed in to, or with ""
// of everything, and drops every session that descends from it.
func (c *Client) Logout(ctx context.Context, name string) (WipedOut, error) {
	var out WipedOut
	return out, c.call(ctx, http.MethodPost, "/logout", nameRequest{Name: name}, &out)
}

// Lock has the daemon forget every login and session and vend nothing, until
// Unlock.
func (c *Client) Lock(ctx context.Context) (WipedOut, error) {
	var out WipedOut
	return out, c.call(ctx, http.MethodPost, "/lock", lockRequest{Locked: true}, &out)
}

// Unlock ends what Lock began. What was wiped is not brought back.
func (c *Client) Unlock(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/lock", lockRequest{}, &WipedOut{})
}

// Sources returns a row for each source.
func (c *Client) Sources(ctx context.Context) ([]SourceRow, error) {
	var a sourcesAnswer
	err := c.call(ctx, http.MethodGet, "/sources", nil, &a)
	return a.Sources, err
}

// CheckSource asks AWS who a source is.
func (c *Client) CheckSource(ctx context.Context, name string) (SourceIdentity, error) {
	var who SourceIdentity
	return who, c.call(ctx, http.MethodPost, "/check-source", nameRequest{Name: name}, &who)
}

// Refresh has the daemon look at a source again, and forget that its sessions
// failed; with drop it forgets the sessions too. It returns how many there are.
func (c *Client) Refresh(ctx context.Context, source string, drop bool) (int, error) {
	var a refreshAnswer
	err := c.call(ctx, http.MethodPost, "/refresh", refreshRequest{Source: source, Drop: drop}, &a)
	return a.Sessions, err
}
