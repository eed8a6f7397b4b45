package server

import (
	"net/http"
	"strings"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/session"
)

// IDPath is what an id follows that stands in the path, as Amazon ECS gives its tasks
// one: the value of AWS_CONTAINER_CREDENTIALS_RELATIVE_URI. It is answered at ECS's
// address alone, whose clients may be too old to send a token. A path is no place for a
// secret, since proxies and clients log it; so an id is good for nothing else, and no
// token is ever good here.
const IDPath = "/v2/credentials/"

// What ECS's agent answers in place of 401 (ecs-agent/tmds/handlers/v1 of
// aws/amazon-ecs-agent, as of 2026-11).
var (
	noID      = answer{http.StatusBadRequest, "NoIdInRequest"}
	invalidID = answer{http.StatusBadRequest, "InvalidIdInRequest"}
)

var errNoID = &session.Error{Class: session.Unrecognised, Public: "path: has no id", Hint: "ask " + IDPath + "ID; vendord token issue APP --path makes one"}

// errTokenBesideID is for who sends both: a program that was given a token is to be
// held to it, wherever it asks.
var errTokenBesideID = &session.Error{Class: session.Unrecognised, Public: "token: not for this path, whose id says who you are",
	Hint: "unset AWS_CONTAINER_AUTHORIZATION_TOKEN and its _FILE; or ask " + Path}

// byID answers a request for a path of ids, and reports whether it was one.
func (h *handler) byID(w http.ResponseWriter, r *http.Request) bool {
	id, ok := strings.CutPrefix(r.RequestURI, IDPath)
	switch {
	case h.of.Kind != ECS || !ok && r.RequestURI != IDPath[:len(IDPath)-1]:
		return false
	case id == "" || !ok:
		e := event(r, h.now())
		h.refuse(w, r, &e, noID, errNoID)
	default:
		h.vend(w, r, ask{route: apps.ByPath, id: id, app: h.of.App})
	}
	return true
}

// guardSecret refuses a secret in a path, but for an id where it belongs.
func (h *handler) guardSecret(uri string) *session.Error {
	switch i := secretIn(uri); {
	case i < 0:
		return nil
	case strings.HasPrefix(uri[i:], apps.Prefix):
		return refused("path: has a token in it", "use the Authorization header; issue another token: this one may be in logs")
	case i == len(IDPath) && strings.HasPrefix(uri, IDPath) && h.of.Kind == ECS:
		return nil
	}
	return refused("path: has an id in it, which "+IDPath+" of ECS's address alone takes", "ask there, or issue a token without --path")
}

// answerTo is what an error is for who asked.
func answerTo(r *http.Request, err *session.Error) answer {
	if err.Class == session.Unrecognised && strings.HasPrefix(r.RequestURI, IDPath) {
		return invalidID
	}
	return answers[err.Class]
}

// secretIn returns where a token, or an id, begins in a text, or -1.
func secretIn(text string) int {
	const stem = "vnd" // of both
	for from := 0; ; {
		i := strings.Index(text[from:], stem)
		if i < 0 {
			return -1
		}
		if rest := text[from+i:]; strings.HasPrefix(rest, apps.Prefix) || strings.HasPrefix(rest, apps.PathPrefix) {
			return from + i
		}
		from += i + len(stem)
	}
}
