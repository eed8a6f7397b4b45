package login

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/vendord/vendord/disk"
	"github.com/vendord/vendord/session"
	"github.com/vendord/vendord/trust"
)

// The AWS CLI keeps a token in ~/.aws/sso/cache, under the SHA-1 of the
// sso-session's name or, in profiles of the older form, of the start URL; the SDKs
// read it there, and renew it. None of them locks anything (botocore 1.43, Go SDK
// 2026-11): each writes a file of its own and renames it, or writes in place. So
// do we, by renaming, and our vendords keep one another out with a lock file. A
// renewal by the CLI at the same moment is noticed afterwards: who loses that
// race reads the file again before calling the login over.
const lockName = "vendord.lock"

// sharedName is the name of a SignIn's file. SHA-1 is AWS's choice of a name here,
// not a safeguard.
func sharedName(s session.SignIn) string {
	sum := sha1.Sum([]byte(label(s)))
	return hex.EncodeToString(sum[:]) + ".json"
}

// sharedFolder opens the directory. It is opened each time: the CLI may make it,
// or remove it, while we run.
func (l *Logins) sharedFolder() (*folder, error) {
	if l.config.Home == "" {
		return nil, errors.New("there is no home directory")
	}
	return openFolder(filepath.Join(l.config.Home, ".aws", "sso", "cache"))
}

// readShared reads the token of the CLI's file. It may be readable by others, as
// old CLIs made it; nobody else may have written it.
func (l *Logins) readShared(s session.SignIn) (*token, error) {
	f, err := l.sharedFolder()
	if err != nil {
		return nil, err
	}
	defer f.close()
	text, err := f.read(sharedName(s), 0o022)
	if err != nil {
		return nil, err
	}
	return parseRecord(text)
}

// writeShared writes it in the CLI's form. The login is good without.
func (l *Logins) writeShared(s session.SignIn, t *token) bool {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	err := e.Encode(t.record(s))
	var f *folder
	if err == nil {
		f, err = l.sharedFolder()
	}
	if err == nil {
		defer f.close()
		err = f.replace(sharedName(s), text.Bytes())
	}
	if err != nil {
		l.log.Warn("a login cannot be shared with the AWS CLI", "sign_in", label(s), "err", disk.Reason(err))
	}
	return err == nil
}

// removeShared removes the CLI's file. Where the directory cannot be used, such as
// on a disk that is read-only, a file that is not there needs no removing.
func (l *Logins) removeShared(s session.SignIn) error {
	f, err := l.sharedFolder()
	if err != nil {
		if _, gone := os.Lstat(filepath.Join(l.config.Home, ".aws", "sso", "cache", sharedName(s))); l.config.Home == "" || errors.Is(gone, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	defer f.close()
	return errors.Join(f.remove(sharedName(s)), f.remove(sharedName(s)+disk.Unfinished))
}

// adopt takes over what the CLI did: a newer token where somebody signed in with
// it, or it renewed ours, and a logout where its file has gone. It reports
// whether there was a newer one. A file that cannot be trusted or read is none.
func (l *Logins) adopt(e *entry) bool {
	t, err := l.readShared(e.who)
	if _, untrusted := errors.AsType[errUntrusted](err); untrusted {
		l.log.Warn("the AWS CLI's login is not used", "sign_in", label(e.who), "err", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(err, fs.ErrNotExist) && e.shared && e.token != nil {
		e.floor, e.token, e.shared = e.token.expires, nil, false
		e.over = person(e.who, "signed out with the AWS CLI")
		e.epoch++
		return false
	}
	if err != nil || !t.expires.After(e.floor) || e.token != nil && !t.expires.After(e.token.expires) {
		return false
	}
	// Expired and not renewable, it is nothing new to anybody.
	if now := l.now(); !now.Before(t.expires) && (t.refresh == nil || !now.Before(t.client.expires)) {
		return false
	}
	e.hand(t)
	e.kept, e.shared, e.unread = InShared, true, false
	e.epoch++
	return true
}

// tryShared is lockShared for what has to be done even if somebody hangs there.
func (l *Logins) tryShared(ctx context.Context) (unlock func()) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	unlock, err := l.lockShared(ctx)
	if err != nil {
		return func() {}
	}
	return unlock
}

// lockShared keeps other vendords of this user from renewing the same token, and
// returns what lets go. Where there can be no lock, as on a disk that is
// read-only, there is none.
func (l *Logins) lockShared(ctx context.Context) (unlock func(), err error) {
	f, err := l.sharedFolder()
	if err != nil {
		return func() {}, nil
	}
	defer f.close()
	// What is at the name is not followed, and not waited for.
	if info, err := f.root.Lstat(lockName); err == nil && (!info.Mode().IsRegular() || trust.Own(f.path, info, os.Geteuid(), 0o022) != nil) {
		return func() {}, nil
	}
	file, err := f.root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return func() {}, nil
	}
	for {
		if err = disk.Lock(file); !errors.Is(err, disk.ErrLocked) {
			// Closing it unlocks it.
			return func() { _ = file.Close() }, nil
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, disk.ErrLocked
		case <-time.After(50 * time.Millisecond):
		}
	}
}
