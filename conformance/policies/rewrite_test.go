//go:build policies

package policies

import (
	"encoding/base64"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/policy"
)

// rewrites are how the simulator is known to read what policy reads otherwise,
// by the name of the verdict that says who is right: each changes a case so
// that policy, asked about the changed one, must say what the simulator says
// about the original. They are applied in this order.
var rewrites = []struct {
	verdict string
	apply   func(*testCase)
}{
	{"old-versions-have-no-variables", func(c *testCase) {
		for _, d := range c.documents() {
			d.Version = "2012-10-17"
		}
	}},
	{"last-wildcard-crosses-colons", func(c *testCase) { c.patterns(staysInPart) }},
	{"wildcards-in-resource-types", func(c *testCase) { c.patterns(literalType) }},
	{"variables-without-value-in-not-resource", notResourceWithoutValue},
	{"values-that-are-empty", emptyVariables},
	{"several-values-without-set-operator", perCondition(neverForSeveral)},
	{"special-variables-in-equals", perCondition(literalSpecials)},
	{"any-value-if-exists", perCondition(anyIgnoresIfExists)},
	{"variables-without-value-in-negations", perCondition(neverWithoutValue)},
	{"values-that-are-none", perCondition(neverForNoValues)},
	{"values-that-are-no-arn", perCondition(comparesARNs)},
	{"seconds-since-1970", perCondition(milliseconds)},
	{"spellings-of-addresses", perCondition(addressesAsText)},
	{"all-of-ipv4", perCondition(allIsNone)},
	{"empty-values-for-all", perCondition(emptyCounts)},
	{"binary-values", perCondition(binaryAsText)},
}

// nothing matches no request and no value.
const nothing = "arn:aws:none:::none"

// rewritten returns a copy of a case as a rewrite leaves it.
func (c testCase) rewritten(t testing.TB, apply func(*testCase)) testCase {
	t.Helper()
	copied := c.clone(t)
	apply(&copied)
	return copied
}

// patterns calls f for each pattern of a resource, and keeps what it returns.
func (c *testCase) patterns(f func(pattern, resource string) string) {
	for _, d := range c.documents() {
		for i := range d.Statement {
			for _, list := range [][]string{d.Statement[i].Resource, d.Statement[i].NotResource} {
				for j, pattern := range list {
					list[j] = f(pattern, c.Resource)
				}
			}
		}
	}
}

// staysInPart: the simulator compares part by part.
func staysInPart(pattern, resource string) string {
	if strings.Count(pattern, ":") < 5 || strings.Count(resource, ":") < 5 || samePart(pattern, resource, 5) {
		return pattern
	}
	return nothing
}

// samePart reports whether the first n parts of two ARNs match one by one.
func samePart(pattern, arn string, n int) bool {
	wanted, got := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	for i := range n {
		if len(wanted) < 6 || len(got) < 6 || !policy.Match(wanted[i], got[i]) {
			return false
		}
	}
	return true
}

// literalType: the simulator has no wildcards and variables in the type of a
// resource, which is all of the last part up to its first slash or colon, but
// for the buckets and objects of S3.
func literalType(pattern, resource string) string {
	wanted, got := strings.SplitN(pattern, ":", 6), strings.SplitN(resource, ":", 6)
	if len(wanted) < 6 || len(got) < 6 || wanted[2] == "s3" && wanted[3] == "" && wanted[4] == "" {
		return pattern
	}
	end := strings.IndexAny(wanted[5], "/:") + 1
	if !strings.HasPrefix(got[5], wanted[5][:end]) {
		return nothing
	}
	return pattern
}

// emptyVariables: to the simulator a variable whose value is empty is a text
// that nothing is like, or its default.
func emptyVariables(c *testCase) {
	for name, values := range c.values() {
		if len(values) != 1 || values[0] != "" || isMany(name) {
			continue
		}
		change := func(text string) string {
			return changeVariables(text, func(key, rest string) string {
				switch {
				case !strings.EqualFold(key, name):
					return "${" + key + rest + "}"
				case rest != "":
					return "${aws:PrincipalTag/none" + rest + "}"
				default:
					return "\u00a1"
				}
			})
		}
		c.patterns(func(pattern, _ string) string { return change(pattern) })
		c.conditions(func(_ *document, operator, key string, values []string) (string, string, []string) {
			for i := range values {
				values[i] = change(values[i])
			}
			return operator, key, values
		})
	}
}

