//go:build unix

package install_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
)

// openrc stands in for openrc-run: it reads a script, and its words once more, as
// supervise-daemon.sh does, and shows them.
const openrc = `. "$1"
eval set -- $command -- $command_args
printf '%s\0' "$@"
`

// startStopDaemon stands in for dpkg's: it shows what it was to start, and ends the
// script.
const startStopDaemon = `#!/bin/sh
for word; do [ "$word" != --status ] || exit 3; done
printf '%s\0' "$@" >&3
kill -9 "$PPID"
`

// env stands in for env(1): it starts that, and lets everything else succeed, the
// service's own questions to vendord; su runs what it is given, as nobody else.
const (
	env = `#!/bin/sh
case $2 in PATH=*) shift 3; exec "$@" ;; esac
`
	su = `#!/bin/sh
[ "$1 $2 $3 $4" = "-s /bin/sh vendord -c" ] && exec /bin/sh -c "$5"
`
)

// shells are those that read scripts for a manager, as far as they are here: sh is
// dash on Debian, busybox on Alpine, and bash in places.
func shells(t testing.TB) (found []string) {
	for _, name := range []string{"sh", "dash", "bash", "busybox"} {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		t.Fatal("no shell is here")
	}
	return found
}

func shell(path string, arguments ...string) *exec.Cmd {
	if filepath.Base(path) == "busybox" {
		arguments = append([]string{"sh"}, arguments...)
	}
	return exec.Command(path, arguments...)
}

// words are the words that a script starts vendord with, as this shell reads them.
type words func(t testing.TB, shell, script string) []string

func openrcWords(t testing.TB, path, script string) []string {
	file := filepath.Join(t.TempDir(), "vendord")
	write(t, file, script)
	cmd := shell(path, "-c", openrc, "openrc-run", file)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	all := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	return slices.Delete(all, 1, 2) // the "--" between
}

func sysvWords(t testing.TB, path, script string) []string {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "start-stop-daemon"), startStopDaemon)
	write(t, filepath.Join(dir, "env"), env)
	write(t, filepath.Join(dir, "su"), su)
	write(t, filepath.Join(dir, "install"), "#!/bin/sh\n")
	script = strings.Replace(script, "\nPATH=", "\nPATH="+dir+":", 1)
	script = strings.ReplaceAll(script, "/var/log/vendord.log", filepath.Join(dir, "log"))
	write(t, filepath.Join(dir, "script"), script)
	read, put, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := shell(path, filepath.Join(dir, "script"), "start")
	cmd.ExtraFiles = []*os.File{put}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	put.Close()
	buffer := make([]byte, 1<<16) // what is fuzzed is shorter
	n, _ := read.Read(buffer)
	_ = cmd.Wait() // it was killed
	all := strings.Split(strings.TrimSuffix(string(buffer[:n]), "\x00"), "\x00")
	binary, rest := slices.Index(all, "--exec")+1, slices.Index(all, "--")+1
	if binary == 0 || rest == 0 {
		t.Fatalf("%s start: start-stop-daemon got %q, want --exec and -- in it", path, all)
	}
	return append([]string{all[binary]}, all[rest:]...)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestScripts has every shell that is here read the scripts of odd paths.
func TestScripts(t *testing.T) {
	for i, path := range []string{"/usr/local/bin/vendord", "/a b", "/a   b ", "/it's", "/''", `/\`, `/\'`, "/$HOME`id`$(id)", "/a;b&c|d>e<f", "/*?[a]{b,c}~!#", "/-x=y", "/\xff\xfe", "/\u00e9\u2028"} {
		for kind, read := range map[string]words{"OpenRC": openrcWords, "SysV": sysvWords} {
			for _, sh := range shells(t) {
				name := fmt.Sprintf("%s %s %d", kind, filepath.Base(sh), i) // it is a directory's: no place for such signs
				t.Run(name, func(t *testing.T) { sameWords(t, kind, read, sh, path, path) })
			}
		}
	}
}

// sameWords renders a service of these paths and compares the words that arrive,
// byte for byte.
func sameWords(t testing.TB, kind string, read words, sh, binary, config string) {
	script, err := kinds[kind](install.Service{System: true, Binary: binary, Config: config, Needs: linked("169.254.170.2:8080")})
	if err != nil {
		return // TestRefused has why
	}
	want := []string{binary, "serve", "--system", "--config", config}
	if got := read(t, sh, script); !slices.Equal(got, want) {
		t.Errorf("%s, read by %s: got %q, want %q", kind, sh, got, want)
	}
	file := filepath.Join(t.TempDir(), "syntax")
	write(t, file, script)
	if out, err := shell(sh, "-n", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s -n: got %v and %q, want neither", sh, err, out)
	}
}

func FuzzOpenRC(f *testing.F) { fuzzScript(f, "OpenRC", openrcWords) }

func FuzzSysV(f *testing.F) { fuzzScript(f, "SysV", sysvWords) }

func fuzzScript(f *testing.F, kind string, read words) {
	f.Add("/usr/local/bin/vendord", "/etc/vendord/vendord.toml")
	f.Add(`/a'b"c\d $e`, "/'; id #")
	sh := shells(f)[0]
	f.Fuzz(func(t *testing.T, binary, config string) {
		if len(binary)+len(config) < 8192 && config != "" {
			sameWords(t, kind, read, sh, "/"+binary, "/"+config)
		}
	})
}
