package policy

import "slices"

// truth is an answer that may depend on what the question left open. Their
// order makes min an "and" and max an "or".
type truth int

const (
	no truth = iota
	maybe
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) not() truth { return yes - t }

// hit returns what a match of the pattern just compiled is worth: with a
// variable of unknown value in it, it is no more than possible.
func (e *evaluation) hit(matches bool) truth {
	if matches && e.holes > 0 {
		return maybe
	}
	return truthOf(matches)
}

// any tells whether one of several texts holds, and takes back the missing keys
// of the others: what a pattern or a value missed makes no difference once
// another one matches, nor, where nothing counts as absent, if it cannot match.
func (e *evaluation) any(texts []string, holds func(string) truth) truth {
	before, result := len(e.missing), no
	for _, text := range texts {
		own := len(e.missing)
		t := holds(text)
		if t == yes {
			e.missing = slices.Delete(e.missing, before, own)
			return yes
		}
		if t == no && e.open {
			e.missing = e.missing[:own]
		}
		result = max(result, t)
	}
	return result
}

// all tells whether all of several texts hold.
func (e *evaluation) all(texts []string, holds func(string) truth) truth {
	before, result := len(e.missing), yes
	for _, text := range texts {
		switch t := holds(text); {
		case t == no && e.open:
			e.missing = e.missing[:before]
			return no
		case t == no:
			return no
		default:
			result = min(result, t)
		}
	}
	return result
}
