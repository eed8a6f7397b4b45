package install_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
)

// fakeSystemd is as much of a systemd as an install can tell from one: units are what
// their files said at the last daemon-reload, a socket that is started anew ends the
// service that needs it, and a service runs the program that is there when it starts.
type fakeSystemd struct {
	t       *testing.T
	root    string
	version string
	loaded  map[string]string // text of the units' files
	enabled map[string]bool
	active  map[string]string // unit to what runs: the program's text and the unit's
	invoked map[string]int
	count   int
	journal string
	steps   []string // that changed something

	failAt  int            // the step that fails, from 1; 0: none
	halfway bool           // it does its work before it fails
	at      map[int]func() // what happens at a step besides
	broken  string         // a program with this text does not come up
	runs    string         // what ExecStart= is shown to run
}

func newFake(t *testing.T) (*fakeSystemd, install.Systemd) {
	f := &fakeSystemd{t: t, root: t.TempDir(), version: "252.38-1~deb12u1", loaded: map[string]string{}, enabled: map[string]bool{},
		active: map[string]string{}, invoked: map[string]int{}, broken: "broken", at: map[int]func(){}, runs: "/usr/local/bin/vendord"}
	for _, dir := range []string{"/run/systemd/system", "/etc/systemd/system", "/usr/local/bin", "/var/lib/private", "/var/log"} {
		f.must(os.MkdirAll(f.root+dir, 0o755))
	}
	return f, install.Systemd{System: true, Units: "/etc/systemd/system", Runtime: "/run", Config: "/etc/vendord/vendord.toml",
		Data: []string{"/var/lib/vendord", "/var/lib/private/vendord", "/var/log/vendord"}, UID: 0, Root: f.root, Run: f.run}
}

func (f *fakeSystemd) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fakeSystemd) write(path, text string) {
	f.t.Helper()
	f.must(os.MkdirAll(filepath.Dir(f.root+path), 0o755))
	f.must(os.WriteFile(f.root+path, []byte(text), 0o644))
}

func (f *fakeSystemd) read(path string) string {
	text, _ := os.ReadFile(f.root + path)
	return short(text)
}

// short is a text, or for that of a program its length.
func short(text []byte) string {
	if len(text) > 1<<20 {
		return fmt.Sprint(len(text), " bytes")
	}
	return string(text)
}

// run is the Runner.
func (f *fakeSystemd) run(ctx context.Context, stdout, stderr io.Writer, name string, args ...string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	line := strings.Join(args, " ")
	switch {
	case name == "journalctl":
		lines := strings.Split(strings.TrimSuffix(f.journal, "\n"), "\n")
		if slices.Contains(args, "--reverse") {
			slices.Reverse(lines)
		}
		fmt.Fprintln(stdout, strings.Join(lines, "\n"))
		return nil
	case line == "show --property=Version":
		fmt.Fprintln(stdout, "Version="+f.version)
		return nil
	case args[0] == "show":
		f.show(stdout, args[3:])
		return nil
	case args[0] == "reset-failed":
		return errors.New("exit status 1") // as it does for what has not failed
	}
	return f.step(stderr, args)
}

