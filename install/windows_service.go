package install

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// WindowsService is what Windows' service control manager is told of vendord. What
// is not in a command line is given to it as it is, without any quoting.
type WindowsService struct {
	Name        string
	DisplayName string
	Description string
	// CommandLine is split by Windows as CommandLineToArgvW documents.
	CommandLine string
	// Account is a virtual one: Windows makes it with the service, it has no
	// password, and no rights but what it is given by name.
	Account string
	// DelayedStart: automatically, but after what the machine needs itself.
	DelayedStart bool
	// Restarts is how long Windows waits before it starts the service again, the
	// first time it failed, the second, and each other, until ResetAfter has passed
	// without a failure. An end with an error counts, not a crash alone.
	Restarts   []time.Duration
	ResetAfter time.Duration
	// Privileges are all that its token keeps of those of its account: the right to
	// pass through directories, which everybody has.
	Privileges []string
}

// WindowsName is the service's name, and its source in the event log.
const WindowsName = "vendord"

// WindowsFlag has "vendord serve" run under the service control manager.
const WindowsFlag = "--windows-service"

// localPath is a path on one of the machine's own drives. A service has no drives
// of the network, and Windows takes no other characters in names.
var localPath = regexp.MustCompile(`^[A-Za-z]:\\[^"<>|?*/:]+$`)

// Windows returns the parameters of a service of the machine.
func (s Service) Windows() (WindowsService, error) {
	if !s.System {
		return WindowsService{}, refused("service of a user", "Windows has services of the machine alone", "install it with --system, from an administrator's console")
	}
	paths := [][2]string{{"binary", s.Binary}}
	if s.Config != "" {
		paths = append(paths, [2]string{"configuration", s.Config})
	}
	for _, p := range paths {
		if err := windowsPath(p[0], p[1]); err != nil {
			return WindowsService{}, err
		}
	}
	if s.Needs.Exe {
		return WindowsService{}, refused("rules by executable", "not on Windows, which tells nobody who is asking", "have the program use a token")
	}
	if err := errorsFirst(s.noLink("Windows"), s.systemdOnly("Windows")); err != nil {
		return WindowsService{}, err
	}
	return WindowsService{
		Name:         WindowsName,
		DisplayName:  "vendord",
		Description:  "Hands each program the AWS credentials it may have, and no more. " + Marker + ".",
		CommandLine:  commandLine(append(s.words(), WindowsFlag)),
		Account:      `NT SERVICE\` + WindowsName,
		DelayedStart: true,
		Restarts:     []time.Duration{time.Second, 5 * time.Second, 30 * time.Second},
		ResetAfter:   10 * time.Minute,
		Privileges:   []string{"SeChangeNotifyPrivilege"},
	}, nil
}

func windowsPath(subject, path string) error {
	if err := unicodeOnly(subject, path); err != nil {
		return err
	}
	if strings.Contains(path, "%") {
		return refused(subject, fmt.Sprintf("%q has a %%, and Windows puts variables there in a service's command line", path), "rename it")
	}
	if !localPath.MatchString(path) {
		return refused(subject, fmt.Sprintf("%q is not a whole path on a drive of this machine", path), `name it from the drive on: C:\ProgramData\vendord\vendord.toml`)
	}
	return nil
}

// commandLine joins words so that CommandLineToArgvW splits them again. The first
// is read by rules of its own, without escapes: whatever is between two quotation
// marks, of which a path has none. It has them always: without, a directory
// "C:\Program Files" would have Windows try C:\Program.exe first.
func commandLine(words []string) string {
	line := `"` + words[0] + `"`
	for _, word := range words[1:] {
		line += " " + windowsWord(word)
	}
	return line
}

// windowsWord quotes a word where it needs it. A backslash means itself but before
// a quotation mark: there each is doubled, and the mark has one of its own.
func windowsWord(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n\v\"") {
		return word
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for i := range len(word) {
		switch word[i] {
		case '\\':
			slashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, slashes+1))
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteByte(word[i])
	}
	return b.String() + strings.Repeat(`\`, slashes) + `"`
}
