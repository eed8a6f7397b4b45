package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The quotes that word processors and web pages put in the place of straight
// ones, and the single ones of other languages.
const (
	curlyQuotes  = "“”„‟‘’‚‛″′"
	singleQuotes = "'`"
)

func isQuote(r rune) bool { return r == '"' || isCurly(r) || strings.ContainsRune(singleQuotes, r) }

func isCurly(r rune) bool { return r >= utf8.RuneSelf && strings.ContainsRune(curlyQuotes, r) }

// readString reads a string in whatever quotes. Only straight double ones are
// JSON: checkCharacters reports the curly ones, readString the single ones.
// A string that does not end on its line ends with it: more likely its closing
// quote is missing than that it was to hold all that follows.
func (p *parser) readString() string {
	start := p.at
	opening := p.peek()
	p.at += utf8.RuneLen(opening)
	if strings.ContainsRune(singleQuotes, opening) {
		p.once(start, "a string in single quotes, perhaps pasted from a web page or word processor", `type straight double quotes everywhere: "`)
	}
	// Nearly all strings: nothing in them has to be looked at twice.
	rest := p.text[p.at:]
	if end := strings.IndexAny(rest, "\"\\\n\r\t"); opening == '"' && end >= 0 && rest[end] == '"' && utf8.ValidString(rest[:end]) {
		p.at += end + 1
		return rest[:end]
	}
	var b strings.Builder
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		switch {
		case closes(opening, r):
			p.at += size
			return b.String()
		case r == '\\':
			p.readEscape(&b)
			continue
		case r == '\n' || r == '\r':
			p.syntax(start, "the string does not end on its line", `close it, or write \n for the line break`)
			return b.String()
		case r == '\t':
			p.once(p.at, "a tab inside a string", `write \t`)
		}
		b.WriteRune(r)
		p.at += size
	}
	p.stop(start, "the string is never closed", `add "`)
	return b.String()
}

// closes reports whether a string that one quote opened ends at another. Word
// processors turn one quote of a pair and not the other, and within straight
// quotes a curly one is a character like any other.
func closes(opening, r rune) bool {
	switch {
	case isCurly(opening):
		return r == '"' || isCurly(r)
	default:
		return r == opening
	}
}

// readEscape reads a backslash and what belongs to it.
func (p *parser) readEscape(b *strings.Builder) {
	start := p.at
	p.at++
	c := p.peek()
	if i := strings.IndexRune(`"\/bfnrt`, c); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		p.at++
		return
	}
	if r, ok := p.hex(); c == 'u' && ok {
		p.at += len("u0000")
		b.WriteRune(p.pair(start, r))
		return
	}
	if c == 'u' {
		p.syntax(start, `\u without four hexadecimal digits`, `such as \u20ac`)
		return
	}
	p.syntax(start, "a backslash before "+p.found()+": JSON has no such escape", `write \\ for a backslash`)
}

// hex reads the digits of \u0000 at the u.
func (p *parser) hex() (rune, bool) {
	if len(p.text) < p.at+5 {
		return 0, false
	}
	u, err := strconv.ParseUint(p.text[p.at+1:p.at+5], 16, 16)
	return rune(u), err == nil
}

// pair returns the character that an escape spells, alone or with the one
// that follows. Half a character is for STS to judge: JSON allows it.
func (p *parser) pair(start int, r rune) rune {
	if !utf16.IsSurrogate(r) {
		return r
	}
	if strings.HasPrefix(p.text[p.at:], `\u`) {
		p.at++
		if second, ok := p.hex(); ok {
			if whole := utf16.DecodeRune(r, second); whole != utf8.RuneError {
				p.at += len("u0000")
				return whole
			}
		}
		p.at--
	}
	p.report("P001", Warning, start, "", fmt.Sprintf(`\u%04x is half a character`, r), "write both halves, or neither")
	return utf8.RuneError
}

// space skips what JSON calls white space, and what people take for it: pasted
// text is indented with no-break spaces, and has some of no width at all.
func (p *parser) space() {
	for p.at < len(p.text) && !p.dead {
		switch r, size := utf8.DecodeRuneInString(p.text[p.at:]); {
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			p.at += size
		case r == '\u00a0':
			p.once(p.at, "a no-break space (U+00A0) outside a string, pasted from a web page or word processor",
				"type ordinary spaces")
			p.at += size
		case r == '\ufeff' || '\u2000' <= r && r <= '\u200f':
			p.at += size // checkCharacters has reported it
		case r == '#' || r == '/':
			p.comment(r)
		default:
			return
		}
	}
}

func (p *parser) comment(r rune) {
	end, skip := "\n", 0
	if strings.HasPrefix(p.text[p.at:], "/*") {
		end, skip = "*/", len("*/")
	} else if r == '/' && !strings.HasPrefix(p.text[p.at:], "//") {
		p.stop(p.at, `"/" where a value, a comma or a bracket should be`, "")
		return
	}
	p.syntax(p.at, "a comment: JSON has none", "remove it; Sid can name a statement")
	if i := strings.Index(p.text[p.at:], end); i >= 0 {
		p.at += i + skip
	} else {
		p.at = len(p.text)
	}
}
