package audit

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// cut bounds what a stranger can put into a line.
const cut = 200

// A line is written by hand because it is on the path of every request: a tenth
// of the time of encoding/json, and nothing allocated.

// head writes the beginnings of lines. The second that came last it knows by
// heart.
type head struct {
	second int64
	text   []byte // `{"time":"2026-11-22T10:11:12`
}

// append appends a line's beginning, its time in UTC with milliseconds.
func (h *head) append(b []byte, t time.Time) []byte {
	if second := t.Unix(); second != h.second || h.text == nil {
		h.second, h.text = second, appendSecond(append(h.text[:0], `{"time":"`...), t)
	}
	return appendMillis(append(b, h.text...), t)
}

// appendRest appends what follows the line's number.
func appendRest(b []byte, e *Event) []byte {
	b = appendField(b, `,"path":`, clip(e.Path))
	b = appendField(b, `,"endpoint":`, e.Endpoint)
	b = appendField(b, `,"listen":`, e.Listen)
	b = appendField(b, `,"app":`, e.App)
	b = appendField(b, `,"how":`, e.How)
	b = appendField(b, `,"user":`, e.User)
	if e.UID != "" {
		b = append(append(b, `,"uid":`...), e.UID...)
	}
	b = appendField(b, `,"token":`, e.TokenID)
	if e.PID != 0 {
		b = strconv.AppendInt(append(b, `,"pid":`...), int64(e.PID), 10)
	}
	b = appendField(b, `,"exe":`, e.Exe)
	b = appendField(b, `,"unit":`, e.Unit)
	b = appendField(b, `,"container":`, e.Container)
	b = appendField(b, `,"from":`, e.From)
	if e.Narrowed {
		b = append(b, `,"narrowed":true`...)
	}
	b = appendField(b, `,"profile":`, e.Profile)
	b = appendField(b, `,"role":`, e.RoleARN)
	b = appendField(b, `,"session":`, e.SessionName)
	if e.KeyID != "" {
		b = appendField(b, `,"key":`, e.KeyID)
		b = appendTime(append(b, `,"expires":`...), e.Expires)
		b = strconv.AppendBool(append(b, `,"minted":`...), e.Minted)
	}
	b = strconv.AppendInt(append(b, `,"status":`...), int64(e.Status), 10)
	b = appendField(b, `,"code":`, e.Code)
	b = appendField(b, `,"message":`, e.Message)
	b = appendField(b, `,"hint":`, e.Hint)
	b = appendField(b, `,"near":`, e.Near)
	if e.Unrecorded > 0 {
		b = strconv.AppendUint(append(b, `,"unrecorded":`...), e.Unrecorded, 10)
	}
	b = appendField(b, `,"agent":`, clip(e.Agent))
	return append(b, "}\n"...)
}

// appendField appends a key, given as it stands in the line, and its value, or
// nothing for an empty value.
func appendField(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, key...), value)
}

// appendTime appends t in UTC with milliseconds, always as many characters.
func appendTime(b []byte, t time.Time) []byte {
	return appendMillis(appendSecond(append(b, '"'), t), t)
}

// appendSecond appends t's second. It goes by way of RFC 3339 because the time
// package writes that form, and no other, in a fifth of the time.
func appendSecond(b []byte, t time.Time) []byte {
	b = t.UTC().AppendFormat(b, time.RFC3339)
	return b[:len(b)-len("Z")]
}

// appendMillis appends what follows t's second.
func appendMillis(b []byte, t time.Time) []byte {
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z', '"')
}

// clip returns at most the first cut bytes of s, without a part of a rune at
// their end.
func clip(s string) string {
	if len(s) <= cut {
		return s
	}
	for start := cut - 1; start > cut-utf8.UTFMax; start-- {
		if _, size := utf8.DecodeRuneInString(s[start:]); size > cut-start {
			return s[:start]
		}
	}
	return s[:cut]
}

// appendString appends s as a JSON string. Whatever does not print is escaped,
// more than JSON asks for: people read this file with cat and tail, and a
// User-Agent must not move their cursor, rename their window, or turn the
// direction of the text. Bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0 // of what is yet to be copied
	for i := plainEnd(s, 0); i < len(s); i = plainEnd(s, i) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r >= utf8.RuneSelf && strconv.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		b = appendEscape(append(b, s[start:i]...), r)
		i += size
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// plainEnd returns where the characters end, from i on, that stand for
// themselves: the whole of nearly every text.
func plainEnd(s string, i int) int {
	for ; i < len(s); i++ {
		if !plain[s[i]] {
			break
		}
	}
	return i
}

// plain are the characters that stand for themselves: printable ASCII without
// the two that JSON escapes.
var plain = func() (set [256]bool) {
	for c := ' '; c <= '~'; c++ {
		set[c] = c != '"' && c != '\\'
	}
	return set
}()

// appendEscape appends r escaped.
func appendEscape(b []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	switch {
	case r == '"' || r == '\\':
		return append(b, '\\', byte(r))
	case r > 0xFFFF: // JSON escapes are of UTF-16
		r -= 0x10000
		return appendEscape(appendEscape(b, 0xD800+r>>10), 0xDC00+r&0x3FF)
	}
	return append(b, '\\', 'u', hex[r>>12&0xF], hex[r>>8&0xF], hex[r>>4&0xF], hex[r&0xF])
}
