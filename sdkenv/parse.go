package sdkenv

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// section is one section of a shared file. The SDKs differ in what a file
// means; what is read here is what any of them could read, since it serves to
// choose what is written anew, and to warn.
type section struct {
	name     string // "default", "profile x", "services x"; in the credentials file also "x"; "" below a header that is unclear
	settings []setting
}

// setting is a name with its value and the indented settings below it. A name
// is in lower case: botocore and Go do not tell cases apart.
type setting struct {
	name, value string
	nested      []setting
}

// comment is what Go and others cut off a value; botocore does not.
var comment = regexp.MustCompile(`(^|\s)[#;].*$`)

// parse reads a shared file. What comes twice counts the last time, as in Go;
// botocore refuses such files.
func parse(text []byte) []section {
	var (
		file    []section
		current = -1 // index in file; none before the first header
		last    = -1 // index in its settings
		margin  int  // the last setting's indentation
	)
	for line := range strings.FieldsFuncSeq(strings.TrimPrefix(string(text), "\ufeff"), isNewline) {
		words := strings.TrimSpace(line)
		if words == "" || words[0] == '#' || words[0] == ';' {
			continue
		}
		if words[0] == '[' {
			name := header(words)
			file, current = place(file, section{name: name}, func(s section) bool { return s.name == name })
			last = -1
			continue
		}
		s, ok := assignment(words)
		if current < 0 || !ok {
			continue
		}
		settings := &file[current].settings
		indent := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
		if last >= 0 && indent > margin {
			(*settings)[last].nested = append((*settings)[last].nested, s)
			continue
		}
		*settings, last = place(*settings, s, func(other setting) bool { return other.name == s.name })
		(*settings)[last], margin = s, indent
	}
	return file
}

// place returns list with v in it, unless it has one that is the same, and the
// index of that.
func place[T any](list []T, v T, same func(T) bool) ([]T, int) {
	if i := slices.IndexFunc(list, same); i >= 0 {
		return list, i
	}
	return append(list, v), len(list)
}

// isNewline: Python and .NET end a line at a carriage return alone as well.
func isNewline(r rune) bool { return r == '\n' || r == '\r' }

// header reads "[profile x] # comment". It returns "" for a header that the
// SDKs would not agree on: what follows could be any section's, and Go takes it
// for the section's before.
func header(line string) string {
	name, rest, closed := strings.Cut(line[1:], "]")
	rest = comment.ReplaceAllString(rest, "")
	name = strings.Join(strings.Fields(name), " ")
	if !closed || strings.TrimSpace(rest) != "" || !printable(name) || strings.ContainsAny(name, "[#;") {
		return ""
	}
	return name
}

// assignment reads "name = value" and "name: value". Python's RawConfigParser,
// with which botocore reads the files, and Go take whichever comes first.
func assignment(line string) (setting, bool) {
	i := strings.IndexAny(line, "=:")
	if i < 0 {
		return setting{}, false
	}
	return setting{
		name:  strings.ToLower(strings.TrimSpace(line[:i])),
		value: strings.TrimSpace(comment.ReplaceAllString(line[i+1:], "")),
	}, true
}

// printable tells whether s has nothing in it that some parser could take for
// the end of a line: vertical tabs, U+0085, U+2028, broken UTF-8.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) })
}
