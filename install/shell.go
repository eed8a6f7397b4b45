package install

import (
	"os"
	"regexp"
	"strings"
)

// plainWord is what a shell takes as it stands, wherever it stands.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9/_.-]+$`)

// shellWord writes a word so that a POSIX shell reads it as that word, whatever is
// in it: between single quotes nothing has a meaning but the single quote.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// ShellWords writes words for a person to paste into a shell.
func ShellWords(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = shellWord(word)
	}
	return strings.Join(quoted, " ")
}

// asRoot is what somebody types to have root do it. sudo has a PATH of its own, which
// does not lead to a program that is not installed yet.
func asRoot(to string) string {
	program := "vendord"
	if self, err := os.Executable(); err == nil && to == "install" {
		program = shellWord(self)
	}
	return "sudo " + program + " service " + to + " --system"
}
