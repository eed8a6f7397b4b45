package policy

// disjoint reports whether two patterns certainly have no text in common. It
// follows all pairs of places that the two can come to with the same text: the
// time is the product of the lengths.
func (g glob) disjoint(other glob) bool {
	here, next := make([]bool, len(other)+1), make([]bool, len(other)+1)
	here[0] = true
	for _, a := range g {
		clear(next)
		for j, reached := range here {
			if !reached {
				continue
			}
			if isRun(a) {
				next[j] = true // it takes no more
			}
			if j == len(other) {
				continue
			}
			switch b := other[j]; {
			case isRun(b):
				here[j+1] = true // b takes no more
				if !isRun(a) && common(a, b) {
					next[j] = true
				}
			case !common(a, b):
			case isRun(a):
				here[j+1] = true
			default:
				next[j+1] = true
			}
		}
		here, next = next, here
	}
	for j, b := range other {
		if here[j] && isRun(b) {
			here[j+1] = true
		}
	}
	return !here[len(other)]
}

// isRun reports whether an element stands for any number of characters. The
// value of a variable may be any text.
func isRun(r rune) bool { return r == anyRun || r == segmentRun || r <= opaque }

// common reports whether two elements have a character in common.
func common(a, b rune) bool {
	if a >= 0 && b >= 0 {
		return a == b
	}
	inSegment := func(r rune) bool { return r == segmentRun || r == segmentOne }
	return !(inSegment(a) && b == ':') && !(inSegment(b) && a == ':')
}
