package install_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vendord/vendord/install"
)

// parsedUnit is a unit as systemd reads it (systemd.syntax(7)): the lines of each key,
// by section and key. It takes nothing for granted that the renderer says.
func parsedUnit(t *testing.T, text string) map[string][]string {
	t.Helper()
	unit, section := map[string][]string{}, ""
	lines := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("\n\r\x00", r) })
	for i := 0; i < len(lines); i++ {
		line := strings.Trim(lines[i], " \t")
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) { // "goes on in the next line"
			i++
			line = strings.TrimSuffix(line, `\`) + " " + strings.Trim(lines[i], " \t")
		}
		if !utf8.ValidString(line) {
			t.Fatalf("line %q: systemd would pass over what is not UTF-8", line)
		}
		if line[0] == '[' {
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section == "" {
			t.Fatalf("line %q: neither a section nor a key", line)
		}
		at := section + strings.Trim(key, " \t")
		unit[at] = append(unit[at], strings.Trim(value, " \t"))
	}
	return unit
}

// unitWords takes a line apart (systemd.syntax(7), "Quoting"): double and single quotes
// around words, C's escapes, white space between.
func unitWords(t *testing.T, line string) (all []string) {
	t.Helper()
	for i := 0; i < len(line); {
		if strings.IndexByte(" \t", line[i]) >= 0 {
			i++
			continue
		}
		if line[i] == ';' && (i+1 == len(line) || line[i+1] == ' ') {
			t.Fatalf("line %q: a second command", line)
		}
		word, quote := []byte{}, byte(0)
		for ; i < len(line) && (quote != 0 || strings.IndexByte(" \t", line[i]) < 0); i++ {
			switch c := line[i]; {
			case quote == 0 && (c == '"' || c == '\'') && (len(word) == 0 || line[i-1] != '\\'):
				quote = c
			case c == quote && quote != 0:
				quote = 0
			case c == '\\':
				i++
				if i == len(line) || strings.IndexByte(`\"'`, line[i]) < 0 {
					t.Fatalf("line %q: an escape that not all lists know", line)
				}
				word = append(word, line[i])
			default:
				word = append(word, c)
			}
		}
		if quote != 0 {
			t.Fatalf("line %q: a quote that does not end", line)
		}
		all = append(all, string(word))
	}
	return all
}

// unitResolved takes "%%" for "%", and fails for any other specifier (systemd.unit(5)).
func unitResolved(t *testing.T, s string) string {
	t.Helper()
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if i++; i == len(s) || s[i] != '%' {
				t.Fatalf("%q: a specifier", s)
			}
		}
	}
	return strings.ReplaceAll(s, "%%", "%")
}

// unitRun is what a command line runs (systemd.service(5), "Command lines"), with the
// signs before it.
func unitRun(t *testing.T, line string) (signs string, argv []string) {
	t.Helper()
	argv = unitWords(t, line)
	program := strings.TrimLeft(argv[0], "@-:+!")
	signs, argv[0] = argv[0][:len(argv[0])-len(program)], program
	for i, word := range argv {
		argv[i] = unitResolved(t, word)
		if strings.Contains(word, "$") && !strings.Contains(signs, ":") {
			t.Fatalf("line %q: a variable", line)
		}
	}
	if strings.ContainsAny(argv[0], "\"'\\\x7f") { // string_is_safe
		t.Fatalf("line %q: systemd refuses this name of a program", line)
	}
	return signs, argv
}

// hostilePaths are paths that somebody with bad intentions, or bad luck, may have.
var hostilePaths = []string{"/usr/bin/vendord", "/a b/c", "/100%/%h", "/$HOME/${HOME}", `/a\b`, `/a\`, `/a"b`, "/a'b", "/é/日本", "/-x", "/ ;", "/;", "/a ", "/ a",
	"/a\nExecStart=/bin/sh", "/a\r[Install]", "/a\x00", "relative", "", "-/x", "+/x", "/a/../b", "/a//b", "/\xff", "/#", "/a\tb", "/$$", "/%%", "/{{x}}", "/:", "/@"}

