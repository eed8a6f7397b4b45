package apps

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/vendord/vendord/disk"
	"github.com/vendord/vendord/session"
	"github.com/vendord/vendord/trust"
)

// The files of a state directory that are ours.
const (
	tokenFile = "tokens.json"
	lockFile  = "lock"
)

// another is what helps where a state directory cannot be used.
const another = "name another state directory with --state-dir"

// store is the state directory, held open: whoever exchanges a directory above
// it later does not exchange the one that is written to. The zero store keeps
// nothing.
type store struct {
	dir  string
	root *os.Root
	lock *os.File    // holds the lock as long as it is open
	busy atomic.Bool // the disk is waited for
}

// openStore makes, checks and locks the directory.
func openStore(dir string) (*store, error) {
	if dir == "" {
		return &store{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, dirError(dir, fmt.Sprintf("cannot be made: %v", disk.Reason(err)), another, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, dirError(dir, fmt.Sprintf("cannot be opened: %v", disk.Reason(err)), another, err)
	}
	s := &store{dir: dir, root: root}
	if err = s.checkDir(); err == nil {
		err = s.acquire()
	}
	if err != nil {
		_ = s.close()
		return nil, err
	}
	return s, nil
}

// checkDir refuses a directory that others can look into or exchange. What was
// opened is checked, not what has the name by now. Whoever can rename it can
// put an older copy in its place, in which revoked tokens are good again.
func (s *store) checkDir() error {
	info, err := s.root.Stat(".")
	if err != nil {
		return dirError(s.dir, fmt.Sprintf("cannot be read: %v", disk.Reason(err)), another, err)
	}
	if fault := trust.Own(s.dir, info, os.Geteuid(), 0o077); fault != nil {
		return dirError(s.dir, fault.Problem, fault.HintOr(another), fault)
	}
	if _, fault := trust.Check(s.dir, os.Geteuid()); fault != nil {
		return dirError(s.dir, fault.Error(), fault.HintOr(another), fault)
	}
	return nil
}

func (s *store) close() error {
	if s.root == nil {
		return nil
	}
	var err error
	if s.lock != nil {
		err = s.lock.Close()
	}
	return errors.Join(err, s.root.Close())
}

// acquire takes the lock and puts our process id into its file, for whoever
// comes next. The file stays when the process ends, since to remove it is to take
// it from under somebody who has just opened it.
func (s *store) acquire() error {
	if err := s.checkFile(lockFile); err != nil {
		return err
	}
	f, err := s.openLock()
	if err != nil {
		return dirError(s.dir, fmt.Sprintf("cannot be locked: %v", disk.Reason(err)), "", err)
	}
	s.lock = f
	err = disk.Lock(f)
	if errors.Is(err, disk.ErrLocked) {
		who := "in use by another vendord"
		text, _ := s.root.ReadFile(lockFile)
		if pid, _, _ := strings.Cut(string(text), "\n"); pid != "" {
			who += fmt.Sprintf(" (pid %.10s)", pid)
		}
		return dirError(s.dir, who, "stop that one, or give this one another with --state-dir", nil)
	}
	if err != nil {
		return dirError(s.dir, fmt.Sprintf("cannot be locked: %v", disk.Reason(err)), "", err)
	}
	// On a full disk the process id is missing from a message, and on one that
	// is read-only it is that of who was there before, no more. It is cut after,
	// not before, it is written: ext4 waits for the disk when a file is emptied,
	// filled and closed.
	n, _ := fmt.Fprintf(f, "%d\n", os.Getpid())
	_ = f.Truncate(int64(n))
	return nil
}

// openLock makes the lock's file if need be. One that is there is opened even on
// a disk that is read-only: the tokens on it are good as long as nothing changes.
func (s *store) openLock() (*os.File, error) {
	f, err := s.root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		return f, nil
	}
	if f, e := s.root.Open(lockFile); e == nil {
		return f, nil
	}
	return nil, err
}

// checkFile refuses a file that somebody else may have put there while the
// directory was open to them: a token file of theirs is a way in.
func (s *store) checkFile(name string) error {
	info, err := s.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	path := filepath.Join(s.dir, name)
	switch {
	case err != nil:
		return fileError(path, fmt.Sprintf("cannot be read: %v", disk.Reason(err)), "", err)
	case !info.Mode().IsRegular():
		return fileError(path, "not a regular file", "move it away", nil)
	}
	if fault := trust.Own(path, info, os.Geteuid(), 0o077); fault != nil {
		return fileError(path, fault.Problem, fault.HintOr(another), fault)
	}
	return nil
}

// load returns what is in the file. It never changes the file.
func (s *store) load() (kept, error) {
	if s.root == nil {
		return kept{}, nil
	}
	if err := s.checkFile(tokenFile); err != nil {
		return kept{}, err
	}
	path := filepath.Join(s.dir, tokenFile)
	text, err := s.root.ReadFile(tokenFile)
	if errors.Is(err, fs.ErrNotExist) {
		return kept{}, nil
	}
	if err != nil {
		return kept{}, fileError(path, fmt.Sprintf("cannot be read: %v", disk.Reason(err)), "", err)
	}
	k, err := parseKept(text)
	if errors.Is(err, errNewer) {
		return kept{}, fileError(path, err.Error(), "start that one, or move the file away and issue its tokens again", nil)
	}
	if errors.Is(err, errOlder) {
		return kept{}, fileError(path, err.Error(), "move it away, and issue its tokens again", nil)
	}
	if err != nil {
		return kept{}, fileError(path, "damaged: "+err.Error(), "move it away; its tokens have to be issued again", err)
	}
	return k, nil
}

// save replaces the token file. After an error the disk may have the old one or the
// new one; the next save settles it.
func (s *store) save(k kept) error {
	if s.root == nil {
		return nil
	}
	s.busy.Store(true)
	defer s.busy.Store(false)
	if err := disk.Replace(s.root, tokenFile, k.encode()); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Join(s.dir, tokenFile), disk.Reason(err))
	}
	return nil
}

func dirError(dir, problem, hint string, err error) *session.Error {
	return &session.Error{Class: session.Configuration, Public: fmt.Sprintf("state directory %s: %s", dir, problem), Hint: hint, Err: err}
}

func fileError(path, problem, hint string, err error) *session.Error {
	return &session.Error{Class: session.Configuration, Public: fmt.Sprintf("file %s: %s", path, problem), Hint: hint, Err: err}
}
