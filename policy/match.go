package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// glob is a pattern or a text, one element for each character. Elements below
// zero stand for other characters; a text has none of them.
type glob []rune

const (
	anyRun     rune = -1 - iota // any characters, or none
	anyOne                      // one character
	segmentRun                  // any characters but a colon, or none
	segmentOne                  // one character but a colon
	opaque                      // from here downwards: see unknown
)

// wildcards says what * and ? mean in a pattern.
type wildcards int

const (
	// plain: themselves.
	plain wildcards = iota
	// anywhere: any characters.
	anywhere
	// inARN: within the first five parts of an ARN they do not match a
	// colon; in the sixth they match anything. So ArnLike compares ("each of
	// the six colon-delimited components is checked separately", IAM user
	// guide, condition operators).
	inARN
	// inResource: as inARN, but a * that ends a part goes on past the colon
	// (IAM user guide, Resource: "if the * wildcard is the last character of
	// a resource ARN segment, it can expand to match beyond the colon
	// boundaries", as of 2026-03). So a lone * matches everything.
	inResource
)

// at returns the element for the wildcard c, which is followed by rest and
// has colons before it.
func (w wildcards) at(c byte, colons int, rest string) rune {
	endsPart := rest == "" || rest[0] == ':'
	inside := (w == inARN || w == inResource) && colons < 5
	switch {
	case w == plain:
		return rune(c)
	case c == '?' && inside:
		return segmentOne
	case c == '?':
		return anyOne
	case inside && !(w == inResource && endsPart):
		return segmentRun
	default:
		return anyRun
	}
}

// Match reports whether an IAM pattern matches a text: * stands for any
// characters or none, ? for one, and case counts. It knows nothing of ARNs;
// Evaluate does.
func Match(pattern, text string) bool {
	var p, t [128]rune
	return compile(p[:0], pattern, anywhere).covers(characters(t[:0], text))
}

// covers reports whether everything that text stands for is matched by the
// pattern. For a text without wildcards that is the usual match; for a text
// that is itself a pattern it is containment, sound but not complete: a
// wildcard of the text is matched by one of the pattern that takes as much,
// and by nothing else.
//
// It backs up to the last * only: what an earlier one could take instead, the
// last one can too. A segmentRun cannot get past a colon, so before it the
// last anyRun is kept as well. The time is within a product of the lengths,
// never exponential.
func (g glob) covers(text glob) bool {
	far, near := retry{element: -1}, retry{element: -1}
	e, c := 0, 0
	for c < len(text) {
		switch {
		case e < len(g) && g[e] == anyRun:
			e++
			far, near = retry{e, c}, retry{element: -1}
		case e < len(g) && g[e] == segmentRun:
			e++
			near = retry{e, c}
		case e < len(g) && takes(g[e], text[c]):
			e, c = e+1, c+1
		case near.element >= 0 && takes(segmentRun, text[near.character]):
			near.character++
			e, c = near.element, near.character
		case far.element >= 0:
			far.character++
			e, c, near = far.element, far.character, retry{element: -1}
		default:
			return false
		}
	}
	for e < len(g) && (g[e] == anyRun || g[e] == segmentRun) {
		e++
	}
	return e == len(g)
}

// retry is where matching goes on when the run before element takes one more
// character; element is -1 where there is no such run.
type retry struct{ element, character int }

// takes reports whether the element p of a pattern, other than anyRun, matches
// the element t of a text.
func takes(p, t rune) bool {
	switch p {
	case anyOne:
		return t >= 0 || t == anyOne || t == segmentOne
	case segmentRun:
		return takes(segmentOne, t) || t == segmentRun
	case segmentOne:
		return t >= 0 && t != ':' || t == segmentOne
	default:
		return p == t
	}
}

// compile appends a pattern's elements to g. It takes variables for text.
func compile(g glob, pattern string, w wildcards) glob {
	g, _ = compilePart(g, pattern, len(pattern), w, 0)
	return g
}

// compileVariables is compile for patterns with variables: it appends what
// replace appends for each. False from replace, and from compileVariables,
// means that the variable has no value, so that the pattern matches nothing.
func compileVariables(g glob, pattern string, w wildcards, replace func(glob, variable) (glob, bool)) (glob, bool) {
	colons := 0
	for pattern != "" {
		v, rest, ok := variable{}, "", false
		// Before the fifth colon AWS replaces no variable in a resource.
		if w != inResource || colons >= 5 {
			v, rest, ok = cutVariable(pattern)
		}
		if ok {
			if g, ok = replace(g, v); !ok {
				return nil, false
			}
			pattern = rest
			continue
		}
		n := len(pattern)
		if next := strings.Index(pattern[1:], "${"); next >= 0 {
			n = next + 1
		}
		g, colons = compilePart(g, pattern, n, w, colons)
		pattern = pattern[n:]
	}
	return g, true
}

// compilePart appends the first n bytes of a pattern, before which there were
// so many colons, and returns how many there are then.
func compilePart(g glob, pattern string, n int, w wildcards, colons int) (glob, int) {
	for i := 0; i < n; {
		c := pattern[i]
		if c == '*' || c == '?' {
			i++
			g = append(g, w.at(c, colons, pattern[i:]))
			continue
		}
		if c == ':' {
			colons++
		}
		r, size := character(pattern[i:])
		g = append(g, r)
		i += size
	}
	return g, colons
}

// characters appends the characters of text to g.
func characters(g glob, text string) glob {
	for text != "" {
		r, size := character(text)
		g = append(g, r)
		text = text[size:]
	}
	return g
}

// character returns the first character of text and its length in bytes. A
// byte that is not UTF-8 counts as a character of its own, beyond Unicode's
// last: were all of them U+FFFD, a pattern with one would match a text with
// another.
func character(text string) (rune, int) {
	if text[0] < utf8.RuneSelf {
		return rune(text[0]), 1
	}
	r, size := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError && size == 1 {
		return utf8.MaxRune + 1 + rune(text[0]), 1
	}
	return r, size
}

// lower turns ASCII letters into small ones, in place. Action names have no
// others.
func (g glob) lower() glob {
	for i, r := range g {
		if 'A' <= r && r <= 'Z' {
			g[i] = r + ('a' - 'A')
		}
	}
	return g
}

// folded gives all characters that differ in case alone one form, in place: as
// strings.EqualFold takes them for equal.
func (g glob) folded() glob {
	for i, r := range g {
		for f := unicode.SimpleFold(r); r >= 0 && f != r; f = unicode.SimpleFold(f) {
			g[i] = min(g[i], f)
		}
	}
	return g
}

// matchAction reports whether an action pattern matches an action, which has
// gone through lower. Case makes no difference (IAM user guide, Action).
func matchAction(pattern string, action glob) bool {
	var buffer [64]rune
	return compile(buffer[:0], pattern, anywhere).lower().covers(action)
}
