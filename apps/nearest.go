package apps

import (
	"fmt"
	"iter"
	"slices"

	"github.com/vendord/vendord/session"
)

// unknown says that the configuration has nothing of this name, and which one
// may have been meant.
func unknown(what, name string, known iter.Seq[string]) *session.Error {
	e := refused(fmt.Sprintf("%s %.66q: not in the configuration", what, name), "vendord list shows what there is")
	least := 1 + len(name)/3
	for _, other := range slices.Sorted(known) {
		if d := distance(name, other); d < least {
			least, e.Hint = d, fmt.Sprintf("did you mean %q?", other)
		}
	}
	return e
}

// distance is the least number of bytes to insert, delete or replace to make b
// of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0] // of the row above
		row[0] = i + 1
		for j := range len(b) {
			d := left
			if a[i] != b[j] {
				d++
			}
			left = row[j+1]
			row[j+1] = min(d, row[j]+1, left+1)
		}
	}
	return row[len(b)]
}
