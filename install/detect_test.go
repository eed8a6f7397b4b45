package install_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vendord/vendord/install"
)

func TestDetect(t *testing.T) {
	for name, row := range map[string]struct {
		files    []string
		first    string // process
		platform string // what the library takes it for
		want     install.Kind
		says     string
	}{
		"systemd":                             {[]string{"run/systemd/system/x"}, "systemd", "linux-systemd", install.KindSystemd, ""},
		"systemd, and OpenRC's programs":      {[]string{"run/systemd/system/x"}, "systemd", "linux-openrc", install.KindSystemd, ""},
		"OpenRC, and systemd's programs":      {[]string{"run/openrc/softlevel"}, "init", "linux-systemd", install.KindOpenRC, ""},
		"OpenRC's programs under SysV init":   {[]string{"etc/init.d/x"}, "init", "linux-openrc", install.KindSysV, ""},
		"SysV init":                           {[]string{"etc/init.d/x"}, "init", "unix-systemv", install.KindSysV, ""},
		"a container, with scripts in it":     {[]string{"etc/init.d/x"}, "bash", "unix-systemv", "", ""},
		"upstart":                             {[]string{"etc/init.d/x"}, "init", "linux-upstart", "", "service manager upstart: vendord has no files for it"},
		"procd":                               {nil, "procd", "linux-procd", "", "service manager procd: vendord has no files for it"},
		"a Mac":                               {nil, "", "darwin-launchd", install.KindLaunchd, ""},
		"Windows":                             {nil, "", "windows-service", install.KindWindows, ""},
		"nothing that the library knows here": {nil, "tini", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, file := range append(row.files, "proc/1/comm") {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(root, file), []byte(row.first+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := install.DetectAt(root, row.platform)
			if got != row.want || (err != nil) != (row.says != "") || err != nil && err.Error() != row.says {
				t.Errorf("got %q and %v, want %q and %q", got, err, row.want, row.says)
			}
		})
	}
}

func TestEventLevel(t *testing.T) {
	for line, want := range map[string]string{
		"vendord: vendord.toml: no such file":         "error",
		`time=x level=ERROR msg=y`:                    "error",
		`{"level":"ERROR"}`:                           "error",
		"warning: vendord.toml: profiles: none":       "warning",
		`time=x level=WARN msg=y`:                     "warning",
		`{"level":"WARN"}`:                            "warning",
		`time=x level=INFO msg="it is no level=none"`: "information",
	} {
		if got := install.EventLevel(line); got != want {
			t.Errorf("event of %q: got %s, want %s", line, got, want)
		}
	}
}
