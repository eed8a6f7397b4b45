package profiles

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/policy"
)

// group is the keys that are inherited together or not at all. Session policies
// are a union: a child that added one to its parent's would let through more
// than either says.
var group = []string{"policy", "policy_file", "statement", "policy_arns"}

// scopeGroup is likewise two ways to write one policy.
var scopeGroup = scopeKeys[:2]

// draft is a profile while it is being checked: its table, with what it
// inherits filled in.
type draft struct {
	profileTable
	name   string
	parent *draft
	// origin says which profile set a key, for problems to point there.
	origin map[string]string
	// broken is true where the chain of extends does not hold; what is
	// missing is then not reported as well.
	broken bool

	role      arn           // zero if there is none, or a wrong one
	from      *sourceTable  // its source; nil if there is none of the name
	operation string        // what STS is asked for; "" where that is not known
	verdict   verdict       // on the inline policy; zero if there is none
	scope     verdict       // on the scope policy; likewise
	length    time.Duration // of its sessions
	// copies are the managed policies whose text is at hand, by ARN.
	copies   map[string]*policy.Document
	generous *policy.Document // see lenient
	chain    chain
}

// at is the path of a key, in the profile that set it.
func (d *draft) at(key string) path {
	profile := d.name
	if from, ok := d.origin[key]; ok {
		profile = from
	}
	return path{"profiles", profile, key}
}

// where is the path of the first of keys that the profile itself sets, else
// that of the first: where a combination is wrong, it is wrong in the profile
// that made it.
func (d *draft) where(keys ...string) path {
	for _, key := range keys {
		if d.sets(key) {
			return d.at(key)
		}
	}
	return d.at(keys[0])
}

// sets reports whether the profile has a key of its own.
func (d *draft) sets(key string) bool { return d.origin[key] == d.name }

// narrowed reports whether the profile has a session policy.
func (d *draft) narrowed() bool { return slices.ContainsFunc(group, d.named) }

// draft returns the draft of a profile, after those that it extends. path has
// the profiles between, for cycles.
func (l *loader) draft(name string, between []string) *draft {
	if d, done := l.drafts[name]; done {
		return d
	}
	d := &draft{name: name, profileTable: *l.file.Profiles[name], origin: make(map[string]string)}
	d.keys = maps.Clone(d.keys)
	for key := range d.keys {
		d.origin[key] = name
	}
	if d.has("extends") {
		d.parent = l.parent(d, append(between, name))
		d.broken = d.parent == nil || d.parent.broken
	}
	if d.parent != nil {
		d.inherit(d.parent, l.fields.of(reflect.TypeFor[profileTable]()))
	}
	if d.has("role_arn") {
		d.role, _ = parseARN(roleARN, d.RoleARN)
	}
	if d.has("source") {
		d.from = l.file.Sources[d.Source]
	}
	d.operation = d.asked()
	l.drafts[name] = d
	l.ordered = append(l.ordered, d)
	return d
}

// parent returns the profile that d extends, or nil after reporting why there
// is none.
func (l *loader) parent(d *draft, between []string) *draft {
	at := path{"profiles", d.name, "extends"}
	if _, ok := l.file.Profiles[d.Extends]; !ok {
		l.unknown(at, "profile", d.Extends, func(yield func(string) bool) {
			for name := range l.file.Profiles {
				if name != d.name && !yield(name) {
					return
				}
			}
		})
		return nil
	}
	if i := slices.Index(between, d.Extends); i >= 0 {
		l.wrong(at, "a profile can extend only what does not extend it",
			"goes round in a circle: %s", strings.Join(append(slices.Clone(between[i:]), d.Extends), " -> "))
		return nil
	}
	return l.draft(d.Extends, between)
}

// inherit fills in every key that d does not set and its parent has.
func (d *draft) inherit(parent *draft, fields map[string]int) {
	own, scoped := d.narrowed(), slices.ContainsFunc(scopeGroup, d.named)
	mine, theirs := reflect.ValueOf(&d.profileTable).Elem(), reflect.ValueOf(&parent.profileTable).Elem()
	for key := range parent.keys {
		if d.named(key) || key == "extends" || own && slices.Contains(group, key) || scoped && slices.Contains(scopeGroup, key) {
			continue
		}
		mine.Field(fields[key]).Set(theirs.Field(fields[key]))
		d.note(key, parent.has(key))
		d.origin[key] = parent.at(key)[1]
	}
}
