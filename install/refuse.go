package install

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/vendord/vendord/session"
)

// Marker is in the first lines of every file that vendord writes for a service
// manager. A file of that name without it is somebody else's.
const Marker = "Written by `vendord service install`"

// refused is what a service manager cannot be told.
func refused(subject, problem, hint string) error {
	return &session.Error{Class: session.Configuration, Public: subject + ": " + problem, Hint: hint}
}

// spelled refuses a word that has no place in the files of a service manager.
// Control characters could be quoted in some, but end a line in what people and
// other programs make of them: a path with a line break would add a directive.
func spelled(subject, word string) error {
	switch at := strings.IndexFunc(word, func(r rune) bool { return r < ' ' || r == 0x7f }); {
	case word == "":
		return refused(subject, "empty", "name a file by its whole path")
	case at >= 0:
		return refused(subject, fmt.Sprintf("%q has a control character, which no service manager takes", word), "rename it")
	}
	return nil
}

// unicodeOnly refuses what is not UTF-8, or is no character: XML and Windows have
// no way to write it (XML 1.0, section 2.2).
func unicodeOnly(subject, word string) error {
	if !utf8.ValidString(word) || strings.ContainsAny(word, "\ufffe\uffff") {
		return refused(subject, fmt.Sprintf("%q is not text in UTF-8, which this service manager's files are", word), "rename it")
	}
	return spelled(subject, word)
}

// absolute refuses a path that would be looked for from wherever a service manager
// happens to be.
func absolute(subject, path string) error {
	if err := spelled(subject, path); err != nil {
		return err
	}
	if !strings.HasPrefix(path, "/") {
		return refused(subject, fmt.Sprintf("%q is not a whole path", path), "name it from the root on: /etc/vendord/vendord.toml")
	}
	return nil
}

// check refuses the paths of a Service that a Unix service manager cannot be given.
func (s Service) check() error {
	if err := absolute("binary", s.Binary); err != nil {
		return err
	}
	if s.Config == "" {
		return nil
	}
	return absolute("configuration", s.Config)
}

// noLink refuses addresses that a machine does not have by itself.
func (s Service) noLink(manager string) error {
	for _, a := range s.Needs.Link {
		return refused("address "+a.String(), manager+" has no way to put it on this machine before vendord starts",
			"have [endpoints.imds] listen at 127.0.0.1 and a port of its own, and leave the other endpoints out")
	}
	return nil
}

// words are what vendord is started with, the binary first.
func (s Service) words() []string {
	words := []string{s.Binary, "serve"}
	if s.System {
		words = append(words, "--system")
	}
	if s.Config != "" {
		words = append(words, "--config", s.Config)
	}
	return words
}

// systemdOnly refuses what systemd alone gives a daemon.
func (s Service) systemdOnly(manager string) error {
	for _, c := range s.Needs.Credentials {
		return refused(fmt.Sprintf("credential %q", c.Name), manager+" has no way to hand a secret to a daemon",
			"in the source, name a file that belongs to vendord's user and that nobody else may read")
	}
	return nil
}
