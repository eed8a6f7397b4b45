//go:build machine

package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Example returns a directory with the files of an example, two below a vendord that
// was just built. All that differs from what the reader has is where AWS is; the keys
// are there.
func Example(t *testing.T, name string) (dir string) {
	t.Helper()
	clone := t.TempDir()
	dir = filepath.Join(clone, "examples", name)
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
	m := Bare(t)
	m.do("install", "-m", "755", Binary, clone)
	return dir
}
