package policy

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// valueType is what an operator compares, for the check of its values.
type valueType struct {
	// name and example go into messages: "ten" is no number.
	name, example string
	// valid reports whether a value of a policy can match anything.
	valid func(string) bool
}

var (
	anyText   = valueType{"string", "", func(string) bool { return true }}
	numbers   = valueType{"number", "10", func(s string) bool { _, ok := parseNumber(s); return ok }}
	dates     = valueType{"date", "2026-11-21T00:00:00Z", func(s string) bool { _, ok := parseDate(s); return ok }}
	booleans  = valueType{"boolean", "true or false", func(s string) bool { return isBool(s, true) || isBool(s, false) }}
	binaries  = valueType{"base64 text", "QmluYXJ5", func(s string) bool { _, ok := parseBinary(s); return ok }}
	addresses = valueType{"IP address or range", "203.0.113.0/24", func(s string) bool { _, ok := parseRange(s); return ok }}
	arns      = valueType{"ARN", "arn:aws:s3:::bucket", func(s string) bool { return s == "*" || strings.Count(s, ":") >= 5 }}
)

// What a comparison of two values must give.
func equal(c int) bool          { return c == 0 }
func less(c int) bool           { return c < 0 }
func lessOrEqual(c int) bool    { return c <= 0 }
func greater(c int) bool        { return c > 0 }
func greaterOrEqual(c int) bool { return c >= 0 }

func numeric(is func(int) bool) func(*evaluation, string, string) bool {
	return func(_ *evaluation, wanted, value string) bool {
		w, ok := parseNumber(wanted)
		v, ok2 := parseNumber(value)
		return ok && ok2 && is(v.Cmp(w))
	}
}

// parseNumber reads "an integer or decimal value" exactly. An exponent is
// refused: 1e999999999 would be a number of a gigabyte.
func parseNumber(s string) (*big.Rat, bool) {
	if s == "" || len(s) > 64 || strings.Trim(s, "+-.0123456789") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

func date(is func(int) bool) func(*evaluation, string, string) bool {
	return func(_ *evaluation, wanted, value string) bool {
		w, ok := parseDate(wanted)
		v, ok2 := parseDate(value)
		return ok && ok2 && is(v.Compare(w))
	}
}

// The W3C profile of ISO 8601. Go reads fractions of a second wherever there
// are seconds. A time without a zone is read as UTC.
var dateLayouts = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00",
	"2006-01-02T15:04", "2006-01-02", "2006-01", "2006"}

// parseDate reads ISO 8601 or seconds since 1970. Four digits are a year.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	// 18 digits are enough for ever; near 2^63 the arithmetic of time would
	// wrap around.
	seconds, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(seconds, 0), err == nil && len(s) <= 18
}

func boolEquals(_ *evaluation, wanted, value string) bool {
	return isBool(wanted, true) && isBool(value, true) || isBool(wanted, false) && isBool(value, false)
}

func isBool(s string, b bool) bool { return strings.EqualFold(s, strconv.FormatBool(b)) }

func binaryEquals(_ *evaluation, wanted, value string) bool {
	w, ok := parseBinary(wanted)
	v, ok2 := parseBinary(value)
	return ok && ok2 && bytes.Equal(w, v)
}

func parseBinary(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	return b, err == nil
}

func inRange(_ *evaluation, wanted, value string) bool {
	w, ok := parseRange(wanted)
	v, err := netip.ParseAddr(value)
	// Contains is false for an IPv4 address that is written as IPv6.
	return ok && err == nil && w.Contains(v.Unmap())
}

// parseRange reads a CIDR range; an address alone is a range of one.
func parseRange(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}
