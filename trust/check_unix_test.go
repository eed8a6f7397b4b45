//go:build unix

package trust_test

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vendord/vendord/trust"
)

// must makes a test's preparations readable.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// nameOf is what messages call a user.
func nameOf(uid int) string {
	if u, err := user.LookupId(fmt.Sprint(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprint(uid)
}

// folder returns a directory without links on its path, in which are a
// directory conf (0755) and a file conf/file (0600).
func folder(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err, os.Chmod(dir, 0o755), os.Mkdir(dir+"/conf", 0o700), os.Chmod(dir+"/conf", 0o755),
		os.WriteFile(dir+"/conf/file", nil, 0o600))
	return dir
}

// said is a fault as a person sees it, with $DIR for the directory and $ME for
// who runs the tests.
func said(fault *trust.Fault, dir string) string {
	if fault == nil {
		return ""
	}
	return strings.ReplaceAll(fault.Error()+" | "+fault.Hint, dir, "$DIR")
}

// unnamed is a user, and a group, that the system does not know.
const unnamed = 54321

// layout is what a test has on disk.
type layout struct {
	name    string
	prepare func(dir string)
	path    string // below the directory; "" is conf/file
	want    string // problem | hint, or "" if it is trusted
}

func layouts(t *testing.T) []layout {
	chmod := func(path string, mode fs.FileMode) func(string) {
		return func(dir string) { must(t, os.Chmod(dir+path, mode)) }
	}
	return []layout{
		{"owner only", func(string) {}, "", ""},
		{"readable by all", chmod("/conf/file", 0o644), "", ""},
		{"file writable by all", chmod("/conf/file", 0o646), "",
			"$DIR/conf/file: everybody may write it (owner $ME, mode 0646) | chmod go-w $DIR/conf/file"},
		{"directory writable by all", chmod("/conf", 0o777), "",
			"$DIR/conf: everybody may write it (owner $ME, mode 0777) | chmod go-w $DIR/conf"},
		{"directory further up", chmod("", 0o777), "",
			"$DIR: everybody may write it (owner $ME, mode 0777) | chmod go-w $DIR"},
		{"directory above what is missing", chmod("/conf", 0o777), "/conf/a/b",
			"$DIR/conf: everybody may write it (owner $ME, mode 0777) | chmod go-w $DIR/conf"},
		{"sticky directory", chmod("/conf", 0o777|fs.ModeSticky), "", ""},
		{"sticky says nothing about a file", chmod("/conf/file", 0o666|fs.ModeSticky), "",
			"$DIR/conf/file: everybody may write it (owner $ME, mode 0666) | chmod go-w $DIR/conf/file"},
		{"missing where others could create it", chmod("/conf", 0o777|fs.ModeSticky), "/conf/a/b",
			"$DIR/conf/a: no such file, and others could create it there | keep it in a directory of your own"},
		{"below a file", func(string) {}, "/conf/file/a", "$DIR/conf/file/a: not a directory | "},
		{"odd names are quoted for the shell", func(dir string) {
			must(t, os.Mkdir(dir+"/it's", 0o700), os.Chmod(dir+"/it's", 0o777))
		}, "/it's", `$DIR/it's: everybody may write it (owner $ME, mode 0777) | chmod go-w '$DIR/it'\''s'`},
		{"a socket to which everybody may connect", func(dir string) {
			socket(t, dir+"/s")
			must(t, os.Chmod(dir+"/s", 0o666))
		}, "/s", ""},

		{"link to a trusted file", func(dir string) { must(t, os.Symlink("conf/file", dir+"/link")) }, "/link", ""},
		{"absolute link", func(dir string) { must(t, os.Symlink(dir+"/conf", dir+"/link")) }, "/link/file", ""},
		{"link to nothing", func(dir string) {
			must(t, os.Mkdir(dir+"/tmp", 0o700), os.Chmod(dir+"/tmp", 0o777|fs.ModeSticky), os.Symlink("../tmp/a", dir+"/conf/link"))
		}, "/conf/link", "$DIR/tmp/a: no such file, and others could create it there | keep it in a directory of your own"},
		{"link through a writable directory and out of it", func(dir string) {
			must(t, os.Mkdir(dir+"/open", 0o700), os.Chmod(dir+"/open", 0o777), os.Symlink(dir+"/open/../conf/file", dir+"/link"))
		}, "/link", "$DIR/open: everybody may write it (owner $ME, mode 0777) | chmod go-w $DIR/open"},
		{"out of where a link leads", func(dir string) {
			must(t, os.Mkdir(dir+"/open", 0o700), os.Mkdir(dir+"/open/in", 0o700), os.WriteFile(dir+"/open/file", nil, 0o600),
				os.Chmod(dir+"/open", 0o777), os.Symlink("../open/in", dir+"/conf/link"))
		}, "/conf/link/../file", "$DIR/open: everybody may write it (owner $ME, mode 0777) | chmod go-w $DIR/open"},
		{"link in a circle", func(dir string) { must(t, os.Symlink("link", dir+"/link")) }, "/link",
			"$DIR/link: too many symbolic links | "},
	}
}

// strangers are layouts that only root can make.
func strangers(t *testing.T) []layout {
	return []layout{
		{"group of strangers", func(dir string) {
			must(t, os.Chown(dir+"/conf", -1, unnamed), os.Chmod(dir+"/conf", 0o775))
		}, "", "$DIR/conf: group 54321 may write it (owner root, mode 0775) | chmod go-w $DIR/conf"},
		{"another's file", func(dir string) { must(t, os.Chown(dir+"/conf/file", unnamed, -1)) }, "",
			"$DIR/conf/file: belongs to 54321 (mode 0600), not to root | chown root $DIR/conf/file"},
		{"another's directory", func(dir string) { must(t, os.Chown(dir+"/conf", unnamed, -1)) }, "",
			"$DIR/conf: belongs to 54321 (mode 0755), not to root | chown root $DIR/conf"},
		{"another's sticky directory", func(dir string) {
			must(t, os.Chown(dir+"/conf", unnamed, -1), os.Chmod(dir+"/conf", 0o777|fs.ModeSticky))
		}, "", "$DIR/conf: belongs to 54321 (mode 0777), not to root | chown root $DIR/conf"},
		{"another's directory in a sticky one", func(dir string) {
			must(t, os.Chmod(dir, 0o777|fs.ModeSticky), os.Chown(dir+"/conf", unnamed, -1))
		}, "", "$DIR/conf: belongs to 54321 (mode 0755), not to root | chown root $DIR/conf"},
		{"another's link in a sticky directory", func(dir string) {
			must(t, os.Chmod(dir, 0o777|fs.ModeSticky), os.Symlink("conf/file", dir+"/link"), os.Lchown(dir+"/link", unnamed, -1))
		}, "/link", "$DIR/link: belongs to 54321 (mode 0777), not to root | chown -h root $DIR/link"},
		{"another's socket", func(dir string) {
			socket(t, dir+"/s")
			must(t, os.Chown(dir+"/s", unnamed, -1), os.Chmod(dir+"/s", 0o600))
		}, "/s", "$DIR/s: belongs to 54321 (mode 0600), not to root | chown root $DIR/s"},
	}
}

func socket(t *testing.T, path string) {
	t.Helper()
	t.Chdir(filepath.Dir(path)) // a socket's path must be short
	ln, err := net.Listen("unix", filepath.Base(path))
	must(t, err)
	t.Cleanup(func() { _ = ln.Close() })
}

// given are the layouts in which root gave a stranger a place, so that Placed
// finds no fault.
var given = []string{"another's file", "another's directory", "another's sticky directory", "another's socket"}

// TestCheck lays out real files and asks whether one is trusted. Above $DIR
// the system has to be.
func TestCheck(t *testing.T) { checkAll(t, layouts(t)) }

// TestCheckStrangers is TestCheck with files of others.
func TestCheckStrangers(t *testing.T) {
	needRoot(t, "give files away")
	checkAll(t, strangers(t))
}

// needRoot skips a test without root, but not where it would go unnoticed.
func needRoot(t *testing.T, to string) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI must run this as root: it takes root to " + to)
	}
	t.Skip("it takes root to " + to)
}

