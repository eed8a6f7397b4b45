package main

import (
	"iter"

	"github.com/vendord/vendord/session"
)

// maxLineage is more parents than a session can have.
const maxLineage = 32

// lineage ranges over a request, its parent, and so on to the one that the
// source signs.
func lineage(r session.Request) iter.Seq[session.Request] {
	return func(yield func(session.Request) bool) {
		for range maxLineage {
			if !yield(r) || r.Parent == "" {
				return
			}
			parent, err := session.ParseRequest(r.Parent)
			if err != nil {
				return // mint refuses it: nothing was ever signed by it
			}
			r = parent
		}
	}
}

// elders are the keys of a session's parents, by the canonical form of the first:
// to read them anew for each of 1,000 sessions that share them takes seconds.
type elders map[string][]session.Key

// of returns the keys of a request's lineage after itself.
func (e elders) of(r session.Request) []session.Key {
	keys, known := e[r.Parent]
	if !known {
		for ancestor := range lineage(r) {
			keys = append(keys, ancestor.Key())
		}
		keys = keys[1:]
		e[r.Parent] = keys
	}
	return keys
}

// origin returns the request at the end of the lineage, which begins with the
// source.
func origin(r session.Request) session.Request {
	for ancestor := range lineage(r) {
		r = ancestor
	}
	return r
}

// descends returns whether a request, or one of its lineage, is such.
func descends(such func(session.Request) bool) func(session.Request) bool {
	return func(r session.Request) bool {
		for ancestor := range lineage(r) {
			if such(ancestor) {
				return true
			}
		}
		return false
	}
}

// typed reports whether a person has to type a code for a request.
func typed(r session.Request) bool { return r.MFASerial != "" && r.MFACommand == "" }
