package server

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

// answer is what an error is on the wire.
type answer struct {
	status int
	code   string
}

// answers is the only table from the classes of errors to what SDKs are told.
// Permanent ones are 4xx, which most SDKs do not try again; 503 they do.
var answers = [...]answer{
	session.Unrecognised:  {http.StatusUnauthorized, "NotRecognized"},
	session.Refused:       {http.StatusForbidden, "ProfileRefused"},
	session.Limited:       {http.StatusTooManyRequests, "SlowDown"},
	session.Configuration: {http.StatusForbidden, "ConfigurationError"},
	session.Person:        {http.StatusForbidden, "LoginNeeded"},
	session.Administrator: {http.StatusForbidden, "DeniedByAWS"},
	session.Retry:         {http.StatusServiceUnavailable, "NotReady"},
}

// What is refused for its form, before anybody asks whose it is.
var (
	requestRefused = answer{http.StatusForbidden, "RequestRefused"}
	methodRefused  = answer{http.StatusMethodNotAllowed, "RequestRefused"}
)

// internalError stands for whatever is not a *session.Error. What that was is
// for the log: it was not written for strangers.
var internalError = &session.Error{Class: session.Retry, Public: "vendord: internal error", Hint: "see its log"}

// slowDown is for who was refused too often to be told why once more.
var slowDown = &session.Error{Class: session.Limited, Public: "caller: refused too often lately",
	Hint: "mend what was refused: vendord status and the audit log say why"}

// leftError is for the record alone.
var leftError = &session.Error{Class: session.Retry, Public: "client: left before the answer"}

// problem is the body of an error. It has each key twice because, as of
// 2026-11, the SDKs for Go and Java read the small ones and Kotlin's the large.
type problem struct {
	Code         string `json:"code"`
	Message      string `json:"message"`
	LargeCode    string `json:"Code"`
	LargeMessage string `json:"Message"`
}

// fail answers with an error of apps or Credentials.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, e *audit.Event, err error) {
	told := s.told(r, err)
	s.refuse(w, r, e, answerTo(r, told), told)
}

// told returns what a caller is told of an error of apps or Credentials.
func (s *Server) told(r *http.Request, err error) *session.Error {
	told, ok := errors.AsType[*session.Error](err)
	switch {
	case ok && told.Class >= session.Unrecognised && int(told.Class) < len(answers):
	case r.Context().Err() != nil:
		told = leftError
	default:
		s.log.Error("server: an error without a class", "type", fmt.Sprintf("%T", err)) // its text may hold anything
		told = internalError
	}
	return told
}

// refuse records a refusal and answers with it.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, e *audit.Event, a answer, err *session.Error) {
	a, err, stranger := s.refusal(r, e, a, err)
	text := sentence(err)
	body := compact(problem{a.code, text, a.code, text})
	setCommon(w.Header(), len(body))
	if a.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodGet)
	}
	s.conclude(w, r, a.status, body, stranger)
}

// refusal counts and records a refusal, and returns what the caller is told. Who is refused all the time is
// recorded now and then; who was not even recognised gets no reason either, and
// programs that were get theirs, since each may be another that asks for the
// first time.
func (s *Server) refusal(r *http.Request, e *audit.Event, a answer, err *session.Error) (_ answer, _ *session.Error, stranger bool) {
	stranger = e.App == "" || err.Class == session.Unrecognised
	var v verdict // of our own check: it is neither counted nor recorded
	if !s.probes.own(r) {
		v = s.count(connOf(r), e, stranger)
	}
	if v.tooMany && stranger {
		limited := answers[session.Limited]
		if err == errBadSession {
			// By 401 alone SDKs know to ask for another, and all of a user's programs
			// may have to at once, or beside one that does so in a loop.
			limited.status = a.status
		}
		a, err = limited, slowDown
	}
	if err.Class == session.Retry && err.Hint == "" {
		told := *err // shared
		told.Hint, err = "try again soon: vendord does so by itself", &told
	}
	e.Status, e.Code, e.Message, e.Hint = a.status, a.code, err.Public, err.Hint
	if e.Unrecorded = v.unspoken; v.record {
		s.look(connOf(r), e)
		_ = s.audit.Record(e, nil) // of a refusal it does not fail
	}
	return a, err, stranger
}

// conclude writes a refusal. The connection of whoever was not recognised is closed:
// places are for programs that get something.
func (s *Server) conclude(w http.ResponseWriter, r *http.Request, status int, body []byte, stranger bool) {
	header := w.Header()
	connOf(r).sayFarewell(header)
	if status == http.StatusTooManyRequests {
		header.Set("Retry-After", "1")
	}
	if stranger {
		header.Set("Connection", "close")
	}
	if r.ContentLength != 0 {
		leaveBody(w)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
	if r.ContentLength != 0 {
		connOf(r).enter(reading) // and what it sends is not worth its place
	}
}

// leaveBody has the connection end with the answer, as nobody reads the request's body.
// net/http reads what is left of one before it lets go, and has no deadline for that.
func leaveBody(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
}

// count counts a refusal against whose it is.
func (s *Server) count(c *conn, e *audit.Event, stranger bool) verdict {
	switch {
	case !stranger:
		return s.refusals.count(refusedCaller{c.party, e.App}, e.Time)
	case c.party == party{uid: nobody} && c.client.Err == nil:
		return s.refusals.countStranger(c.client.Socket.UID, e.Time)
	}
	return s.refusals.count(refusedCaller{party: c.party}, e.Time)
}

// bodyTimeout is for a client that sends a body to read that it should not.
const bodyTimeout = 500 * time.Millisecond

// The bounds of a message, in bytes: PHP shows 120 of the whole body, Go and
// botocore all of it.
const (
	maxSentence = 200
	maxHint     = 100 // more where the problem leaves room
	hintMark    = "; hint: "
)

// sentence is an error in one line: what is wrong and what to do. Where it is
// too long the problem is cut before the remedy is.
func sentence(err *session.Error) string {
	if err.Hint == "" {
		return clip(err.Public, maxSentence)
	}
	hint := hintMark + clip(err.Hint, max(maxHint, maxSentence-len(hintMark)-len(err.Public)))
	return clip(err.Public, maxSentence-len(hint)) + hint
}

// clip returns at most n bytes of s, whole runes, and a space for whatever does
// not print: a line that AWS or a command wrote must not move the cursor of
// somebody else's terminal.
func clip(s string, n int) string {
	const dots = "…"
	s = strings.Map(printable, s)
	if len(s) <= n {
		return s
	}
	end := n - len(dots)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + dots
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}
