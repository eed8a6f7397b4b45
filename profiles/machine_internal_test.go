package profiles

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAccounts(t *testing.T) {
	const text = "root:x:0:0:root:/root:/bin/bash\nagent:x:990:990::/:/usr/sbin/nologin\nold:x:1001:1001:::\n" +
		"+::::::\nbroken:x:1:1\nnumber:x:one:1:::\n:x:5:5:::\nbig:x:4294967296:1:::\nlast:x:7:7:::/bin/false"
	var got []string
	for _, a := range parseAccounts(text) {
		got = append(got, a.Name+" "+a.logsIn())
	}
	if want := "root /bin/bash, agent , old /bin/sh, last "; strings.Join(got, ", ") != want {
		t.Errorf("parseAccounts: got %q, want %q", strings.Join(got, ", "), want)
	}
}

// FuzzAccounts reads any user database. What is found was written there.
func FuzzAccounts(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/bash\n")
	f.Add("a:b:1:c:d:e:f\r\n:::::::\n\n#x:x:1:1:::\n")
	f.Add("+@nis::::::\n-:x:-1:1:::\x00")
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range parseAccounts(text) {
			if a.Name == "" || strings.ContainsAny(a.Name+a.Shell, ":\n") || !strings.Contains(text, a.Name+":") {
				t.Errorf("parseAccounts(%q): got %+v", text, a)
			}
		}
	})
}

func TestHasUnit(t *testing.T) {
	root := t.TempDir()
	if hasUnit(root) != nil {
		t.Error("hasUnit: got an answer without systemd, want none")
	}
	for _, file := range []string{"run/systemd/system/x", "usr/lib/systemd/system/worker.service", "run/systemd/transient/run-1.service"} {
		file = filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{"worker.service": true, "run-1.service": true, "other.service": false, "system": false} {
		if got := hasUnit(root)(name); got != want {
			t.Errorf("hasUnit(%s): got %v, want %v", name, got, want)
		}
	}
}
