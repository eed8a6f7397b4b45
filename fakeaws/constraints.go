package fakeaws

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The patterns of STS's parameters, as its service model (2011-06-15) and its
// messages have them. Go's \w is ASCII, like AWS's.
var (
	arnShape      = pattern("[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]+", "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u0085\\u00A0-\\uD7FF\\uE000-\\uFFFD\\u10000-\\u10FFFF]+")
	nameShape     = pattern(`[\w+=,.@-]*`, "")
	policyShape   = pattern("[\u0009\u000A\u000D\u0020-\u00FF]+", `[\u0009\u000A\u000D\u0020-\u00FF]+`)
	tagKeyShape   = pattern(`[\p{L}\p{Z}\p{N}_.:/=+\-@]+`, "")
	tagValueShape = pattern(`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, "")
	externalShape = pattern(`[\w+=,.@:\/-]*`, "")
	serialShape   = pattern(`[\w+=/:,.@-]*`, "")
	codeShape     = pattern(`[\d]*`, "")

	serialPattern = expr(`^[\w+=/:,.@-]{9,256}$`)
)

// shape is a pattern and the way in which AWS writes it in messages.
type shape struct {
	re   expression
	text string
}

// pattern compiles a shape; AWS's spelling is given where Go's differs.
func pattern(expression, text string) shape {
	if text == "" {
		text = expression
	}
	return shape{expr(`^(?:` + expression + `)$`), text}
}

// constraints collects what is wrong with the shapes of parameters: AWS reports
// all of them at once, and before it looks at what they mean.
type constraints struct{ problems []string }

// broken notes that a parameter breaks a constraint.
func (c *constraints) broken(name, value, constraint string) {
	c.problems = append(c.problems, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: %s", value, name, constraint))
}

// missing notes that something required is not there.
func (c *constraints) missing(name string) {
	c.problems = append(c.problems, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", name))
}

// required checks that a parameter is there.
func (c *constraints) required(f form, param string) {
	if _, ok := f.get(param); !ok {
		c.missing(lowerFirst(param))
	}
}

// member checks a required field of a member of a list.
func (c *constraints) member(fields map[string]string, field, name string, least, most int, s shape) {
	value, ok := fields[field]
	if !ok {
		c.missing(name)
		return
	}
	c.text(name, value, least, most, s)
}

// text checks a string that is there; lengths are in characters.
func (c *constraints) text(name, value string, least, most int, s shape) {
	n := utf8.RuneCountInString(value)
	if n < least {
		c.broken(name, value, fmt.Sprintf("Member must have length greater than or equal to %d", least))
	}
	if n > most {
		c.broken(name, value, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
	if !s.re.MatchString(value) {
		c.broken(name, value, "Member must satisfy regular expression pattern: "+s.text)
	}
}

// optional checks a parameter as text does, if it is there, and returns it.
func (c *constraints) optional(f form, param string, least, most int, s shape) string {
	value, ok := f.get(param)
	if ok {
		c.text(lowerFirst(param), value, least, most, s)
	}
	return value
}

// secret checks the length of a required parameter that no message may repeat,
// and returns it.
func (c *constraints) secret(f form, param string, least, most int) string {
	c.required(f, param)
	value, ok := f.get(param)
	n, name := utf8.RuneCountInString(value), lowerFirst(param)
	const at = "Value at '%s' failed to satisfy constraint: Member must have length "
	if ok && n < least {
		c.problems = append(c.problems, fmt.Sprintf(at+"greater than or equal to %d", name, least))
	}
	if ok && n > most {
		c.problems = append(c.problems, fmt.Sprintf(at+"less than or equal to %d", name, most))
	}
	return value
}

// number checks an integer, and returns it or what it is when not given.
func (c *constraints) number(f form, param string, least, most, otherwise int) int {
	value, ok := f.get(param)
	if !ok {
		return otherwise
	}
	// What AWS says of a text that is no number is not known; that it is a
	// ValidationError is.
	n, err := strconv.ParseInt(value, 10, 32)
	switch name := lowerFirst(param); {
	case err != nil:
		c.broken(name, value, "Member must be an integer")
	case n < int64(least):
		c.broken(name, value, fmt.Sprintf("Member must have value greater than or equal to %d", least))
	case n > int64(most):
		c.broken(name, value, fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
	return int(n)
}

// count checks the length of a list.
func (c *constraints) count(name string, n, most int) {
	if n > most {
		c.broken(name, fmt.Sprintf("[%d members]", n), fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
}

// failure returns the one ValidationError, or nil.
func (c *constraints) failure() *failure {
	if len(c.problems) == 0 {
		return nil
	}
	errors := "errors"
	if len(c.problems) == 1 {
		errors = "error"
	}
	return invalid("%d validation %s detected: %s", len(c.problems), errors, strings.Join(c.problems, "; "))
}

// invalid makes a ValidationError.
func invalid(format string, args ...any) *failure {
	return fail(http.StatusBadRequest, "ValidationError", format, args...)
}

// unlimited is the length of what has no maximum in the model.
const unlimited = math.MaxInt

// lowerFirst turns a parameter's name into the model's: RoleArn, roleArn.
func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
