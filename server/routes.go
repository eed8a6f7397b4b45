package server

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/gorilla/mux"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

// ServeHTTP guards and routes. The two paths that programs ask all day are
// compared here: mux would take longer than all the rest.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.rescue(w, r)
	endOld(w, r)
	if a, err := h.guard(r); err != nil {
		e := event(r, h.now())
		h.refuse(w, r, &e, a, err)
		return
	}
	switch r.RequestURI {
	case Path:
		h.vend(w, r, ask{route: apps.ByToken, app: h.of.App})
	case ProcessPath:
		h.vend(w, r, ask{route: apps.ByKernel, app: h.of.App})
	default:
		if !h.byID(w, r) {
			h.routes.ServeHTTP(w, r)
		}
	}
}

// router returns the routes with a profile's name. It matches what was sent, byte for
// byte: nothing is cleaned, decoded or redirected, so that //, .., %2F and a
// slash at the end are paths that nobody knows, and no SDK is sent elsewhere
// with its token.
func (h *handler) router() http.Handler {
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	for path, route := range map[string]apps.Route{Path: apps.ByToken, ProcessPath: apps.ByKernel} {
		router.HandleFunc(path+"/{profile:[A-Za-z0-9][A-Za-z0-9._-]{0,63}}", func(w http.ResponseWriter, r *http.Request) {
			h.vend(w, r, ask{route: route, profile: mux.Vars(r)["profile"], app: h.of.App})
		})
	}
	router.NotFoundHandler = http.HandlerFunc(h.unknown)
	return router
}

// unknown refuses a path. It is not 404, after which Java reports the address
// instead of our sentence, as of 2026-11.
func (h *handler) unknown(w http.ResponseWriter, r *http.Request) {
	e := event(r, h.now())
	h.refuse(w, r, &e, requestRefused, refused("path: nothing is here", "ask "+h.right(r.RequestURI)))
}

// rescue answers for a handler that panicked.
func (h *handler) rescue(w http.ResponseWriter, r *http.Request) {
	if p := recover(); p != nil {
		e := h.panicked(r, p)
		h.refuse(w, r, &e, answers[session.Retry], internalError)
	}
}

// panicked logs a panic, and returns the event of its request. Of what it panicked with
// only the type is logged: the value may hold anything.
func (s *Server) panicked(r *http.Request, p any) audit.Event {
	s.log.Error("server: a request panicked", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	return event(r, s.now())
}
