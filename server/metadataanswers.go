package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

// The headers of every answer: EC2's type, of JSON too, and its name, which old tools
// look for.
var (
	typeText = []string{"text/plain"}
	ec2Name  = []string{"EC2ws"}
)

var (
	errNothing = &session.Error{Class: session.Refused, Public: "path: nothing is here", Hint: "see /latest/meta-data/"}
	errNoRole  = &session.Error{Class: session.Refused, Public: "role: not the one that this program has", Hint: "ask /latest/meta-data/iam/security-credentials/ for its name"}
)

// strange reports whether a decision went against who asked, and not against what is to
// be had: nobody knows them, or not as one.
func strange(err error) bool {
	told := session.AsError(err)
	return told != nil && (told.Class == session.Unrecognised || told.Class == session.Refused)
}

// listed reports whether a role's name is told. It is, where its credentials cannot be
// had: with them SDKs ask for the reason, and show that.
func listed(e *audit.Event, err error) bool {
	return err == nil || e.Profile != "" && said(session.AsError(err).Class)
}

// said reports whether a refusal is told inside of an answer with status 200, as EC2
// tells that it could not assume a role: of any other, Go's SDK shows the status alone.
// Those are what a person has to mend; the rest may come right by itself.
func said(c session.Class) bool {
	return c == session.Configuration || c == session.Person || c == session.Administrator
}

// fail answers with an error of apps or Credentials.
func (m *metadata) fail(w http.ResponseWriter, r *http.Request, e *audit.Event, at resource, err error) {
	told := m.told(r, err)
	a := answers[told.Class]
	switch {
	case told == errNoSession:
	case told.Class == session.Refused && e.Profile != "" && at.kind == role && at.role != e.Profile:
		// PHP, Ruby and JavaScript take 404 for "has another role now, list again".
		a.status, told = http.StatusNotFound, errNoRole
	case told.Class == session.Unrecognised || told.Class == session.Refused:
		a.status = http.StatusNotFound // "has no role": SDKs go on to what comes next
	}
	m.refuse(w, r, e, at, a, told)
}

// refuse records a refusal and answers with it.
func (m *metadata) refuse(w http.ResponseWriter, r *http.Request, e *audit.Event, at resource, a answer, err *session.Error) {
	a, err, stranger := m.refusal(r, e, a, err)
	body := []byte(sentence(err))
	if at.kind == role && said(err.Class) {
		a.status, body = http.StatusOK, refusedRole(a.code, err, e.Time)
	}
	header := w.Header()
	setText(header, len(body))
	if a.status == http.StatusMethodNotAllowed {
		header["Allow"] = []string{"GET, HEAD"}
		if at.kind == sessionToken {
			header["Allow"] = []string{"OPTIONS, PUT"}
		}
	}
	m.conclude(w, r, a.status, body, stranger)
}

// refusedRole is the document of a role that there are no credentials for. Its Code is
// EC2's own where AWS refused, which the SDKs for Rust and Kotlin know.
func refusedRole(code string, err *session.Error, now time.Time) []byte {
	if err.Class == session.Administrator {
		code = "AssumeRoleUnauthorizedAccess"
	}
	return compact(struct{ Code, Message, LastUpdated string }{code, sentence(err), now.UTC().Format(expiration)})
}

// text answers with what is not recorded: nothing was handed out, and nobody refused.
func (m *metadata) text(w http.ResponseWriter, r *http.Request, status int, body string) {
	header := w.Header()
	setText(header, len(body))
	connOf(r).sayFarewell(header)
	if r.Method == http.MethodHead {
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// setText sets what every answer has.
func setText(header http.Header, length int) {
	setCommon(header, length)
	header["Content-Type"] = typeText
	header["Server"] = ec2Name
}
