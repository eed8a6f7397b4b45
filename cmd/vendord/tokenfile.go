package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/disk"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/trust"
)

// tokenFile is where a token is put for programs to read, as SDKs want it: without
// a newline, which most would send, or refuse, 0600, and replaced at once, so that
// whoever reads it meanwhile, or is killed, finds the old token or the new.
type tokenFile struct {
	path, name string
	dir        *os.Root // held open: what is checked is what is written to
	us, owner  int      // who writes it, and the user who is to read it
	unfinished string   // the name of what is written, until it has its own
}

// outFile is the value of a --file that a token is written to. What a script's unset
// variable leaves is no path: the token would be printed, into a log as a rule.
type outFile string

// Set takes a path.
func (o *outFile) Set(path string) error {
	if path == "" {
		return usageError{`file "": no path`, "name one, or leave --file out to have the token printed"}
	}
	*o = outFile(path)
	return nil
}

// String is what help shows as the default.
func (o *outFile) String() string { return string(*o) }

// Type is the word for a value in help.
func (*outFile) Type() string { return "path" }

const otherTokenFile = "choose another path for --file"

// openTokenFile looks whether a user's token may be put at a path. What is there
// and is no token is replaced only with force.
func (p *program) openTokenFile(path, user string, force bool) (*tokenFile, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f := &tokenFile{path: path, name: filepath.Base(path), us: p.uid}
	if f.owner, err = p.readerOf(user); err != nil {
		return nil, err
	}
	if f.dir, err = os.OpenRoot(filepath.Dir(path)); err != nil {
		return nil, f.problem(otherTokenFile, disk.Reason(err))
	}
	if err = f.checkKind(); err == nil {
		err = f.checkPlace()
	}
	if err == nil {
		err = f.checkThere(force)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// readerOf returns the number of the user who is to read a file: its owner. Only
// root can give a file away.
func (p *program) readerOf(user string) (int, error) {
	if user == "" || user == p.user || runtime.GOOS == "windows" {
		return p.uid, nil
	}
	uid, err := peer.UserID(user)
	switch {
	case err != nil:
		return 0, fail("name a user of this machine, or give the number: #1234", "token file for user %q: not known on this machine", user)
	case int(uid) != p.uid && p.uid != 0:
		return 0, fail("run it as root; or leave out --file, and have that user write it", "token file for user %q: only root can give a file to another user", user)
	}
	return int(uid), nil
}

// checkPlace refuses a directory in which somebody else could replace the file:
// the programs would send a token of theirs, and work with their credentials. What
// the owner can exchange while root looks must not lead root elsewhere either: so
// it is the owner's own directory that was opened, or one to which only root can
// change the way.
func (f *tokenFile) checkPlace() error {
	_, fault := trust.Check(f.path, f.owner)
	if fault == nil && f.owner != f.us {
		info, err := f.dir.Stat(".")
		if err != nil {
			return f.problem(otherTokenFile, disk.Reason(err))
		}
		if dir := filepath.Dir(f.path); trust.Own(dir, info, f.owner, 0) != nil {
			_, fault = trust.Check(dir, f.us)
		}
	}
	switch {
	case fault == nil:
		return nil
	case fault.Path == f.path:
		return fail(fault.HintOr(otherTokenFile), "token file %s: %s", f.path, fault.Problem)
	}
	return fail(fault.HintOr(otherTokenFile), "token file %s: %w", f.path, fault)
}

// checkKind refuses what is there and is no file. That comes first: to trust
// /dev/null, nobody is to be told to change its mode.
func (f *tokenFile) checkKind() error {
	info, err := f.dir.Lstat(f.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case f.path == filepath.Dir(f.path), err == nil && !info.Mode().IsRegular():
		return f.problem(otherTokenFile, errors.New("not a regular file"))
	case err != nil:
		return f.problem(otherTokenFile, disk.Reason(err))
	}
	return nil
}

// checkThere refuses to replace what is no token: a slip of the finger would be the
// end of somebody's file. In a directory that can be trusted nobody has put another
// kind of file there meanwhile.
func (f *tokenFile) checkThere(force bool) error {
	switch _, err := f.dir.Lstat(f.name); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return f.problem(otherTokenFile, disk.Reason(err))
	case force:
		return nil
	}
	start := make([]byte, len(apps.Prefix))
	file, err := f.dir.Open(f.name)
	if err != nil {
		return f.problem(otherTokenFile, disk.Reason(err))
	}
	defer file.Close()
	if _, err := io.ReadFull(file, start); err != nil || string(start) != apps.Prefix {
		return f.problem("choose another path, or replace it with --force", errors.New("what is there is not a token"))
	}
	return nil
}

// write puts the secret on the disk, beside where it is to be.
func (f *tokenFile) write(secret string) error {
	unfinished := ".vendord-token-" + apps.NewID()
	file, err := f.dir.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return f.problem(otherTokenFile, disk.Reason(err))
	}
	f.unfinished = unfinished
	_, err = io.Copy(file, strings.NewReader(secret))
	if err == nil && f.owner != f.us {
		err = file.Chown(f.owner, -1)
	}
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return f.problem(otherTokenFile, disk.Reason(err))
	}
	return nil
}

// commit gives what was written its name.
func (f *tokenFile) commit() error {
	err := f.dir.Rename(f.unfinished, f.name)
	if err == nil {
		f.unfinished = ""
		err = disk.Sync(f.dir)
	}
	if err != nil {
		return f.problem(otherTokenFile, disk.Reason(err))
	}
	return nil
}

// close takes away what was not committed. A nil file is none.
func (f *tokenFile) close() {
	if f == nil {
		return
	}
	if f.unfinished != "" {
		_ = disk.Remove(f.dir, f.unfinished)
	}
	_ = f.dir.Close()
}

func (f *tokenFile) problem(hint string, err error) error {
	return fail(hint, "token file %s: %w", f.path, err)
}
