package profiles

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vendord/vendord/session"
)

// sourceTypes are the types of source, with the keys that only they have.
var sourceTypes = map[string][]string{
	session.SharedConfig: {"profile", "config_file", "credentials_file"},
	session.Environment:  nil,
	session.Process:      {"command"},
}

// source checks [sources.NAME].
func (l *loader) source(name string, t *sourceTable) {
	at := path{"sources", name}
	s := session.Source{Name: name, Type: session.SharedConfig, Region: t.Region}
	if t.named("type") {
		s.Type = t.Type
	}
	if _, known := sourceTypes[s.Type]; !known {
		l.wrongType(at.to("type"), t)
		l.config.Sources[name] = s // it exists: profiles that name it are not wrong as well
		return
	}
	if t.has("region") {
		l.regionShape(at.to("region"), t.Region)
	}
	for _, other := range slices.Sorted(maps.Keys(sourceTypes)) {
		for _, key := range sourceTypes[other] {
			if other != s.Type && t.named(key) {
				l.wrong(at.to(key), "remove it, or the type", "belongs to sources of type %s, not %s", other, s.Type)
			}
		}
	}
	switch s.Type {
	case session.SharedConfig:
		l.sharedConfig(at, t, &s)
	case session.Process:
		l.process(at, t, &s)
	}
	l.config.Sources[name] = s
}

// wrongType tells what this version lacks from what nobody has.
func (l *loader) wrongType(at path, t *sourceTable) {
	if !t.has("type") {
		return // of the wrong TOML type, and reported
	}
	if slices.Contains(laterTypes, t.Type) {
		l.wrong(at, "", "%s: %s", t.Type, notYet)
		return
	}
	l.wrong(at, suggest(t.Type, slices.Collect(maps.Keys(sourceTypes)), "types"), "no type %q", t.Type)
}

// sharedConfig checks the keys of a shared-config source.
func (l *loader) sharedConfig(at path, t *sourceTable, s *session.Source) {
	s.Profile = "default"
	if t.has("profile") {
		s.Profile = t.Profile
		if t.Profile == "" || strings.ContainsAny(t.Profile, "[]\n\r") {
			l.wrong(at.to("profile"), "", "%q cannot be a profile of the SDKs' files", t.Profile)
		}
	}
	if t.has("config_file") {
		s.ConfigFile = l.external(at.to("config_file"), t.ConfigFile)
	}
	if t.has("credentials_file") {
		s.CredentialsFile = l.external(at.to("credentials_file"), t.CredentialsFile)
	}
}

// process checks the keys of a process source.
func (l *loader) process(at path, t *sourceTable, s *session.Source) {
	at = at.to("command")
	if !t.named("command") || (t.has("command") && (len(t.Command) == 0 || t.Command[0] == "")) {
		l.wrong(at, `command = ["program", "argument"]`, "a source of type process needs a command")
		return
	}
	if !t.has("command") {
		return
	}
	command := slices.Clone(t.Command)
	program := command[0]
	if strings.ContainsAny(program, `/\`) || strings.HasPrefix(program, "~") { // not one to be looked up in PATH
		command[0] = cmp.Or(l.external(at.item(0), program), program)
	} else if strings.ContainsAny(program, " \t") {
		l.wrong(at, `write each argument as an item of its own: ["program", "argument"]`,
			"%q is no program, and no shell takes it apart", program)
	}
	s.Command = session.List(command)
}

// external resolves the path of a file that others read, and checks whose it
// is. It may be missing: a login can create it later.
func (l *loader) external(at path, text string) string {
	file, ok := l.resolve(at, text)
	if !ok {
		return ""
	}
	if exists, ok := l.trusted(file, at); ok && !exists {
		l.doubt(at, "", "%s: no such file", filepath.ToSlash(file))
	}
	return file
}