func checkAll(t *testing.T, layouts []layout) {
	t.Helper()
	me := os.Geteuid()
	for _, test := range layouts {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t)
			test.prepare(dir)
			path := dir + cmp.Or(test.path, "/conf/file")
			want := strings.ReplaceAll(test.want, "$ME", nameOf(me))
			_, fault := trust.Check(path, me)
			if got := said(fault, dir); got != want {
				t.Errorf("Check:\n got %s\nwant %s", got, want)
			}
			if slices.Contains(given, test.name) {
				want = ""
			}
			if got := said(trust.Placed(path, me), dir); got != want {
				t.Errorf("Placed:\n got %s\nwant %s", got, want)
			}
		})
	}
}

// A path that is relative starts where we are, links and all.
func TestCheckRelative(t *testing.T) {
	dir := folder(t)
	must(t, os.Chmod(dir, 0o777))
	t.Chdir(dir + "/conf")
	_, fault := trust.Check("file", os.Geteuid())
	if got, want := said(fault, dir), "$DIR: everybody may write it (owner "+nameOf(os.Geteuid())+", mode 0777) | chmod go-w $DIR"; got != want {
		t.Errorf("Check: got %s, want %s", got, want)
	}
	must(t, os.Chmod(dir, 0o755))
	if exists, fault := trust.Check("./../conf//file", os.Geteuid()); !exists || fault != nil {
		t.Errorf("Check: got %v %v, want a file that is trusted", exists, fault)
	}
}

