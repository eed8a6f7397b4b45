package profiles

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/vendord/vendord/session"
)

// Find returns the path of the configuration: $VENDORD_CONFIG, else
// /etc/vendord/vendord.toml for the system service and
// $XDG_CONFIG_HOME/vendord/vendord.toml for everybody else. The file need not
// exist. environ has the form of os.Environ.
func Find(system bool, environ []string, home string) string {
	if named := variable(environ, "VENDORD_CONFIG"); named != "" {
		return named
	}
	if system {
		return "/etc/vendord/vendord.toml"
	}
	base := variable(environ, "XDG_CONFIG_HOME")
	if !filepath.IsAbs(base) { // the XDG specification says to ignore such a value
		base = filepath.Join(home, ".config")
	}
	return filepath.Join(base, "vendord", "vendord.toml")
}

// variable returns the value of a variable in environ; as for a process, the
// last one holds.
func variable(environ []string, name string) string {
	for _, entry := range slices.Backward(environ) {
		if key, value, ok := strings.Cut(entry, "="); ok && key == name {
			return value
		}
	}
	return ""
}

// Load reads and checks a configuration. Its error holds every problem; see
// Problems.
func Load(o Options) (*Config, error) {
	l, err := newLoader(o)
	if err != nil {
		return nil, err
	}
	if text, ok := l.read(l.path, l.name(l.path), nil); ok {
		l.load(string(text))
	}
	return l.done()
}

// LoadText is Load of a text that is in no file yet: o.Path is where it would be.
func LoadText(text string, o Options) (*Config, error) {
	l, err := newLoader(o)
	if err != nil {
		return nil, err
	}
	if len(text) > maxMain {
		return nil, problems{{File: l.name(l.path), Problem: fmt.Sprintf("larger than %d bytes", maxMain)}}
	}
	l.load(text)
	return l.done()
}

// done is what came of it.
func (l *loader) done() (*Config, error) {
	if len(l.errors) > 0 {
		return nil, l.errors.told(l.name(l.path), "errors")
	}
	l.config.Warnings = l.warnings.told(l.name(l.path), "warnings")
	l.config.files = l.files
	return l.config, nil
}

// loader gathers a configuration and what is wrong with it.
type loader struct {
	options  Options
	machine  Machine
	known    map[somebody]identified // whom apps name
	users    []Account               // see accounts
	path     string                  // vendord.toml, absolute
	document *document
	file     file
	fields   fields
	drafts   map[string]*draft
	ordered  []*draft          // parents before their children
	texts    map[string][]byte // files read already, by path; nil if that went wrong
	verdicts map[judged]verdict
	copies   map[string]*policyCopy // of managed policies, by path
	files    []snapshot
	compared int // names, by unknown
	config   *Config
	errors   problems
	warnings problems

	listening []path // where each of config.Endpoints stands in the file
}

func newLoader(o Options) (*loader, error) {
	at, err := filepath.Abs(o.Path)
	if err != nil || o.Path == "" {
		return nil, problems{{File: o.Path, Problem: "no configuration: its path is not known",
			Hint: "name the file with --config or $VENDORD_CONFIG"}}
	}
	host := o.Host
	if host == "" {
		host, _ = os.Hostname() // an empty {{host}} is treated like an empty {{user}}
	}
	return &loader{options: o, machine: o.machine(), known: make(map[somebody]identified), path: at, fields: make(fields), drafts: make(map[string]*draft),
		texts: make(map[string][]byte), verdicts: make(map[judged]verdict), copies: make(map[string]*policyCopy),
		config: &Config{Path: at, host: host, Sources: make(map[string]session.Source), MFA: make(map[string]MFA),
			Profiles: make(map[string]Profile), Apps: make(map[string]App)}}, nil
}

// load goes through the file in the order in which its sections build on each
// other. It goes on after a problem: all are reported at once.
func (l *loader) load(text string) {
	document, problem := parse(text)
	if problem != nil {
		problem.File = l.name(l.path)
		l.errors.add(*problem)
		return
	}
	l.document = document
	d := decoder{wrong: l.wrong, fields: l.fields}
	d.table(nil, document.tree, reflect.ValueOf(&l.file).Elem())

	l.names()
	l.daemon()
	l.audit()
	for _, name := range slices.Sorted(maps.Keys(l.file.Sources)) {
		l.source(name, l.file.Sources[name])
	}
	l.profiles()
	l.people()
	for _, name := range slices.Sorted(maps.Keys(l.file.Apps)) {
		l.app(name, l.file.Apps[name])
	}
	l.endpoints()
	if len(l.errors) == 0 {
		l.metadata()
		l.overlaps()
		l.boundaries()
	}
}

// wrong reports an error at a key.
func (l *loader) wrong(at path, hint, format string, args ...any) {
	if !l.errors.full() {
		l.errors.add(l.problem(at, hint, format, args...))
	}
}

// doubt reports a warning at a key.
func (l *loader) doubt(at path, hint, format string, args ...any) {
	if !l.warnings.full() {
		l.warnings.add(l.problem(at, hint, format, args...))
	}
}

func (l *loader) problem(at path, hint, format string, args ...any) Problem {
	return Problem{File: l.name(l.path), Key: at.String(), Line: l.document.line(at),
		Problem: fmt.Sprintf(format, args...), Hint: hint}
}

// names checks the names of all tables. They stand in URL paths
// (/v1/credentials/NAME), in shell commands and in session names.
func (l *loader) names() {
	check := func(section, name string) {
		at := path{section, name}
		switch {
		case !wellNamed(name):
			l.wrong(at, "a letter or digit, then up to 63 letters, digits and . _ -", "%q cannot be a name", name)
		case name == CLI && section != "sources":
			l.wrong(at, "choose another name", "the name is reserved for vendord's own commands")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.file.Sources)) {
		check("sources", name)
	}
	for _, name := range slices.Sorted(maps.Keys(l.file.Profiles)) {
		check("profiles", name)
	}
	for _, name := range slices.Sorted(maps.Keys(l.file.Apps)) {
		check("apps", name)
		if _, taken := l.file.Profiles[name]; taken && name != CLI {
			l.wrong(path{"apps", name}, `commands take the name of an app or of a profile; call the app "`+name+`-app", say`,
				"a profile has the same name")
		}
	}
}

// wellNamed reports whether a name needs no quoting in a URL or a shell and
// cannot be taken for a flag or for ".." there.
func wellNamed(name string) bool {
	if name == "" || len(name) > 64 || strings.ContainsRune("._-", rune(name[0])) {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("._-", r) }) < 0
}
