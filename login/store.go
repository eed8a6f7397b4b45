package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/vendord/vendord/disk"
	"github.com/vendord/vendord/session"
)

const (
	// version is that of our files.
	version = 1
	// aside ends the name of one that could not be used.
	aside = ".damaged"
	// maxFiles is more than anybody has logins.
	maxFiles = 4096
)

// keptFile is a file of our own: one for each SignIn that somebody has signed in
// to. It says where the token is, and has it where that is here. After a logout it
// stays, without one: somebody was signed in here, and wants not to be.
type keptFile struct {
	Version int            `json:"version"`
	SignIn  session.SignIn `json:"sign_in"`
	Kept    string         `json:"kept,omitempty"`
	// Shared says that the AWS CLI had the token too. If its file is gone
	// since, somebody signed out there.
	Shared bool    `json:"shared,omitempty"`
	Token  *record `json:"token,omitempty"`
}

// parseKept reads a file that writeFile wrote under this name, and nothing else:
// what was meant for one SignIn must not sign in to another.
func parseKept(file string, text []byte) (keptFile, *token, error) {
	var k keptFile
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&k); err != nil || strict.More() {
		return k, nil, errors.New("damaged")
	}
	switch {
	case k.Version != version:
		return k, nil, fmt.Errorf("of version %d, which this vendord does not know", k.Version)
	case k.SignIn.Share || name(k.SignIn)+".json" != file || checkSignIn(k.SignIn) != nil:
		return k, nil, errors.New("not that of its sign-in")
	case k.Kept == InFile && k.Token == nil, k.Kept != InFile && k.Token != nil, k.Kept != InFile && k.Kept != InKeyring && k.Kept != Nowhere:
		return k, nil, errors.New("damaged")
	case k.Token == nil:
		return k, nil, nil
	}
	t, err := k.Token.token()
	return k, t, err
}

// readAll reads our files when vendord starts. One that is damaged, or somebody
// else's, signs nobody in. It is kept aside, and a warning says so.
func (l *Logins) readAll() {
	left, _ := l.files.names(".json" + disk.Unfinished)
	for _, file := range left { // by a crash, perhaps with a token
		_ = l.files.remove(file)
	}
	files, err := l.files.names(".json")
	if err != nil {
		l.log.Warn("logins cannot be read", "err", disk.Reason(err))
	}
	for _, file := range files[:min(len(files), maxFiles)] {
		text, err := l.files.read(file, 0o077)
		var k keptFile
		var t *token
		if err == nil {
			k, t, err = parseKept(file, text)
		}
		if err != nil {
			l.setAside(file, err)
			continue
		}
		e := l.entryLocked(k.SignIn)
		e.kept, e.shared, e.token, e.unread = k.Kept, k.Shared, t, k.Kept == InKeyring
		if k.Kept == Nowhere {
			e.over = person(k.SignIn, "signed out")
		}
	}
}

// setAside renames a file that cannot be used, for whoever wants to look at it. Who
// asks for its login is told why they must sign in again.
func (l *Logins) setAside(file string, why error) {
	path := filepath.Join(l.files.path, file)
	problem := fmt.Sprintf("its file cannot be used: %s", why)
	if err := l.files.root.Rename(file, file+aside); err == nil {
		problem += "; it is kept as " + file + aside
	}
	l.log.Warn("login cannot be read", "file", path, "err", why, "hint", "it is kept as "+file+aside+"; run: vendord login")
	l.damaged[file] = problem
}

// writeFile writes the file of a SignIn.
func (l *Logins) writeFile(s session.SignIn, k keptFile) error {
	if l.files == nil {
		return nil
	}
	s.Share = false
	k.Version, k.SignIn = version, s
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return errors.New("cannot be encoded")
	}
	if err := l.files.replace(name(s)+".json", text); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(l.files.path, name(s)+".json"), disk.Reason(err))
	}
	return nil
}

// commitment is what a token is stored for.
type commitment struct {
	epoch int  // in which it was asked for
	share bool // where the AWS CLI looks, too
	login bool // by a person, who replaces what was there
}

// commit stores a token and then hands it out, unless a logout or another login
// came before it. What was written by then, that logout wipes: it waits for the
// stores.
func (l *Logins) commit(e *entry, t *token, c commitment) bool {
	release, _ := e.hold(context.Background()) // all who hold it have a limit
	defer release()
	l.mu.Lock()
	void := e.epoch != c.epoch
	l.mu.Unlock()
	if void {
		return false
	}
	shared := c.share && l.writeShared(e.who, t)
	kept, problem := l.store(e.who, t, shared)
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.epoch != c.epoch {
		e.kept, e.shared = kept, shared // what there is to be wiped
		return false
	}
	if c.login {
		e.epoch++ // renewals of the token before it are void
	}
	e.hand(t)
	e.kept, e.shared, e.unread, e.problem = kept, shared, false, problem
	return true
}

// hand makes a token the one that is handed out. Called with the lock.
func (e *entry) hand(t *token) {
	e.token, e.over, e.failed, e.refused, e.retryAt = t, nil, nil, false, time.Time{}
}

