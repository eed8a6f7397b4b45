package control

import (
	"context"
	"regexp"
	"time"

	"github.com/vendord/vendord/session"
)

// The ways in which a person signs in.
const (
	Browser = "browser" // a page, whose answer comes to a listener of the command's
	Device  = "device"  // a page on any machine, where a short code is typed
	MFA     = "mfa"     // the code of an MFA device, which the command asks for
	Nothing = "nothing" // there is nothing to sign in to
)

// LoginSpec is what a command asks for.
type LoginSpec struct {
	// Name is a source's or a profile's. What is missing there, if anything,
	// is for the daemon to find out.
	Name string `json:"name"`
	// Port is where on 127.0.0.1 the command listens for the browser's answer; 0
	// where there is no browser, for a code that is typed into one elsewhere. It
	// is no address, so that the answer can be sent to no other machine.
	Port uint16 `json:"port,omitempty"`
}

// Login is what a person has to do.
type Login struct {
	// Kind is one of the constants above. Of MFA and Nothing there is only
	// this: the command then calls Code, or has nothing to do.
	Kind string `json:"kind"`
	// ID names the login for Finish.
	ID string `json:"id,omitempty"`
	// Source is what the identity is for, Subject what is signed in to: the
	// portal, the MFA device.
	Source  string `json:"source,omitempty"`
	Subject string `json:"subject,omitempty"`
	// Message says in words what there is to know of Nothing.
	Message string `json:"message,omitempty"`
	// URL is the page to open, and UserCode what is typed there.
	URL      string `json:"url,omitempty"`
	UserCode string `json:"user_code,omitempty"`
	// Expires is until when it can be done.
	Expires time.Time `json:"expires,omitzero"`
	// Joined says that somebody else began it: their browser, or their code.
	Joined bool `json:"joined,omitempty"`
}

// LoggedIn is what came of it.
type LoggedIn struct {
	Kind    string `json:"kind"`
	Source  string `json:"source"`
	Subject string `json:"subject,omitempty"`
	// Expires is until when no person is needed again; zero if not known.
	Expires time.Time `json:"expires,omitzero"`
	// Renews says that the daemon renews the login by itself.
	Renews bool `json:"renews,omitempty"`
	// Kept says in words where the login is kept.
	Kept string `json:"kept,omitempty"`
	// Sessions counts the sessions that descend from it.
	Sessions int `json:"sessions"`
}

type finishRequest struct {
	ID    string `json:"id"`
	Code  string `json:"code"`
	State string `json:"state"`
}

type codeRequest struct {
	Name string `json:"name"`
	Code string `json:"code"`
}

// loginEnd is the second line of a login's answer: one of the two.
type loginEnd struct {
	Done  *LoggedIn    `json:"done,omitempty"`
	Error *errorAnswer `json:"error,omitempty"`
}

// done answers calls that have nothing to say.
type done struct{}

func (q LoginSpec) check() error { return needName("name", q.Name) }

// oneLine is what codes, states and ids are made of: printable ASCII.
var oneLine = regexp.MustCompile(`^[!-~]+$`)

// maxCode bounds each of them. An authorization code can be a JWT.
const maxCode = 16 << 10

func (q finishRequest) check() error {
	for _, part := range [][2]string{{"id", q.ID}, {"code", q.Code}, {"state", q.State}} {
		if part[0] == "code" && part[1] == "" {
			continue // refused in the browser
		}
		if len(part[1]) > maxCode || !oneLine.MatchString(part[1]) {
			return invalid(part[0]+": empty, too long or not printable", sameVersion)
		}
	}
	return nil
}

// check does not show the code: it may be a password that went to the wrong
// prompt.
func (q codeRequest) check() error {
	if err := needName("name", q.Name); err != nil {
		return err
	}
	if !session.IsMFACode(q.Code) {
		return invalid("code: not six digits", "type what the MFA device shows now")
	}
	return nil
}

func needName(what, name string) error {
	if name == "" {
		return invalid(what+": missing", "name a source or a profile: vendord list shows them")
	}
	return checkName(what, name)
}

// login begins a login, says what a person has to do, and waits. The
// connection bounds it: with the command that began a login its browser's
// listener is gone, and nobody could finish it.
func (s *Server) login(r request) error {
	q, err := parse[LoginSpec](r.body)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return err
	}
	pending, wait, err := s.cfg.Login(r.ctx, q)
	if err != nil {
		return err
	}
	if wait == nil {
		return r.answer(pending)
	}
	ctx, left := ofClient(r.ctx)
	defer left()
	l, err := takeOver(r, pending)
	if err != nil {
		left()
		_, _ = wait(ctx) // which gives it up
		return nil       // the client has gone: nobody is left to be told
	}
	defer l.close()
	s.log(r, "login began", "source", pending.Source, "kind", pending.Kind, "joined", pending.Joined)
	go func() { l.gone(); left() }() // until the line is closed
	in, err := wait(ctx)
	end := loginEnd{Done: &in}
	switch {
	case err == nil:
		s.log(r, "signed in", "source", in.Source, "kind", in.Kind, "expires", in.Expires)
	case ctx.Err() != nil && !ending(r.ctx):
		s.log(r, "login left", "source", pending.Source, "kind", pending.Kind, "joined", pending.Joined)
		return nil
	default:
		if ending(r.ctx) { // the daemon stops, and everything else with it
			err = context.Canceled
		}
		e := encodeError(inWords(err))
		end = loginEnd{Error: &e}
		s.log(r, "login failed", "source", pending.Source, "problem", e.Public)
	}
	_ = l.send(encode(end)) // or the client has gone
	return nil
}

func (s *Server) finish(r request) error {
	q, err := parse[finishRequest](r.body)
	if err == nil {
		err = q.check()
	}
	if err == nil {
		err = s.cfg.FinishLogin(r.ctx, q.ID, q.Code, q.State)
	}
	if err != nil {
		return err
	}
	return r.answer(done{})
}

func (s *Server) code(r request) error {
	q, err := parse[codeRequest](r.body)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return err
	}
	in, err := s.cfg.Code(r.ctx, q.Name, q.Code)
	if err != nil {
		return err
	}
	s.log(r, "signed in", "source", in.Source, "kind", in.Kind, "expires", in.Expires)
	return r.answer(in)
}
