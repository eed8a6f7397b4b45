//go:build unix

package profiles_test

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vendord/vendord/profiles"
)

// me is the name of the user who runs the tests.
func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// must makes a test's preparations readable.
func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTrust lays out real files and asks whether a configuration in them is
// taken. Every path is below $DIR, vendord.toml is $DIR/conf/vendord.toml.
func TestTrust(t *testing.T) {
	const minimal = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`
	type layout struct {
		name, more string
		prepare    func(dir string)
		want       string // what Load says, or "" if it takes the file
	}
	link := func(old, new string) { must(t, os.Symlink(old, new)) }
	chmod := func(file string, mode os.FileMode) { must(t, os.Chmod(file, mode)) }
	owner := me(t)
	tests := []layout{
		{"owner only", "", func(string) {}, ""},
		{"readable by all", "", func(dir string) { chmod(dir+"/conf/vendord.toml", 0o644) }, ""},
		{"file writable by all", "", func(dir string) { chmod(dir+"/conf/vendord.toml", 0o646) },
			"error: $DIR/conf/vendord.toml: everybody may write it (owner " + owner + ", mode 0646)\nhint: chmod go-w $DIR/conf/vendord.toml\n"},
		{"directory writable by all", "", func(dir string) { chmod(dir+"/conf", 0o777) },
			"error: $DIR/conf: everybody may write it (owner " + owner + ", mode 0777)\nhint: chmod go-w $DIR/conf\n"},
		{"directory above", "", func(dir string) { chmod(dir, 0o777) },
			"error: $DIR: everybody may write it (owner " + owner + ", mode 0777)\nhint: chmod go-w $DIR\n"},
		{"sticky directory above", "", func(dir string) { chmod(dir, 0o777|os.ModeSticky) }, ""},
		{"sticky says nothing about a file", "", func(dir string) { chmod(dir+"/conf/vendord.toml", 0o666|os.ModeSticky) },
			"error: $DIR/conf/vendord.toml: everybody may write it (owner " + owner + ", mode 0666)\nhint: chmod go-w $DIR/conf/vendord.toml\n"},
		{"link to a trusted file", "", func(dir string) {
			must(t, os.Rename(dir+"/conf/vendord.toml", dir+"/other.toml"))
			link("../other.toml", dir+"/conf/vendord.toml")
		}, ""},
		{"link through a writable directory", "", func(dir string) {
			must(t, os.Mkdir(dir+"/open", 0o755), os.Rename(dir+"/conf/vendord.toml", dir+"/other.toml"))
			link(dir+"/open/../other.toml", dir+"/conf/vendord.toml")
			chmod(dir+"/open", 0o777)
		}, "error: $DIR/open: everybody may write it (owner " + owner + ", mode 0777)\nhint: chmod go-w $DIR/open\n"},
		{"link in a circle", "", func(dir string) {
			must(t, os.Remove(dir+"/conf/vendord.toml"))
			link("vendord.toml", dir+"/conf/vendord.toml")
		}, "error: $DIR/conf/vendord.toml: too many symbolic links\n"},
		{"odd names are quoted for the shell", "policy_file = \"it's/p.json\"", func(dir string) {
			must(t, os.Mkdir(dir+"/conf/it's", 0o755), os.WriteFile(dir+"/conf/it's/p.json", []byte(minimal), 0o600))
			chmod(dir+"/conf/it's", 0o777)
		}, "error: vendord.toml:8: profiles.x.policy_file: $DIR/conf/it's: everybody may write it (owner " + owner +
			", mode 0777)\nhint: chmod go-w '$DIR/conf/it'\\''s'\n"},
		{"policy file", `policy_file = "p.json"`, func(dir string) {
			must(t, os.WriteFile(dir+"/conf/p.json", []byte(minimal), 0o600))
			chmod(dir+"/conf/p.json", 0o602)
		}, "error: vendord.toml:8: profiles.x.policy_file: $DIR/conf/p.json: everybody may write it (owner " + owner +
			", mode 0602)\nhint: chmod go-w $DIR/conf/p.json\n"},
		{"config file of a source", "[sources.s]\nconfig_file = \"config\"", func(dir string) {
			must(t, os.WriteFile(dir+"/conf/config", nil, 0o600))
			chmod(dir+"/conf/config", 0o602)
		}, "error: vendord.toml:9: sources.s.config_file: $DIR/conf/config: everybody may write it (owner " + owner +
			", mode 0602)\nhint: chmod go-w $DIR/conf/config\n"},
		{"program of a source", "[sources.s]\ntype = \"process\"\ncommand = [\"./run\"]", func(dir string) {
			must(t, os.WriteFile(dir+"/conf/run", nil, 0o700))
			chmod(dir+"/conf/run", 0o707)
		}, "error: vendord.toml:10: sources.s.command[0]: $DIR/conf/run: everybody may write it (owner " + owner +
			", mode 0707)\nhint: chmod go-w $DIR/conf/run\n"},
		{"missing where others could create it", "[sources.s]\nconfig_file = \"open/config\"", func(dir string) {
			must(t, os.Mkdir(dir+"/conf/open", 0o755))
			chmod(dir+"/conf/open", 0o777|os.ModeSticky)
		}, "error: vendord.toml:9: sources.s.config_file: $DIR/conf/open/config: no such file, and others could create it there\n" +
			"hint: keep it in a directory of your own\n"},
	}
	if os.Getuid() == 0 { // only root can give files away
		tests = append(tests,
			layout{"group of strangers", "", func(dir string) {
				must(t, os.Chown(dir+"/conf", -1, 54321))
				chmod(dir+"/conf", 0o775)
			}, "error: $DIR/conf: group 54321 may write it (owner root, mode 0775)\nhint: chmod go-w $DIR/conf\n"},
			layout{"another user's file", "", func(dir string) { must(t, os.Chown(dir+"/conf/vendord.toml", 54321, -1)) },
				"error: $DIR/conf/vendord.toml: belongs to 54321 (mode 0600), not to root\nhint: chown root $DIR/conf/vendord.toml\n"},
			layout{"another user's link", "", func(dir string) {
				must(t, os.Rename(dir+"/conf/vendord.toml", dir+"/other.toml"))
				link("../other.toml", dir+"/conf/vendord.toml")
				must(t, os.Lchown(dir+"/conf/vendord.toml", 54321, -1))
			}, "error: $DIR/conf/vendord.toml: belongs to 54321 (mode 0777), not to root\nhint: chown -h root $DIR/conf/vendord.toml\n"},
		)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, map[string]string{"conf/vendord.toml": one(test.more)})
			must(t, os.Chmod(dir, 0o755), os.Chmod(dir+"/conf", 0o755))
			test.prepare(dir)
			_, err := profiles.Load(options(dir + "/conf"))
			if got := told("error", dir, profiles.Problems(err)); got != test.want {
				t.Errorf("Load: got\n%swant\n%s", got, test.want)
			}
		})
	}
}

// TestTrustOfAnotherDaemon loads a file for a daemon that runs as somebody
// else: what belongs to us is a stranger's to it.
func TestTrustOfAnotherDaemon(t *testing.T) {
	dir := write(t, map[string]string{"vendord.toml": one("")})
	o := options(dir)
	o.UID = 54321
	if os.Getuid() == 0 { // root's files are trusted by everybody; give this one away
		must(t, os.Chown(o.Path, 54322, -1))
	}
	file, uid, mode := firstStranger(t, o.Path, 54321)
	_, err := profiles.Load(o)
	want := fmt.Sprintf("belongs to %s (mode %04o), not to root or 54321", nameOf(uid), mode)
	all := profiles.Problems(err)
	if len(all) != 1 || all[0].File != file || all[0].Problem != want || all[0].Hint != "chown 54321 "+file {
		t.Errorf("Load: got %+v, want %s: %s", all, file, want)
	}
}

// firstStranger returns the first component of a path that belongs neither to
// root nor to uid.
func firstStranger(t *testing.T, path string, uid int) (string, uint32, os.FileMode) {
	t.Helper()
	at := "/"
	for _, step := range strings.Split(path, "/") {
		at = filepath.Join(at, step)
		info, err := os.Lstat(at)
		must(t, err)
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 && int(owner) != uid {
			return at, owner, info.Mode().Perm()
		}
	}
	t.Fatalf("%s: every component belongs to root or %d", path, uid)
	return "", 0, 0
}

func nameOf(uid uint32) string {
	if u, err := user.LookupId(fmt.Sprint(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprint(uid)
}

// TestPrivateGroup has a file that its owner's own group may write, as a umask
// of 002 leaves it.
func TestPrivateGroup(t *testing.T) {
	dir := write(t, map[string]string{"vendord.toml": one("")})
	file := filepath.Join(dir, "vendord.toml")
	must(t, os.Chown(file, -1, os.Getgid()), os.Chmod(file, 0o664))
	u, err := user.Current()
	must(t, err)
	g, err := user.LookupGroupId(fmt.Sprint(os.Getgid()))
	must(t, err)
	_, err = profiles.Load(options(dir))
	if own := u.Username == g.Name && u.Gid == g.Gid; own != (err == nil) {
		t.Errorf("Load: got %v for group %s of %s", err, g.Name, u.Username)
	}
}
