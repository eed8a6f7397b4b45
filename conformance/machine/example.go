//go:build machine

package machine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Example returns a directory with the files of an example. All that differs from
// what the reader has is where AWS is; the keys are there.
func Example(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join("/mnt/examples", name))))
	file := filepath.Join(dir, "vendord.toml")
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, []byte(strings.Replace(string(text), "[daemon]\n", fmt.Sprintf("[daemon]\nsts_endpoint = %q\n", aws), 1)), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "aws-config"), []byte("[profile john]\nregion = eu-west-1\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "aws-credentials"), []byte(credentials), 0o600))
	must(t, os.WriteFile("/etc/profile.d/aws.sh", []byte("export AWS_ENDPOINT_URL="+aws+" AWS_REGION=eu-west-1\n"), 0o644))
	t.Setenv("AWS_ENDPOINT_URL", aws)
	t.Setenv("AWS_REGION", "eu-west-1")
	_ = os.RemoveAll(etc)
	write(t, "fakeaws.service", fakeaws)
	m := &Machine{t: t}
	m.Do("systemctl daemon-reload")
	m.Do("systemctl restart fakeaws")
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("journalctl", "--no-pager", "-o", "cat", "-n", "60", "-u", "vendord").CombinedOutput()
			t.Logf("the daemon said:\n%s", out)
		}
		_, _ = run("systemctl", "disable", "--now", "vendord")
		_, _ = run("systemctl", "stop", "fakeaws")
		_ = os.RemoveAll(etc)
	})
	return dir
}