// changeVariables replaces each variable of a text by what f returns for its
// key and the rest of it, which is its default.
func changeVariables(text string, f func(key, rest string) string) string {
	before, after, ok := strings.Cut(text, "${")
	if !ok {
		return text
	}
	inner, after, _ := strings.Cut(after, "}")
	key, rest := inner, ""
	if i := strings.Index(inner, ","); i >= 0 {
		key, rest = inner[:i], inner[i:]
	}
	return before + f(key, rest) + changeVariables(after, f)
}

// value returns that of a variable; several values are none.
func (c *testCase) value(key string) (string, bool) {
	for k, v := range c.values() {
		if strings.EqualFold(k, key) {
			return strings.Join(v, ""), len(v) == 1 && !isMany(key)
		}
	}
	return "", strings.Contains("*?$", key)
}

// isMany reports whether a key may have several values.
func isMany(name string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return k.many && strings.EqualFold(k.name, name) })
}

// lacksValue reports whether a text has a variable that has none.
func (c *testCase) lacksValue(text string) (lacks bool) {
	changeVariables(text, func(key, rest string) string {
		_, ok := c.value(key)
		lacks = lacks || !ok && rest == ""
		return ""
	})
	return lacks
}

// notResourceWithoutValue: to the simulator a statement does not apply where a
// variable of its NotResource has no value.
func notResourceWithoutValue(c *testCase) {
	for _, d := range c.documents() {
		for i := range d.Statement {
			s := &d.Statement[i]
			if c.Resource != "*" && slices.ContainsFunc(s.NotResource, c.lacksValue) {
				s.NotResource = []string{"*"}
			}
		}
	}
}

// condition is one condition with the values that the request has for its key.
type condition struct {
	set, base string
	ifExists  bool
	values    []string
	// got is nil for an absent key; many says that the key is one of those
	// with several values.
	got  []string
	many bool
	// lacksValue reports whether a text has a variable that has none.
	lacksValue func(text string) bool
}

func (c condition) negated() bool { return strings.Contains(c.base, "Not") }

// never makes a condition one that does not hold.
func (c *condition) never() { c.set, c.base, c.ifExists, c.got = "", "StringEquals", false, nil }

// perCondition makes a rewrite of one that changes conditions one by one. A
// condition that is changed gets a key of its own, so that no other one
// changes with it.
func perCondition(change func(*condition)) func(*testCase) {
	return func(c *testCase) {
		context := c.values()
		lookup := func(name string) (values []string) {
			for k, v := range context {
				if strings.EqualFold(k, name) {
					values = v
				}
			}
			return values
		}
		c.conditions(func(_ *document, operator, name string, values []string) (string, string, []string) {
			one := condition{base: operator, values: slices.Clone(values), got: slices.Clone(lookup(name))}
			if set, base, ok := strings.Cut(operator, ":"); ok {
				one.set, one.base = set+":", base
			}
			one.base, one.ifExists = strings.CutSuffix(one.base, "IfExists")
			one.many = isMany(name) || len(one.got) > 1
			one.lacksValue = c.lacksValue
			before := one
			before.values, before.got = slices.Clone(one.values), slices.Clone(one.got)
			if change(&one); one.same(before) {
				return operator, name, values
			}
			c.own++
			name = "aws:PrincipalTag/own" + strconv.Itoa(c.own)
			if one.got != nil {
				c.Context[name] = one.got
			}
			if operator = one.set + one.base; one.ifExists {
				operator += "IfExists"
			}
			return operator, name, one.values
		})
	}
}

func (c condition) same(d condition) bool {
	return c.set == d.set && c.base == d.base && c.ifExists == d.ifExists && slices.Equal(c.values, d.values) && slices.Equal(c.got, d.got)
}

func literalSpecials(c *condition) {
	if strings.HasPrefix(c.base, "String") && strings.Contains(c.base, "Equals") {
		for i, v := range c.values {
			for _, special := range []string{"*", "?", "$"} {
				v = strings.ReplaceAll(v, "${"+special+"}", "\x00"+special)
			}
			c.values[i] = strings.NewReplacer("\x00*", "${$}{*}", "\x00?", "${$}{?}", "\x00$", "${$}{$}").Replace(v)
		}
	}
}

func neverForSeveral(c *condition) {
	if c.many && c.set == "" && c.base != "Null" && c.got != nil {
		c.never()
	}
}