// What belongs to us is a stranger's to somebody else.
func TestCheckForAnother(t *testing.T) {
	path := folder(t) + "/conf/file"
	if os.Geteuid() == 0 { // root's files are trusted by everybody; give this one away
		must(t, os.Chown(path, unnamed+1, -1))
	}
	first, uid, mode := firstStranger(t, path, unnamed)
	_, fault := trust.Check(path, unnamed)
	want := fmt.Sprintf("%s: belongs to %s (mode %04o), not to root or 54321 | chown 54321 %s", first, nameOf(uid), mode, first)
	if got := said(fault, "$DIR"); got != want {
		t.Errorf("Check:\n got %s\nwant %s", got, want)
	}
}

// firstStranger returns the first component of a path that belongs neither to
// root nor to uid.
func firstStranger(t *testing.T, path string, uid int) (string, int, fs.FileMode) {
	t.Helper()
	at := "/"
	for step := range strings.SplitSeq(path, "/") {
		at = filepath.Join(at, step)
		info, err := os.Lstat(at)
		must(t, err)
		if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != 0 && owner != uid {
			return at, owner, info.Mode().Perm()
		}
	}
	t.Fatalf("%s: every component belongs to root or %d", path, uid)
	return "", 0, 0
}

// A file that its owner's own group may write is as a umask of 002 leaves it.
func TestPrivateGroup(t *testing.T) {
	path := folder(t) + "/conf/file"
	must(t, os.Chown(path, -1, os.Getegid()), os.Chmod(path, 0o664))
	u, err := user.Current()
	own := false
	if err == nil {
		g, err := user.LookupGroupId(fmt.Sprint(os.Getegid()))
		own = err == nil && u.Username == g.Name && u.Gid == g.Gid
	}
	if _, fault := trust.Check(path, os.Geteuid()); own != (fault == nil) {
		t.Errorf("Check: got %v for a file of group %d, which is its owner's: %v", fault, os.Getegid(), own)
	}
}
