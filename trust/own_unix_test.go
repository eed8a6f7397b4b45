//go:build unix

package trust_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/vendord/vendord/trust"
)

// Nothing is excepted from Own, and its hint is never to take over what is
// somebody else's.
func TestOwn(t *testing.T) {
	type row struct {
		name  string
		mode  fs.FileMode
		owner int
		mask  fs.FileMode
		want  string
	}
	me := os.Geteuid()
	rows := []row{
		{"ours alone", 0o700, me, 0o077, ""},
		{"stricter", 0o400, me, 0o077, ""},
		{"others may read it", 0o755, me, 0o077, "$DIR: open to others (owner $ME, mode 0755) | chmod 700 $DIR"},
		{"a group may read it", 0o740, me, 0o077, "$DIR: open to others (owner $ME, mode 0740) | chmod 700 $DIR"},
		{"others may enter it", 0o711, me, 0o077, "$DIR: open to others (owner $ME, mode 0711) | chmod 700 $DIR"},
		{"others may write it", 0o606, me, 0o077, "$DIR: others may write it (owner $ME, mode 0606) | chmod 600 $DIR"},
		{"others may read what they may", 0o755, me, 0o022, ""},
		{"a group, even of our own", 0o770, me, 0o022, "$DIR: others may write it (owner $ME, mode 0770) | chmod 750 $DIR"},
		{"a sticky directory", 0o777 | fs.ModeSticky, me, 0o022, "$DIR: others may write it (owner $ME, mode 0777) | chmod 755 $DIR"},
	}
	if me == 0 { // only root can give files away
		rows = append(rows, row{"another's", 0o700, unnamed, 0o077, "$DIR: belongs to 54321 (mode 0700), not to root | move it away"})
	}
	for _, test := range rows {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t)
			must(t, os.Chown(dir, test.owner, -1), os.Chmod(dir, test.mode))
			t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
			if got, want := said(trust.Own(dir, stat(t, dir), me, test.mask), dir), strings.ReplaceAll(test.want, "$ME", nameOf(me)); got != want {
				t.Errorf("Own:\n got %s\nwant %s", got, want)
			}
		})
	}
	t.Run("root's is not another's own", func(t *testing.T) {
		if got, want := said(trust.Own("/", stat(t, "/"), unnamed, 0o077), "$DIR"), "not to 54321 | move it away"; !strings.HasSuffix(got, want) {
			t.Errorf("Own: got %s, want … %s", got, want)
		}
	})
}

// File judges what was opened, whatever has its name by now.
func TestFile(t *testing.T) {
	path := folder(t) + "/conf/file"
	info := stat(t, path)
	must(t, os.Chmod(path, 0o666))
	if fault := trust.File("f", info, os.Geteuid()); fault != nil {
		t.Errorf("File: got %v, want none for the file as it was", fault)
	}
	want := "f: everybody may write it (owner " + nameOf(os.Geteuid()) + ", mode 0666) | chmod go-w f"
	if got := said(trust.File("f", stat(t, path), os.Geteuid()), "$DIR"); got != want {
		t.Errorf("File: got %s, want %s", got, want)
	}
}

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info
}