func anyIgnoresIfExists(c *condition) {
	if c.set == "ForAnyValue:" {
		c.ifExists = false
	}
}

// neverWithoutValue: to the simulator a negated operator does not hold where a
// variable has no value.
func neverWithoutValue(c *condition) {
	compared := func(v string) bool { // an ARN is given up at the first part that differs
		return strings.HasPrefix(c.base, "String") || strings.HasPrefix(c.base, "Arn") && slices.ContainsFunc(c.got, func(g string) bool { return samePart(v, g, 5) })
	}
	if c.negated() && c.got != nil && slices.ContainsFunc(c.values, func(v string) bool { return c.lacksValue(v) && compared(v) }) {
		c.never()
	}
}

// neverForNoValues: to the simulator a negated operator does not hold where
// one of the two is no value of its type.
func neverForNoValues(c *condition) {
	valid := map[string]func(string) bool{
		"NumericNotEquals": func(s string) bool { _, err := strconv.ParseFloat(s, 64); return err == nil },
		"DateNotEquals":    func(s string) bool { return isDate(s) },
		"NotIpAddress":     func(s string) bool { return isAddress(s) },
		"ArnNotEquals":     func(s string) bool { return strings.Count(s, ":") >= 5 },
		"ArnNotLike":       func(s string) bool { return strings.Count(s, ":") >= 5 },
	}[c.base]
	if valid == nil || c.got == nil {
		return
	}
	invalid := func(s string) bool { return !valid(s) }
	// A plain address of one family is, to the simulator, of no type that
	// could be compared with the other family's.
	other := func(v string) bool {
		return c.base == "NotIpAddress" && !strings.Contains(v, "/") && slices.ContainsFunc(c.got, func(g string) bool {
			return strings.Contains(g, ":") != strings.Contains(v, ":")
		})
	}
	if slices.ContainsFunc(c.values, invalid) || slices.ContainsFunc(c.values, other) {
		c.never()
		return
	}
	if slices.ContainsFunc(c.got, invalid) {
		c.never()
	}
}

func isDate(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil || len(s) >= 7 && s[4] == '-'
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	_, err2 := netip.ParsePrefix(s)
	return err == nil || err2 == nil
}

// comparesARNs: to the simulator nothing matches an ARN but an ARN.
func comparesARNs(c *condition) {
	if c.base == "ArnEquals" || c.base == "ArnLike" {
		for i, v := range c.values {
			if strings.Count(v, ":") < 5 {
				c.values[i] = nothing
			}
		}
	}
}

// milliseconds: the simulator counts a date that is a number in milliseconds.
func milliseconds(c *condition) {
	if !strings.HasPrefix(c.base, "Date") {
		return
	}
	for _, list := range [][]string{c.values, c.got} {
		for i, v := range list {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				list[i] = time.UnixMilli(n).UTC().Format(time.RFC3339Nano)
			}
		}
	}
}

// addressesAsText: the simulator compares plain addresses as texts.
func addressesAsText(c *condition) {
	if c.base != "IpAddress" && c.base != "NotIpAddress" {
		return
	}
	for i, v := range c.values {
		wanted, err := netip.ParseAddr(v)
		for _, g := range c.got {
			if got, err2 := netip.ParseAddr(g); err == nil && err2 == nil && wanted == got && v != g {
				c.values[i] = "2001:db8:ffff::1"
			}
		}
	}
}

// allIsNone: the simulator shifts by 32 bits, which JavaScript does not.
func allIsNone(c *condition) {
	if c.base == "IpAddress" || c.base == "NotIpAddress" {
		for i, v := range c.values {
			if v == "0.0.0.0/0" {
				c.values[i] = "0.0.0.0/32"
			}
		}
	}
}

func binaryAsText(c *condition) {
	if c.base != "BinaryEquals" {
		return
	}
	for _, list := range [][]string{c.values, c.got} {
		for i, v := range list {
			list[i] = base64.StdEncoding.EncodeToString([]byte(v))
		}
	}
}

// emptyCounts: to the simulator an empty value is one like any other.
func emptyCounts(c *condition) {
	if c.set != "ForAllValues:" || !slices.Contains(c.got, "") {
		return
	}
	for _, list := range [][]string{c.values, c.got} {
		for i, v := range list {
			if v == "" {
				list[i] = "\u00a0"
			}
		}
	}
}
