// Package near finds the name that somebody probably meant.
package near

import (
	"cmp"
	"slices"
	"strings"
)

// Name returns the one of known that name was probably meant to be, or "". Case
// and separators do not count, and one letter in three may be wrong, if no other
// name is as near. Where none is near, it is the longest that name contains:
// "duration_seconds" is duration.
func Name(name string, known []string) string {
	plain := simplify(name)
	best, least := "", 1+(len(plain)+1)/3
	contained, most := "", 3 // letters: less is in anything
	for _, candidate := range slices.Compact(slices.Sorted(slices.Values(known))) {
		other := simplify(candidate)
		switch d := distance(plain, other); {
		case d < least:
			best, least = candidate, d
		case d == least && other != simplify(best):
			best = "" // a guess; one that is nearer may still come
		}
		if len(other) > most && strings.Contains(plain, other) {
			contained, most = candidate, len(other)
		}
	}
	return cmp.Or(best, contained)
}

var separators = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

// simplify drops case and separators, in which spellings of one name differ.
func simplify(name string) string {
	return separators.Replace(strings.ToLower(name))
}

// distance is the least number of letters to insert, delete, replace or swap
// with their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 128 || len(b) > 128 {
		return max(len(a), len(b)) // no name is that long; spare the work
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
