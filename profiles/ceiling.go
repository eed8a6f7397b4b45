package profiles

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/session"
)

// beyond says what is below c and above limit, or may be; nothing where there is
// certainly none. alone says that c is the only ceiling.
func (c ceiling) beyond(limit ceiling, alone bool) (why []string) {
	if c.inline == limit.inline && slices.Equal(c.managed, limit.managed) {
		return nil
	}
	for _, arn := range c.managed {
		if !slices.Contains(limit.managed, arn) {
			why = append(why, fmt.Sprintf("lets through what %s allows, which %s may not", arn, limit.profile))
		}
	}
	for _, arn := range limit.managed {
		if !slices.Contains(c.managed, arn) {
			why = append(why, fmt.Sprintf("lets through what %s may deny %s", arn, limit.profile))
		}
	}
	if len(why) > 0 {
		return why
	}
	mine, theirs, back, ok := comparable(c.inline, limit.inline)
	// What a managed policy allows, a Deny of limit's takes away from limit alone.
	if !ok || len(limit.managed) > 0 && denies(theirs) {
		return []string{"cannot be compared with " + limit.profile + ": exceptions stand beside templates, or beside managed policies"}
	}
	d := policy.Diff(mine, theirs)
	for _, change := range d.OnlyA {
		change.Certain = change.Certain && alone && len(c.managed) == 0
		why = append(why, back.Replace(inOneLine(change, limit.profile)))
	}
	if d.Incomplete && len(why) == 0 {
		why = append(why, "cannot be compared with "+limit.profile+": the policies are too large")
	}
	return why
}

// inOneLine says what a change lets through.
func inOneLine(change policy.Change, other string) string {
	verb := "lets"
	if !change.Certain {
		verb = "may let"
	}
	line := fmt.Sprintf("%s through %s on %s", verb, session.Visible(change.Action), session.Visible(change.Resource))
	if change.Conditional {
		line += " under a condition"
	}
	if e := change.Example; e != nil && strings.Contains(change.Reason, "a part") {
		return line + fmt.Sprintf(", of which %s lets through a part (but not %s on %s)", other, session.Visible(e.Action), session.Visible(e.Resource))
	}
	return line + ", which " + other + " does not"
}

// comparable returns two policies for policy.Diff, and what turns its words back
// into those of the policies. With templates they can only be compared where it makes
// no difference who the sessions are for: where neither has anything that lets less
// through for one value than for another. That "{{user}}'s" is within "all but
// john's" is right for everybody but john.
func comparable(a, b string) (mine, theirs []policy.Named, back *strings.Replacer, ok bool) {
	var first, second error
	templates, u := templated(a+b), unlikely{text: strings.ToLower(a + b)}
	if templates {
		a, first = renderPolicy(a, u.value)
		b, second = renderPolicy(b, u.value)
	}
	mine, ok = documentsOf(a)
	theirs, also := documentsOf(b)
	if ok = ok && also && first == nil && second == nil; ok && templates {
		ok = positive(a, mine) && positive(b, theirs) && !denies(theirs)
	}
	return mine, theirs, strings.NewReplacer(u.back...), ok
}

// unlikely has values for templates that stand for themselves alone: none is in the
// text, or in another.
type unlikely struct {
	text string
	back []string
}

func (u *unlikely) value(name string) (string, error) {
	value := "zqx" + name
	for strings.Contains(u.text, value) {
		value += "x"
	}
	u.back = append(u.back, value, "{{"+name+"}}")
	return value, nil
}

// documentsOf returns a policy as Diff takes it; "" is none.
func documentsOf(text string) (all []policy.Named, ok bool) {
	if text == "" {
		return nil, true
	}
	document, err := policy.Parse([]byte(text))
	return []policy.Named{{Name: "policy", Document: document}}, err == nil
}

// assertive are the operators whose conditions more values meet, and never fewer.
var assertive = regexp.MustCompile(`(?i)^(ForAnyValue:)?(StringEquals(IgnoreCase)?|StringLike|ArnEquals|ArnLike|Bool|IpAddress)$`)

// positive reports whether a policy says only what it applies to, and not what it
// does not, or how long that is.
func positive(text string, documents []policy.Named) bool {
	for _, d := range documents {
		if strings.Contains(text, "?") {
			return false
		}
		for _, s := range d.Document.Statements {
			if len(s.NotActions)+len(s.NotResources) > 0 || slices.ContainsFunc(s.Conditions, func(c policy.Condition) bool { return !assertive.MatchString(c.Operator) }) {
				return false
			}
		}
	}
	return true
}

// denies reports whether one of the documents has a Deny.
func denies(documents []policy.Named) bool {
	return slices.ContainsFunc(documents, func(d policy.Named) bool {
		return slices.ContainsFunc(d.Document.Statements, func(s policy.Statement) bool { return !s.Allow })
	})
}
