package policy

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// checkCharacters reports what STS refuses before it looks at the JSON: the
// text must match [\u0009\u000A\u000D\u0020-\u00FF]+ (STS API reference,
// Policy parameter). Each character is reported once, where it first stands.
func (s *source) checkCharacters() {
	const most = 5
	first := map[rune]int{}
	curly, quotes := -1, 0
	for i, r := range s.text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s.text[i:], "\ufffd"):
			s.reportByte(i, first)
		case r == '\ufeff' && i == 0:
			s.report("P001", Error, 0, "", "the text begins with a byte order mark (U+FEFF)", "save the file as UTF-8 without BOM")
		case isCurly(r):
			if quotes++; curly < 0 {
				curly = i
			}
		case !permitted(r):
			if _, seen := first[r]; !seen && len(first) < most {
				first[r] = i
				s.report("P001", Error, i, "",
					"the character "+named(r)+" is not in the set that STS accepts: tab, line feed, carriage return and U+0020 to U+00FF",
					"do without it, or write it in a string as "+escaped(r))
			}
		}
	}
	if quotes > 0 {
		r, _ := utf8.DecodeRuneInString(s.text[curly:])
		s.reportCurly(curly, named(r), quotes)
	}
}

// permitted reports whether STS accepts a character in the text of a policy.
func permitted(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || ' ' <= r && r <= '\u00ff'
}

func (s *source) reportCurly(at int, name string, count int) {
	if count > 1 {
		name += fmt.Sprintf(", the first of %d", count)
	}
	s.report("P001", Error, at, "", fmt.Sprintf("curly quote %s: pasted from a web page or word processor", name), `type straight quotes: "`)
}

// reportByte reports the first byte that is not UTF-8. Windows-1252, in which
// word processors on Windows write, has its curly quotes at 0x91 to 0x94.
func (s *source) reportByte(at int, first map[rune]int) {
	if _, seen := first[utf8.RuneError]; seen {
		return
	}
	first[utf8.RuneError] = at
	b := s.text[at]
	if 0x91 <= b && b <= 0x94 {
		s.reportCurly(at, fmt.Sprintf("0x%02x of Windows-1252", b), 1)
		return
	}
	s.report("P001", Error, at, "", fmt.Sprintf("the byte 0x%02x is not UTF-8", b), "save the file as UTF-8")
}

// named shows a character, if it can be seen, and its number.
func named(r rune) string {
	if q := fmt.Sprintf("%q", string(r)); !strings.Contains(q, `\`) {
		return fmt.Sprintf("%s (%U)", q, r)
	}
	return fmt.Sprintf("%U", r)
}

// escaped returns the JSON escape for a character.
func escaped(r rune) string {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return fmt.Sprintf(`\u%04x`, r)
}
