package profiles

import (
	"strings"

	"github.com/vendord/vendord/policy"
)

// Written is the inline session policy of a profile as its author wrote it:
// what Profile.Policy was before it was minified.
type Written struct {
	// Text is the policy. Of [[statement]] tables it is the JSON that they
	// were put into.
	Text []byte
	// Place says where a finding about Text is to be mended: in a policy file,
	// or in vendord.toml. It is for one goroutine at a time.
	Place func(policy.Finding) Problem
}

// Written returns the inline session policy of a profile, its own or inherited,
// and WrittenScope what narrows its scope. There is nothing to tell unless
// Options.Authors was set, nor of profiles without such a policy.
func (c *Config) Written(profile string) (Written, bool) {
	w, ok := c.authors[authored{profile, false}]
	return w, ok
}

// WrittenScope is Written for the scope policy.
func (c *Config) WrittenScope(profile string) (Written, bool) {
	w, ok := c.authors[authored{profile, true}]
	return w, ok
}

// authored is one policy of a profile.
type authored struct {
	profile string
	scope   bool
}

// author keeps what an author wrote, for Written.
func (l *loader) author(d *draft, w written) {
	if !l.options.Authors {
		return
	}
	if l.config.authors == nil {
		l.config.authors = make(map[authored]Written)
	}
	place := w.place
	if w.key == "policy" || w.key == "scope_policy" {
		place = l.inlineColumns(d.at(w.key), w.place)
	}
	l.config.authors[authored{d.name, strings.HasPrefix(w.key, "scope_")}] = Written{Text: w.text, Place: place}
}

// inlineColumns adds columns to the places in a policy between quotes. They are
// right where the text stands as it is, without TOML's escapes before it on the
// line, as it does between three quotes.
func (l *loader) inlineColumns(at path, place func(policy.Finding) Problem) func(policy.Finding) Problem {
	return func(f policy.Finding) Problem {
		p := place(f)
		start := l.document.offset(at)
		if start < 0 || p.Line == 0 {
			return p
		}
		p.Column = f.Column
		text := l.document.text
		if f.Line == 1 && !strings.HasPrefix(strings.TrimPrefix(text[start:], "\r"), "\n") {
			p.Column += characters(text[1+strings.LastIndexByte(text[:start], '\n') : start])
		}
		return p
	}
}
