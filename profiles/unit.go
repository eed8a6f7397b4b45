package profiles

import (
	"io"
	"os"
	slashes "path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

// What the names of units are made of, and how all instances of a template are
// written here (systemd.unit(5)).
var (
	unitForm      = regexp.MustCompile(`^[\w:.\\@-]+\.(service|scope|socket|mount|swap)$`)
	instancesForm = regexp.MustCompile(`^[\w:.\\-]+@\*\.service$`)
)

// longestUnit is how many characters the name of a unit can have.
const longestUnit = 255

// unitName checks the name of a unit that programs can run in.
func (l *loader) unitName(at path, name string) bool {
	switch {
	case len(name) <= longestUnit && instancesForm.MatchString(name):
		return true
	case strings.Contains(name, "*"):
		l.wrong(at, `write "worker@*.service"`, "%q: only the instances of a template can be meant by *", shortened(name))
	case strings.HasSuffix(name, "@.service"):
		l.wrong(at, `write "`+strings.TrimSuffix(shortened(name), ".service")+`*.service"`, "%q is a template: only its instances run", shortened(name))
	case strings.HasSuffix(name, ".slice"):
		l.wrong(at, "write cgroup, with its path below /sys/fs/cgroup", "%q is a slice, which has units and runs none", shortened(name))
	case len(name) > longestUnit, !unitForm.MatchString(name):
		l.wrong(at, `write it with its suffix: "worker.service"`, "%q is not the name of a unit that programs run in", shortened(name))
	default:
		return true
	}
	return false
}

// cgroup checks the path of a control group. The one of all, "/", would be no limit.
func (l *loader) cgroup(at path, group string) bool {
	const mounted = "/sys/fs/cgroup"
	clean := slashes.Clean(group)
	_, listed, isListed := strings.Cut(group, "::/") // as /proc/PID/cgroup has it
	switch {
	case isListed:
		l.wrong(at, `write "/`+shortened(listed)+`"`, "%q is a line of /proc, not the path of a control group", shortened(group))
	case clean == "/", clean == mounted:
		l.wrong(at, `write one below it: "/system.slice/worker.service"`, "%q is the control group of all programs", shortened(group))
	case strings.HasPrefix(clean, mounted+"/"):
		l.wrong(at, `write "`+shortened(strings.TrimPrefix(clean, mounted))+`"`, "the path begins below %s", mounted)
	case !strings.HasPrefix(group, "/"), group != clean, strings.ContainsFunc(group, func(r rune) bool { return !unicode.IsPrint(r) }):
		l.wrong(at, `write "/system.slice/worker.service", with no "..", and no slash at its end`, "%q is not the path of a control group", shortened(group))
	default:
		return true
	}
	return false
}

// containerForm is a container's id.
var containerForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// container checks a container's id. The twelve digits that people are shown are
// not it.
func (l *loader) container(at path, id string) bool {
	ok := containerForm.MatchString(id)
	if !ok {
		l.wrong(at, "docker inspect --format '{{.Id}}' NAME prints it", "%q is not the id of a container: 64 hexadecimal digits, in small letters", shortened(id))
	}
	return ok
}

// exe checks the path of an executable. Processes are seen by the path of the very
// file that they run, so no link and no script is ever seen; both are warnings,
// since the file may come later or be another machine's.
func (l *loader) exe(at path, file string) bool {
	if !filepath.IsAbs(file) || filepath.Clean(file) != file {
		l.wrong(at, `write the whole path: "/usr/bin/aws"`, "%q is not an absolute path", shortened(file))
		return false
	}
	switch real, err := filepath.EvalSymlinks(file); {
	case err != nil:
		l.doubt(at, "once it is there, nothing else is needed", "%s: %s: nobody matches", shortened(file), reason(err))
	case real != file:
		l.doubt(at, `write "`+real+`"`, "%s is a link: its processes are seen as %s, and nobody matches", shortened(file), real)
	case isScript(file):
		l.doubt(at, "use unit or user; every script of its interpreter looks the same", "%s is a script: its processes run its interpreter, and nobody matches", shortened(file))
	}
	return true
}

// isScript reports whether a regular file begins like a script.
func isScript(file string) bool {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	var start [2]byte
	_, err = io.ReadFull(f, start[:])
	return err == nil && string(start[:]) == "#!"
}
