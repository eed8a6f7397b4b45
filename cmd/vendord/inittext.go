package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vendord/vendord/session"
)

// String is the table in TOML, with what is said about it above, and an empty line
// before.
func (t *firstTable) String() string {
	var b strings.Builder
	b.WriteByte('\n')
	for _, line := range t.about {
		b.WriteString("# " + line + "\n")
	}
	fmt.Fprintf(&b, "[%s]\n", t.path())
	for _, k := range t.keys {
		if k.why == "" {
			fmt.Fprintf(&b, "%s = %s\n", k.name, k.value)
		} else {
			fmt.Fprintf(&b, "# %s = %s   # %s\n", k.name, k.value, session.Visible(k.why))
		}
	}
	return b.String()
}

// text is the whole first configuration.
func (f *first) text() string {
	var b strings.Builder
	b.WriteString(firstHead)
	if f.named {
		fmt.Fprintf(&b, "region = %s\n", inTOML(f.region))
	} else {
		fmt.Fprintf(&b, "region = %s   # a guess: nothing names one\n", inTOML(f.region))
	}
	b.WriteString(firstRecord)
	b.WriteString(f.defaultTrap())
	b.WriteString("\n# --- Where first identities come from ---\n")
	if !f.write(&b, "sources") {
		b.WriteString(noSources)
	}
	b.WriteString("\n# --- What may be vended ---\n")
	if !f.write(&b, "profiles") {
		b.WriteString(f.exampleRole())
	}
	b.WriteString(f.exampleNarrowed())
	b.WriteString("\n# --- Who may have it ---\n")
	b.WriteString(f.exampleApp())
	b.WriteString(f.leftOut())
	return b.String()
}

const firstHead = `# vendord.toml: what vendord may vend, and to whom. It holds no secrets: a source names
# the profile of the AWS CLI's files that has them.
#
#   vendord check                         is it right? What does it let through?
#   vendord exec PROFILE -- COMMAND       runs a command with a profile, without a daemon
#   vendord service install               a daemon that is always there
#   vendord reload                        has it read this file again
#
# All keys: https://github.com/vendord/vendord/blob/main/docs/configuration.md

[daemon]
# Whose STS is asked, where a source or profile has no region of its own.
`

const firstRecord = `
# The record, of who got what, who was refused and why:
# [audit]
# file = "~/vendord-audit.jsonl"
`

const noSources = `
# There is no profile of the AWS CLI to begin with. Once there is one, say "work":
# [sources.work]
# profile = "work"

# Or keys in the desktop's keyring: vendord source add safe
# [sources.safe]
# type = "keyring"
`

// write writes the tables of a kind, and reports whether there are any.
func (f *first) write(b *strings.Builder, kind string) (any bool) {
	for _, t := range f.tables {
		if t.kind == kind {
			b.WriteString(t.String())
			any = true
		}
	}
	return any
}

// exampleRole is the role of nobody's: a comment.
func (f *first) exampleRole() string {
	source := "work"
	if i := slices.IndexFunc(f.tables, func(t *firstTable) bool { return t.kind == "sources" }); i >= 0 {
		source = f.tables[i].name
	}
	return commented("\n", `A role that the source may assume:`, `[profiles.reports]`, `source   = `+inTOML(source),
		`role_arn = "arn:aws:iam::111122223333:role/Reports"`)
}

// exampleNarrowed is a role of theirs, narrowed, as a comment.
func (f *first) exampleNarrowed() string {
	base, partition := "reports", "aws"
	for _, t := range f.tables {
		if t.kind == "profiles" && t.has("role_arn") {
			role := t.keys[slices.IndexFunc(t.keys, func(k firstKey) bool { return k.name == "role_arn" })].value
			base, partition = t.name, strings.Split(role, ":")[1]
			break
		}
	}
	if base == "reports" && slices.ContainsFunc(f.tables, func(t *firstTable) bool { return t.kind == "profiles" }) {
		return "\n# A profile of a role (role_arn) can be narrowed by a session policy; those above are no\n# roles that vendord assumes. See: vendord policy --help\n"
	}
	return commented("\n", `The same role for a program that is to read, and nothing else: what the role allows and`,
		`this policy lets through. Your own stands in "policy", as JSON.`,
		`[profiles.`+f.narrowed(base)+`]`, `extends     = `+inTOML(base), `policy_arns = ["arn:`+partition+`:iam::aws:policy/ReadOnlyAccess"]`)
}

// narrowed is the name of that example.
func (f *first) narrowed(base string) string {
	name := base[:min(len(base), 50)] + "-readonly"
	for f.names.taken["profiles."+name] {
		name += "-2"
	}
	return tableName(name)
}

// exampleApp is a program with a token, as a comment.
func (f *first) exampleApp() string {
	profile := ""
	for _, t := range f.tables {
		if t.kind == "profiles" && profile == "" {
			profile = t.name
		}
	}
	if profile == "" {
		profile = "reports"
	}
	app := "agent"
	for f.names.taken["profiles."+app] {
		app += "-app"
	}
	return commented("\n", `A program that shows a token: eval "$(vendord env `+app+`)". You yourself need no app`,
		`for "vendord exec".`, `[apps.`+app+`]`, `profiles = [`+inTOML(profile)+`]`)
}

// defaultTrap says what shadows vendord, where something does.
func (f *first) defaultTrap() string {
	text := ""
	for _, path := range f.files.Shadowing() {
		text += "\n# " + strconv.Quote(path) + `
# has credentials in [default], and every SDK takes those before it asks vendord.
# "vendord exec" puts the file out of the way; "vendord env" cannot. Give that profile
# another name there, and in the source below.
`
	}
	return text
}

// leftOut lists what was not taken over.
func (f *first) leftOut() string {
	lines := f.left
	if f.unclear {
		lines = append(lines, "sections whose headers the SDKs do not read alike")
	}
	if len(lines) == 0 {
		return ""
	}
	text := "\n# --- Not taken over from the SDKs' files ---\n"
	for _, line := range lines {
		text += "# * " + session.Visible(line) + "\n"
	}
	return text
}

// commented makes a comment of lines, below another.
func commented(before string, lines ...string) string {
	return before + "# " + strings.Join(lines, "\n# ") + "\n"
}
