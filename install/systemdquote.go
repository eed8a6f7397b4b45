package install

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Each directive of a unit has a syntax of its own (systemd.syntax(7),
// systemd.service(5), "Command lines"). Specifiers (%) are resolved in all of them;
// words are taken out of their quotes in some; "$" is a variable in command lines
// alone. The name of what is run is the one word that may have neither quotes nor
// backslashes in it, be they escaped: systemd takes the line for a mistake.

// command makes a command line. Its words are passed on as they are: with ":" before
// it, systemd looks for no variables in it, which cannot be said by "$$" of the name
// of the program. Prefix has the other signs that a command line may begin with.
func command(prefix, program string, arguments ...string) string {
	line := []string{word(program)}
	for _, a := range arguments {
		line = append(line, word(a))
	}
	if all := strings.Join(line, " "); strings.Contains(all, "$") {
		return prefix + ":" + all
	}
	return prefix + strings.Join(line, " ")
}

// word makes one word of a list that systemd takes out of its quotes: ExecStart=,
// ReadWritePaths=. Escaped are only those signs that all such lists know as escaped.
func word(s string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(s)
	if s != "" && !strings.ContainsFunc(s, special) {
		return quoted
	}
	return `"` + quoted + `"`
}

// special tells whether a word with r in it is put in quotes. Without, ";" as a word
// of its own would end a command, and a space or a quote a word.
func special(r rune) bool {
	return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+=:,@%", r)
}

// rest makes what is no list of words but goes to the end of its line, such as the
// path of LoadCredential=.
func rest(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// writable tells why a path cannot be in a unit at all, or nothing. A line break
// would begin a directive, which is how somebody who may choose the name of a
// directory would get a command of root's.
func writable(what, file string) error {
	switch {
	case !strings.HasPrefix(file, "/"):
		return fmt.Errorf("%s: %q is not an absolute path", what, file)
	case !utf8.ValidString(file) || strings.ContainsFunc(file, unicode.IsControl):
		return fmt.Errorf("%s: %q has signs that no unit can have", what, file)
	case path.Clean(file) != file:
		return fmt.Errorf("%s: %q is not the shortest form of this path", what, file)
	}
	return nil
}

// runnable is writable for the name of a program.
func runnable(what, file string) error {
	if err := writable(what, file); err != nil {
		return err
	}
	if strings.ContainsAny(file, `"'\`) {
		return fmt.Errorf("%s: %q: systemd runs nothing with a quote or a backslash in its path", what, file)
	}
	return nil
}

// lineable is writable for what goes to the end of a line unquoted: systemd takes
// white space away there, and takes a backslash for "goes on in the next line".
func lineable(what, file string) error {
	if err := writable(what, file); err != nil {
		return err
	}
	if strings.ContainsAny(file, " \\\"'") {
		return fmt.Errorf("%s: %q: this line of a unit takes no spaces, quotes and backslashes", what, file)
	}
	return nil
}

// comment makes lines of a comment of text that came from a configuration.
func comment(lead string, items []string) string {
	line, lines := "# "+lead, []string{}
	for i, item := range items {
		item = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || r == utf8.RuneError {
				return '?'
			}
			return r
		}, item)
		if i < len(items)-1 {
			item += ","
		}
		if len(line)+len(item) > 86 {
			lines, line = append(lines, line), "#"
		}
		line += " " + item
	}
	return strings.Join(append(lines, line), "\n") + "\n"
}
