package control

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/vendord/vendord/session"
)

// call is one call of the API.
type call struct {
	method string
	// needs is the right without which it is refused at once. What a caller
	// with that right may have is decided further in, by what is asked for.
	needs Rights
	// unbounded calls take as long as the connection lives.
	unbounded bool
	// anyVersion calls are for programs that are not ours, which do not say which
	// version they speak.
	anyVersion bool
	// check calls are Check's too, who has no rights.
	check bool
	do    func(*Server, request) error
}

// calls is the whole API. Paths are compared, not cleaned or matched.
var calls = map[string]call{
	"/status": {method: http.MethodGet, needs: See, do: (*Server).status},
	"/tokens": {method: http.MethodPost, needs: Vend, do: (*Server).tokens},
	"/issue":  {method: http.MethodPost, needs: Vend, do: (*Server).issue},
	"/hold":   {method: http.MethodPost, needs: Vend, do: (*Server).hold, unbounded: true},
	"/revoke": {method: http.MethodPost, needs: Vend, do: (*Server).revoke},
	"/apps":   {method: http.MethodGet, needs: See, do: (*Server).appInfos},
	"/why":    {method: http.MethodPost, needs: See, do: (*Server).why},
	"/use":    {method: http.MethodPost, needs: Steer, do: (*Server).use},
	"/rotate": {method: http.MethodPost, needs: Steer, do: (*Server).rotate},
	"/adopt":  {method: http.MethodPost, needs: Steer, do: (*Server).adopt},
	"/reload": {method: http.MethodPost, needs: Steer, do: (*Server).reload, unbounded: true},
	"/policy": {method: http.MethodPost, needs: Steer, do: (*Server).policy},
	"/dump":   {method: http.MethodPost, needs: Steer, do: (*Server).dump, unbounded: true},

	"/login":        {method: http.MethodPost, needs: Steer, do: (*Server).login, unbounded: true},
	"/finish":       {method: http.MethodPost, needs: Steer, do: (*Server).finish},
	"/code":         {method: http.MethodPost, needs: Steer, do: (*Server).code},
	"/logout":       {method: http.MethodPost, needs: Steer, do: (*Server).logout},
	"/lock":         {method: http.MethodPost, needs: Steer, do: (*Server).lock},
	"/sources":      {method: http.MethodGet, needs: Steer, do: (*Server).sources},
	"/check-source": {method: http.MethodPost, needs: Steer, do: (*Server).checkSource},
	"/metrics":      {method: http.MethodGet, needs: Steer, do: (*Server).metrics, anyVersion: true},
	"/health":       {method: http.MethodGet, needs: See, do: (*Server).health, anyVersion: true, check: true},
	"/ready":        {method: http.MethodGet, needs: See, do: (*Server).ready, anyVersion: true},

	"/refresh": {method: http.MethodPost, needs: Steer, do: (*Server).refresh},
}

// request is a call by somebody who has the right to make it.
type request struct {
	ctx    context.Context
	caller Caller
	own    bool // it is Check's
	body   []byte
	w      http.ResponseWriter
}

func (r request) answer(v any) error {
	write(r.w, http.StatusOK, v)
	return nil
}

// refusal says which right is missing.
func (k call) refusal(path string, c Caller) error {
	what := path[1:]
	if k.needs == Steer {
		return &session.Error{Class: session.Refused,
			Public: what + ": only the owner (or root and operators) may steer",
			Hint:   "ask one of them, or run a vendord of your own: vendord serve"}
	}
	return &session.Error{Class: session.Refused,
		Public: fmt.Sprintf("%s: user %q has no rights here", what, c.Peer.User),
		Hint:   "ask the owner (or root and operators), or run a vendord of your own: vendord serve"}
}

func (s *Server) status(r request) error {
	st := s.cfg.Status(r.caller)
	st.You, st.Steer = r.caller.Peer.User, r.caller.Steers()
	if !st.Steer {
		st.Config, st.Changed, st.Warnings, st.Refusals, st.Logins, st.Record = "", false, nil, nil, nil, nil
	}
	return r.answer(st)
}

func (s *Server) tokens(r request) error {
	q, err := parse[tokensRequest](r.body)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return err
	}
	return r.answer(tokensAnswer{Tokens: s.visible(r.caller, q.App)})
}

func (s *Server) issue(r request) error {
	q, err := parse[tokenRequest](r.body)
	if err != nil {
		return err
	}
	before := s.revoked()
	spec, err := s.grant(r.caller, q, false)
	if err != nil {
		return err
	}
	issued, err := s.cfg.Issue(r.ctx, spec)
	if err != nil {
		return err
	}
	if err := s.stillGranted(spec, before); err != nil {
		_, undo := s.cfg.Revoke(spec.App, issued.ID)
		return cmp.Or(undo, err)
	}
	s.log(r, "token issued", "app", spec.App, "for", spec.User, "profile", spec.Profile,
		"id", issued.ID, "expires", issued.Expires)
	return r.answer(issued)
}

// revoke revokes what the caller can see. A token of somebody else is refused
// in the words for one that does not exist.
func (s *Server) revoke(r request) error {
	q, err := parse[revokeRequest](r.body)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return err
	}
	n, err := s.revokeVisible(r.caller, q)
	if n > 0 {
		s.letGo()
		s.log(r, "tokens revoked", "app", q.App, "id", q.ID, "tokens", n)
	}
	if err != nil {
		return err
	}
	return r.answer(revokeAnswer{Revoked: n})
}

func (s *Server) revokeVisible(c Caller, q revokeRequest) (n int, err error) {
	// All of an app at once, by its name: an unknown one is said to be so.
	if c.Steers() {
		s.revoking.Lock()
		defer s.revoking.Unlock()
		s.revocations++
		if q.ID == "" {
			return s.cfg.Revoke(q.App, "")
		}
	}
	for _, t := range s.visible(c, q.App) {
		if q.ID != "" && t.ID != q.ID || t.ID == "" { // an empty id would be all of the app
			continue
		}
		one, err := s.cfg.Revoke(t.App, t.ID)
		n += one
		if err != nil {
			return n, err
		}
	}
	if n == 0 && q.ID != "" && q.App != "" && c.Steers() {
		// It may be one that was revoked and could not be recorded: it is
		// listed no more, and comes back at a restart unless this works.
		if n, err := s.cfg.Revoke(q.App, q.ID); n > 0 {
			return n, err
		}
	}
	if n == 0 && q.ID != "" {
		return 0, &session.Error{Class: session.Refused, Public: fmt.Sprintf("token %q: no such token", q.ID),
			Hint: "vendord token list shows those that there are"}
	}
	return n, nil
}

func (s *Server) reload(r request) error {
	if _, err := parse[reloadRequest](r.body); err != nil {
		return err
	}
	lines, err := s.cfg.Reload(r.ctx)
	if err != nil {
		return err
	}
	s.log(r, "configuration reloaded")
	return r.answer(reloadAnswer{Lines: lines})
}

// log records a change and who made it. What users without Steer do for
// themselves is for debugging: they could fill the log with it.
func (s *Server) log(r request, what string, attrs ...any) {
	level := slog.LevelDebug
	if r.caller.Steers() {
		level = slog.LevelInfo
	}
	who := []any{"user", r.caller.Peer.User, "uid", r.caller.Peer.UID, "pid", r.caller.Peer.PID}
	s.cfg.Log.Log(r.ctx, level, what, append(who, attrs...)...)
}
