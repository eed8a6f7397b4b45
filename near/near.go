// Package near finds the name that somebody probably meant.
package near

import (
	"slices"
	"strings"
)

// Name returns the one of known that name was probably meant to be, or "". Case
// and separators do not count, AWS's own spelling is near ("RoleArn" is
// role_arn, "duration_seconds" is duration), and one letter in three may be
// wrong.
func Name(name string, known []string) string {
	plain := simplify(name)
	best, least := "", 1+len(plain)/3
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		other := simplify(candidate)
		d := distance(plain, other)
		if d > 0 && len(other) > 3 && strings.Contains(plain, other) {
			d = 1
		}
		if d < least {
			best, least = candidate, d
		}
	}
	return best
}

// simplify drops case and separators, in which spellings of one name differ.
func simplify(name string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(name))
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