func FuzzUnits(f *testing.F) {
	for i, path := range hostilePaths {
		f.Add(path, hostilePaths[(i+7)%len(hostilePaths)], path, hostilePaths[(i+11)%len(hostilePaths)])
	}
	f.Fuzz(func(t *testing.T, binary, config, writes, source string) {
		s := install.Service{System: true, Binary: binary, Config: config, Needs: install.Needs{
			Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9797")}, Commands: []string{source}, Writes: []string{writes, "/srv"},
			Link: addresses("169.254.170.2"), Credentials: []install.Credential{{Name: "john", Path: writes}}}}
		for _, s.System = range []bool{true, false} {
			s.Home = "/home/ann"
			files, err := s.Systemd()
			if err != nil {
				continue
			}
			sameUnit(t, s, parsedUnit(t, files[0].Text))
			if s.System {
				sameNet(t, s, parsedUnit(t, files[2].Text))
			}
		}
	})
}

// sameNet compares what systemd reads of vendord-net.service with what was asked for. It
// has a right that no other program is to run with.
func sameNet(t *testing.T, s install.Service, unit map[string][]string) {
	t.Helper()
	up, down := []string{s.Binary, "net", "up", "--system"}, []string{s.Binary, "net", "down", "--system"}
	if s.Config != "" {
		up = append(up, "--config", s.Config)
	}
	for key, want := range map[string][]string{"ExecStart": up, "ExecReload": up, "ExecStop": down} {
		lines := unit["[Service]"+key]
		if len(lines) != 1 {
			t.Fatalf("%s: got %q, want one line", key, lines)
		}
		if signs, got := unitRun(t, lines[0]); !slices.Equal(got, want) || strings.ContainsAny(signs, "@+!") || strings.Contains(signs, "-") != (key != "ExecReload") {
			t.Errorf("%s: got %q with %q, want %q", key, got, signs, want)
		}
	}
	if got := unit["[Service]CapabilityBoundingSet"]; !slices.Equal(got, []string{"CAP_NET_ADMIN"}) || !slices.Equal(unit["[Service]AmbientCapabilities"], got) {
		t.Errorf("capabilities: got %q, want CAP_NET_ADMIN alone", got)
	}
}

// sameUnit compares what systemd reads with what was asked for.
func sameUnit(t *testing.T, s install.Service, unit map[string][]string) {
	t.Helper()
	want, reload := []string{s.Binary, "serve"}, []string{s.Binary, "reload"}
	if s.System {
		want, reload = append(want, "--system"), append(reload, "--system")
	}
	if s.Config != "" {
		want = append(want, "--config", s.Config)
	}
	one := func(key string) string {
		if len(unit[key]) != 1 {
			t.Fatalf("%s: got %q, want one line", key, unit[key])
		}
		return unit[key][0]
	}
	if signs, got := unitRun(t, one("[Service]ExecStart")); !slices.Equal(got, want) || strings.ContainsAny(signs, "@-+!") {
		t.Errorf("ExecStart: got %q with %q, want %q", got, signs, want)
	}
	if signs, got := unitRun(t, one("[Service]ExecReload")); !slices.Equal(got, reload) || strings.Contains(signs, "+") != s.System || strings.ContainsAny(signs, "@-!") {
		t.Errorf("ExecReload: got %q with %q, want %q", got, signs, reload)
	}
	if !s.System {
		return
	}
	var writes []string
	for _, word := range unitWords(t, one("[Service]ReadWritePaths")) {
		writes = append(writes, unitResolved(t, word))
	}
	if !slices.Equal(writes, s.Needs.Writes) {
		t.Errorf("ReadWritePaths: got %q, want %q", writes, s.Needs.Writes)
	}
	if _, path, _ := strings.Cut(one("[Service]LoadCredential"), ":"); unitResolved(t, path) != s.Needs.Credentials[0].Path {
		t.Errorf("LoadCredential: got %q, want %q", path, s.Needs.Credentials[0].Path)
	}
	if user := one("[Service]User"); user != "vendord" {
		t.Errorf("User: got %q", user)
	}
}
