package profiles

import (
	"iter"
	"slices"
	"strings"

	"github.com/vendord/vendord/near"
)

// later lists what a later version supports, by the kind of table. Each is an
// error, not an unknown key: whoever wrote one wanted something, perhaps a limit,
// and has to learn that there is none.
var later = map[string][]string{
	"file":     {"policies"},
	"profiles": {"provided_contexts"},
}

// notYet is the problem of everything in these lists.
const notYet = "not supported by this version"

// maxCompared is how many names are compared with unknown ones while a file is
// loaded: a hundred times a thousand take half a second.
const maxCompared = 100_000

// unknown reports a name that is not among known.
func (l *loader) unknown(at path, what, name string, known iter.Seq[string]) {
	if l.errors.full() {
		return
	}
	hint := ""
	if names := slices.Collect(known); l.compared+len(names) <= maxCompared {
		l.compared += len(names)
		hint = suggest(name, names, what+"s")
	}
	l.wrong(at, hint, "no %s %q", what, name)
}

// suggest returns the hint for a name that is not among known: the nearest, or
// all of them where none is near. what says what they are.
func suggest(name string, known []string, what string) string {
	known = slices.Sorted(slices.Values(known))
	if meant := near.Name(name, known); meant != "" {
		return "did you mean " + meant + "?"
	}
	if len(known) == 0 {
		return "there are no " + what
	}
	const most = 24
	if len(known) > most {
		return "there are " + strings.Join(known[:most], ", ") + " and more"
	}
	return "the " + what + " are " + strings.Join(known, ", ")
}