// store writes a token into the best place that works.
func (l *Logins) store(s session.SignIn, t *token, shared bool) (kept, problem string) {
	if l.config.Keyring != nil {
		err := l.toKeyring(s, t)
		if err == nil {
			if err = l.writeFile(s, keptFile{Kept: InKeyring, Shared: shared}); err != nil {
				problem = "cannot be found again after a restart: " + cut(session.Visible(err.Error()))
			}
			return InKeyring, problem
		}
		l.log.Warn("the keyring does not keep a login", "sign_in", label(s), "err", err)
	}
	if l.files == nil {
		return InMemory, ""
	}
	r := t.record(s)
	if err := l.writeFile(s, keptFile{Kept: InFile, Shared: shared, Token: &r}); err != nil {
		l.log.Warn("a login cannot be kept over a restart", "sign_in", label(s), "err", err)
		return InMemory, "cannot be kept over a restart: " + cut(session.Visible(err.Error()))
	}
	return InFile, ""
}

// keyringLimit is how long the keyring may take.
const keyringLimit = 5 * time.Second

func keyringName(s session.SignIn) string { return "login/" + name(s) }

func (l *Logins) toKeyring(s session.SignIn, t *token) error {
	text, err := json.Marshal(t.record(s))
	if err != nil {
		return errors.New("cannot be encoded")
	}
	ctx, cancel := context.WithTimeout(context.Background(), keyringLimit)
	defer cancel()
	if err := l.config.Keyring.Set(ctx, keyringName(s), string(text)); err != nil {
		return err
	}
	// Some say yes and keep nothing, or what was there before.
	if kept, err := l.config.Keyring.Get(ctx, keyringName(s)); err != nil || kept != string(text) {
		return errors.New("it does not give back what it was given")
	}
	return nil
}

func (l *Logins) fromKeyring(ctx context.Context, s session.SignIn) (*token, error) {
	ctx, cancel := context.WithTimeout(ctx, keyringLimit)
	defer cancel()
	text, err := l.config.Keyring.Get(ctx, keyringName(s))
	if err != nil {
		return nil, err
	}
	return parseRecord([]byte(text))
}

// reread takes over what another vendord of this person did to a token in the
// keyring: the one inside an exec has the same login as the daemon, and AWS takes a
// refresh token once. It reports whether the token in hand is no longer the one to
// renew: it is another, or gone, since somebody signed out.
func (l *Logins) reread(ctx context.Context, e *entry, epoch int) bool {
	release, err := e.hold(ctx)
	if err != nil {
		return false
	}
	defer release()
	l.mu.Lock()
	mine := e.kept == InKeyring && e.epoch == epoch
	l.mu.Unlock()
	if !mine {
		return false
	}
	t, err := l.fromKeyring(ctx, e.who)
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := err != nil && errors.Is(err, l.config.NotFound)
	switch {
	case e.epoch != epoch, err != nil && !gone, err == nil && t.access.text() == e.token.access.text():
		return false
	case gone:
		e.floor, e.token, e.kept = e.token.expires, nil, Nowhere
		e.over = person(e.who, "signed out: its login is not in the keyring any more")
	default:
		e.hand(t)
	}
	e.epoch++
	return true
}

// rereadTwice rereads now and in a second: the keyring has no lock, and who was
// first to renew the token may be writing still.
func (l *Logins) rereadTwice(ctx context.Context, e *entry, epoch int) bool {
	l.mu.Lock()
	kept := e.kept
	l.mu.Unlock()
	if kept != InKeyring || l.reread(ctx, e, epoch) {
		return kept == InKeyring
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(rereadAfter):
		return l.reread(ctx, e, epoch)
	}
}

// deleteKeyring deletes a token. A keyring that has none is as good; one that
// cannot be asked is a failure only where the token must be there.
func (l *Logins) deleteKeyring(ctx context.Context, s session.SignIn, must bool) error {
	if l.config.Keyring == nil {
		if must {
			return errors.New("it is in the keyring, and there is none now")
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, keyringLimit)
	defer cancel()
	if err := l.config.Keyring.Delete(ctx, keyringName(s)); err != nil && must && !errors.Is(err, l.config.NotFound) {
		return err
	}
	return nil
}

// load reads a token that is in the keyring, the first time that somebody asks.
func (l *Logins) load(ctx context.Context, e *entry) error {
	l.mu.Lock()
	unread := e.unread
	l.mu.Unlock()
	if !unread {
		return nil
	}
	release, err := e.hold(ctx)
	if err != nil {
		return &session.Error{Class: session.Retry, Public: subject(e.who) + ": the keyring has not answered yet", Err: err}
	}
	defer release()
	l.mu.Lock()
	unread, epoch, noted := e.unread, e.epoch, e.kept == InKeyring
	l.mu.Unlock()
	switch {
	case !unread:
		return nil // read, or signed in, while we waited
	case l.config.Keyring == nil:
		return person(e.who, "its login is in the keyring, and there is none now")
	}
	t, err := l.fromKeyring(ctx, e.who)
	if err != nil && noted {
		got := person(e.who, "its login cannot be read from the keyring: "+cut(session.Visible(err.Error())))
		got.Err = err
		return got
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.epoch != epoch || !e.unread {
		return nil
	}
	// Without a note it was only tried; its keyring may answer the next time.
	if err == nil {
		e.hand(t)
		e.kept, e.unread = InKeyring, false
	}
	return nil
}
