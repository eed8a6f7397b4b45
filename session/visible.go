package session

import (
	"strconv"
	"strings"
	"unicode"
)

// Visible returns s with whatever does not print written as an escape, line ends
// included. Messages quote files, AWS and other programs, and what those hold
// must not move the cursor of whoever reads them, forge a line of the log, or
// turn the direction of the text.
func Visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool { return !unicode.IsPrint(r) }
