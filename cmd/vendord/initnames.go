package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vendord/vendord/profiles"
)

// firstNames gives out names that vendord.toml takes, each once for each kind of table.
type firstNames struct {
	taken map[string]bool // "sources.me"
	last  map[string]int  // the last number that was put behind a name
}

// free returns a name for a table that is to be called wanted, or as near to that as
// can be: the SDKs' files take blanks, slashes and what else people write.
func (n *firstNames) free(kind, wanted string) string {
	name := asName(wanted)
	if name == profiles.CLI && kind != "sources" {
		name = "aws-cli"
	}
	base := kind + "." + name
	for got := name; ; got = name[:min(len(name), 58)] + "-" + strconv.Itoa(n.last[base]) {
		if !n.taken[kind+"."+got] {
			n.taken[kind+"."+got] = true
			return got
		}
		n.last[base] = max(n.last[base], 1) + 1
	}
}

// asName puts a hyphen in place of what no name has (profiles: a letter or digit, then
// up to 63 letters, digits and . _ -).
func asName(text string) string {
	valid := func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)) {
			return r
		}
		return '-'
	}
	name := strings.TrimLeft(strings.Map(valid, text), "._-")
	name = strings.TrimRight(name[:min(len(name), 64)], "-")
	if name == "" {
		return "profile"
	}
	return name
}

// inTOML writes a text as a basic string of TOML, which takes every character but
// those that end a line or control a terminal.
func inTOML(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// tableName is a name as a part of a table's header: a dot would divide it.
func tableName(name string) string {
	if strings.Contains(name, ".") {
		return strconv.Quote(name)
	}
	return name
}
