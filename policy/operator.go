package policy

import (
	"strings"
)

// set says how an operator deals with several values of a request.
type set int

const (
	noSet set = iota
	forAllValues
	forAnyValue
)

// The prefixes and the suffix of an operator.
const (
	allPrefix      = "ForAllValues:"
	anyPrefix      = "ForAnyValue:"
	ifExistsSuffix = "IfExists"
)

// operator is a condition operator, taken apart.
type operator struct {
	comparison
	ifExists bool
	set      set
}

// comparison is what an operator does with one value.
type comparison struct {
	// match reports whether a value of the request matches one of the
	// policy's; for a negated operator, whether it matches the opposite.
	match   func(e *evaluation, wanted, value string) bool
	negated bool
	null    bool
	values  *valueType
}

// The comparisons (IAM user guide, "Condition operators", as of 2026-03: all
// of them). Names are case-sensitive.
var comparisons = map[string]comparison{
	"StringEquals":              {match: stringEquals, values: &anyText},
	"StringNotEquals":           {match: stringEquals, values: &anyText, negated: true},
	"StringEqualsIgnoreCase":    {match: stringEqualsIgnoreCase, values: &anyText},
	"StringNotEqualsIgnoreCase": {match: stringEqualsIgnoreCase, values: &anyText, negated: true},
	"StringLike":                {match: stringLike, values: &anyText},
	"StringNotLike":             {match: stringLike, values: &anyText, negated: true},

	"NumericEquals":            {match: numeric(equal), values: &numbers},
	"NumericNotEquals":         {match: numeric(equal), values: &numbers, negated: true},
	"NumericLessThan":          {match: numeric(less), values: &numbers},
	"NumericLessThanEquals":    {match: numeric(lessOrEqual), values: &numbers},
	"NumericGreaterThan":       {match: numeric(greater), values: &numbers},
	"NumericGreaterThanEquals": {match: numeric(greaterOrEqual), values: &numbers},

	"DateEquals":            {match: date(equal), values: &dates},
	"DateNotEquals":         {match: date(equal), values: &dates, negated: true},
	"DateLessThan":          {match: date(less), values: &dates},
	"DateLessThanEquals":    {match: date(lessOrEqual), values: &dates},
	"DateGreaterThan":       {match: date(greater), values: &dates},
	"DateGreaterThanEquals": {match: date(greaterOrEqual), values: &dates},

	"Bool":         {match: boolEquals, values: &booleans},
	"BinaryEquals": {match: binaryEquals, values: &binaries},
	"IpAddress":    {match: inRange, values: &addresses},
	"NotIpAddress": {match: inRange, values: &addresses, negated: true},

	"ArnEquals":    {match: arnLike, values: &arns},
	"ArnLike":      {match: arnLike, values: &arns},
	"ArnNotEquals": {match: arnLike, values: &arns, negated: true},
	"ArnNotLike":   {match: arnLike, values: &arns, negated: true},

	"Null": {null: true, values: &booleans},
}

// parseOperator takes an operator's name apart. It reports false for one that
// AWS does not have, NullIfExists among them.
func parseOperator(name string) (operator, bool) {
	var o operator
	if rest, ok := strings.CutPrefix(name, allPrefix); ok {
		name, o.set = rest, forAllValues
	} else if rest, ok := strings.CutPrefix(name, anyPrefix); ok {
		name, o.set = rest, forAnyValue
	}
	name, o.ifExists = strings.CutSuffix(name, ifExistsSuffix)
	c, ok := comparisons[name]
	o.comparison = c
	return o, ok && !(c.null && o.ifExists)
}

// takesVariables reports whether AWS replaces variables in the operator's
// values: those of strings and ARNs (IAM user guide, "Variables and tags").
func (c comparison) takesVariables() bool { return c.values == &anyText || c.values == &arns }

func stringEquals(e *evaluation, wanted, value string) bool {
	return e.like(wanted, value, plain)
}

func stringEqualsIgnoreCase(e *evaluation, wanted, value string) bool {
	g, ok := e.compile(wanted, plain)
	return ok && g.folded().covers(characters(nil, value).folded())
}

func stringLike(e *evaluation, wanted, value string) bool {
	return e.like(wanted, value, anywhere)
}

func arnLike(e *evaluation, wanted, value string) bool {
	return wanted == "*" || e.like(wanted, value, inARN)
}

func (e *evaluation) like(wanted, value string, w wildcards) bool {
	g, ok := e.compile(wanted, w)
	if !ok {
		return false
	}
	var buffer [128]rune
	return g.covers(characters(buffer[:0], value))
}