// step does what changes something.
func (f *fakeSystemd) step(stderr io.Writer, args []string) error {
	f.steps = append(f.steps, strings.Join(slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--quiet" }), " "))
	if do := f.at[len(f.steps)]; do != nil {
		do()
	}
	fails := f.failAt == len(f.steps)
	var err error
	if !fails || f.halfway {
		err = f.do(args)
	}
	if fails {
		err = errors.New("this step fails")
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return errors.New("exit status 1")
	}
	return nil
}

func (f *fakeSystemd) do(args []string) error {
	if args[0] == "daemon-reload" {
		f.loaded = map[string]string{}
		for _, unit := range []string{"vendord.service", "vendord.socket", "vendord-net.service"} {
			if text := f.read("/etc/systemd/system/" + unit); text != "" {
				f.loaded[unit] = text
			}
		}
		return nil
	}
	for _, unit := range slices.DeleteFunc(slices.Clone(args[1:]), func(a string) bool { return strings.HasPrefix(a, "--") }) {
		switch args[0] {
		case "enable":
			f.enabled[unit] = true
		case "disable":
			delete(f.enabled, unit)
		case "stop":
			_, runs := f.active[unit]
			if unit == "vendord-net.service" && runs && strings.Contains(f.active["vendord.socket"], "ListenStream=169.254") {
				f.t.Error("vendord-net.service is stopped while somebody listens at its addresses, which stay then")
			}
			f.stop(unit)
		case "reload":
			if f.active[unit] == "" {
				return fmt.Errorf("Job type reload is not applicable for unit %s.", unit)
			}
		case "start", "restart":
			if err := f.start(unit, args[0] == "restart"); err != nil {
				return err
			}
		case "clean":
			f.must(os.RemoveAll(f.root + "/var/lib/private/vendord"))
		}
	}
	return nil
}

func (f *fakeSystemd) stop(unit string) {
	delete(f.active, unit)
	if unit == "vendord.socket" {
		delete(f.active, "vendord.service")
		delete(f.active, "vendord-net.service") // PartOf=
	}
}

func (f *fakeSystemd) start(unit string, again bool) error {
	if f.loaded[unit] == "" {
		return fmt.Errorf("Failed to start %s: Unit %s not found.", unit, unit)
	}
	_, ran := f.active["vendord.service"]
	if _, runs := f.active[unit]; runs && !again {
		return nil
	} else if unit == "vendord.socket" && ran && !runs {
		return errors.New("Job failed. See \"journalctl -xe\" for details.")
	}
	f.stop(unit)
	f.count++
	f.invoked[unit] = f.count
	f.active[unit] = f.loaded[unit]
	if unit == "vendord-net.service" {
		return nil
	}
	if unit == "vendord.socket" && strings.Contains(f.loaded[unit], "Wants=vendord-net.service") {
		_ = f.start("vendord-net.service", false)
	}
	if unit == "vendord.socket" && ran {
		return f.start("vendord.service", true)
	}
	if unit == "vendord.socket" {
		return nil
	}
	if _, runs := f.active["vendord.socket"]; !runs && strings.Contains(f.loaded[unit], "Requires=vendord.socket") {
		if err := f.start("vendord.socket", false); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/var/lib/private", "/var/log"} {
		f.must(os.MkdirAll(f.root+dir+"/vendord", 0o700))
	}
	program := f.read("/usr/local/bin/vendord")
	if program == f.broken {
		delete(f.active, unit)
		return errors.New("Job for vendord.service failed.\nSee the journal.")
	}
	f.active[unit] += program
	return nil
}

func (f *fakeSystemd) show(w io.Writer, units []string) {
	for i, unit := range units {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "Id=%s\n", unit)
		_, runs := f.active[unit]
		switch text := f.loaded[unit]; {
		case text == "":
			fmt.Fprintf(w, "LoadState=not-found\nLoadError=org.x \"Unit %s not found.\"\n", unit)
		case strings.Contains(text, "Listen=bad"):
			fmt.Fprintf(w, "LoadState=bad-setting\nLoadError=org.x \"Unit %s has a bad unit file setting.\"\n", unit)
		default:
			fmt.Fprintf(w, "LoadState=loaded\nFragmentPath=/etc/systemd/system/%s\n", unit)
			for line := range strings.Lines(text) {
				if at, ok := strings.CutPrefix(line, "ListenStream="); ok {
					fmt.Fprintf(w, "Listen=%s (Stream)\n", strings.TrimSpace(at))
				}
			}
		}
		state, enabled := "inactive", ""
		if runs {
			state = "active"
		}
		if f.enabled[unit] {
			enabled = "enabled"
		}
		fmt.Fprintf(w, "ActiveState=%s\nUnitFileState=%s\nInvocationID=%d\nMainPID=%d\nResult=success\nNRestarts=0\n"+
			"ExecStart={ path=%s ; argv[]=x }\n", state, enabled, f.invoked[unit], f.invoked[unit], f.runs)
	}
}

// machine is all that an install could have changed, to compare: files with their
// texts, what is enabled, and what runs.
func (f *fakeSystemd) machine() map[string]string {
	all := map[string]string{}
	f.must(filepath.WalkDir(f.root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		text := "a directory"
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			f.must(err)
			text = short(b)
		}
		all[strings.TrimPrefix(path, f.root)] = text
		return nil
	}))
	for unit := range maps.Keys(f.enabled) {
		all["enabled "+unit] = "yes"
	}
	for unit, what := range f.active {
		all["active "+unit] = what
	}
	for unit, text := range f.loaded {
		all["loaded "+unit] = text
	}
	return all
}

// differences are what is not as it was.
func differences(was, is map[string]string) (all []string) {
	for key, value := range is {
		if old, known := was[key]; !known || old != value {
			all = append(all, fmt.Sprintf("%s: was %.60q, is %.60q", key, old, value))
		}
	}
	for key := range was {
		if _, known := is[key]; !known {
			all = append(all, key+": gone")
		}
	}
	slices.Sort(all)
	return all
}
