package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// maxWhy is how many refusals a client may ask for.
const maxWhy = 1000

// Asker is who asked the vending address, as far as it is known.
type Asker struct {
	User string `json:"user,omitempty"`
	// UID is the user's number by the kernel's word, From the address of a caller
	// without one.
	UID  json.Number `json:"uid,omitempty"`
	From string      `json:"from,omitempty"`
	// PID and Exe are a process that held the connection.
	PID       int    `json:"pid,omitempty"`
	Exe       string `json:"exe,omitempty"`
	Unit      string `json:"unit,omitempty"`
	Container string `json:"container,omitempty"`
}

// At is the endpoint that was asked: loopback, ecs, eks or imds. Listen is the address
// of one that is an app's own.
type At struct {
	Endpoint string `json:"endpoint,omitempty"`
	Listen   string `json:"listen,omitempty"`
}

// is reports whether it was a caller's own program, by the kernel's word.
func (a Asker) is(c Caller) bool {
	return a.UID != "" && a.UID.String() == strconv.FormatUint(uint64(c.Peer.UID), 10)
}

// Refusal is requests that got no credentials, of one caller for one reason.
type Refusal struct {
	// Time is the last one's, and Times how many are remembered.
	Time  time.Time `json:"time"`
	Times int       `json:"times"`
	App   string    `json:"app,omitempty"`
	Asker
	// TokenID is the token that was presented, if it is one of ours.
	TokenID string `json:"token,omitempty"`
	Path    string `json:"path,omitempty"`
	At
	Profile string `json:"profile,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// Near says which rule nearly let the caller through, and what is different.
	Near string `json:"near,omitempty"`
	// Fix is the one change that would let it through, where that can be told.
	Fix *Fix `json:"fix,omitempty"`
}

// Fix is a change to make. One of TOML and Command is there.
type Fix struct {
	// Does says in a line what it does, or what has to be known before.
	Does string `json:"does"`
	// TOML is lines for vendord.toml, Command a line for a shell.
	TOML    string `json:"toml,omitempty"`
	Command string `json:"command,omitempty"`
}

type whyRequest struct {
	App string `json:"app,omitempty"`
	N   int    `json:"n"`
}

type whyAnswer struct {
	Refusals []Refusal `json:"refusals"`
}

func (q whyRequest) check() error {
	if q.N < 1 || q.N > maxWhy {
		return invalid(fmt.Sprintf("refusals: %d is not between 1 and %d", q.N, maxWhy), "such as -n 5")
	}
	return checkName("app", q.App)
}

// Why returns the latest refusals of an app, or with "" of all and of strangers,
// newest first: for who steers all, for others those of their own programs.
func (c *Client) Why(ctx context.Context, app string, n int) ([]Refusal, error) {
	var a whyAnswer
	err := c.call(ctx, http.MethodPost, "/why", whyRequest{App: app, N: n}, &a)
	return a.Refusals, err
}

func (s *Server) why(r request) error {
	q, err := parse[whyRequest](r.body)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return err
	}
	rows := s.own(r.caller, s.cfg.Why(q.App))
	if q.App != "" { // by its name, an app that is hidden from the caller had rows
		rows = slices.DeleteFunc(rows, func(row Refusal) bool { return row.App != q.App })
	}
	return r.answer(whyAnswer{Refusals: rows[:min(len(rows), q.N)]})
}

// own leaves a caller without Steer the refusals of the caller's own programs,
// and of those what they may know: somebody who tries tokens must not learn
// whose they are, nor which rule nearly let them through.
func (s *Server) own(c Caller, rows []Refusal) []Refusal {
	rows = slices.Clone(rows)
	if c.Steers() {
		return rows
	}
	apps, _ := s.cfg.Allowed(c.Peer.User, c.Peer.Groups)
	rows = slices.DeleteFunc(rows, func(r Refusal) bool { return !r.is(c) })
	for i := range rows {
		rows[i].Near = ""
		if app := rows[i].App; app != "" && app != cli && !slices.Contains(apps, app) {
			rows[i].App, rows[i].TokenID, rows[i].Profile, rows[i].Fix = "", "", "", nil
		}
	}
	return rows
}

// AppInfo is an app with what it did last.
type AppInfo struct {
	AppRow
	// Last is its last request, nil if there was none since the daemon started, or
	// it was somebody else's and the caller does not steer.
	Last *LastRequest `json:"last,omitempty"`
	// Refusals are its latest, newest first, a few.
	Refusals []Refusal `json:"refusals,omitempty"`
}

// LastRequest is the last thing that a program of an app asked for.
type LastRequest struct {
	Time time.Time `json:"time"`
	Asker
	At
	// Profile is what it got, KeyID and Expires are of its session; or Message
	// says why it got nothing.
	Profile string    `json:"profile,omitempty"`
	KeyID   string    `json:"key_id,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Message string    `json:"message,omitempty"`
}

type appsAnswer struct {
	Apps []AppInfo `json:"apps"`
}

// Apps returns every app that the caller may know of.
func (c *Client) Apps(ctx context.Context) ([]AppInfo, error) {
	var a appsAnswer
	err := c.call(ctx, http.MethodGet, "/apps", nil, &a)
	return a.Apps, err
}

func (s *Server) appInfos(r request) error {
	infos := slices.Clone(s.cfg.Apps(r.caller))
	if !r.caller.Steers() {
		apps, _ := s.cfg.Allowed(r.caller.Peer.User, r.caller.Peer.Groups)
		infos = slices.DeleteFunc(infos, func(a AppInfo) bool { return !slices.Contains(apps, a.Name) })
	}
	for i, a := range infos {
		infos[i].Refusals = s.own(r.caller, a.Refusals)
		if a.Last != nil && !r.caller.Steers() && !a.Last.is(r.caller) {
			infos[i].Last = nil
		}
	}
	return r.answer(appsAnswer{Apps: infos})
}
