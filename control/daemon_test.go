//go:build unix

package control_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

const hash = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// noon is when everything here happens.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// me is the name that the kernel and the user database have for this process.
func me() string {
	number := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return "#" + number
}

// daemon stands for all that a control server steers: it keeps tokens in
// memory and remembers what it was asked.
type daemon struct {
	mu       sync.Mutex
	rights   func(peer.Peer) (control.Rights, error)
	apps     []string
	profiles []string
	matched  string // a profile of an app that recognises this user
	tokens   []control.TokenSpec
	asked    []control.TokenSpec // what Issue and Hold got
	revoked  []string
	held     int
	holds    string        // the app of those
	ended    bool          // they were revoked
	changed  chan struct{} // gets a value whenever held went down
	status   control.Status
	issue    func(context.Context) error // called by Issue and Hold, if not nil
	reload   func(context.Context) ([]string, error)
	log      bytes.Buffer

	used     []control.UseSpec
	rotated  []control.RotateSpec
	infos    []control.AppInfo
	refusals []control.Refusal
}

// newDaemon returns one that gives everyone the same rights, and in which this
// user has a token for the app claude until one o'clock.
func newDaemon(rights control.Rights) *daemon {
	return &daemon{
		rights:   func(peer.Peer) (control.Rights, error) { return rights, nil },
		apps:     []string{"claude"},
		profiles: []string{"readonly"},
		tokens: []control.TokenSpec{
			{ID: "mine", App: "claude", User: me(), Issued: noon.Add(-time.Hour), Expires: noon.Add(time.Hour), Hash: hash},
			{ID: "other-app", App: "uploader", User: me(), Expires: noon.Add(time.Hour)},
			{ID: "janes", App: "claude", User: "jane", Expires: noon.Add(9 * time.Hour)},
			{ID: "anyones", App: "claude", User: "", Expires: noon.Add(9 * time.Hour)},
			{ID: "shell", App: "cli", User: me(), Profile: "readonly", Expires: noon.Add(8 * time.Hour)},
			{ID: "running", App: "claude", User: me(), Held: true, Expires: noon.Add(8 * time.Hour)},
		},
		changed: make(chan struct{}, 1000),
	}
}

func (d *daemon) config() control.Config {
	return control.Config{
		Rights:  func(p peer.Peer) (control.Rights, error) { return d.rights(p) },
		Allowed: func(string, []string) ([]string, []string) { return d.apps, d.profiles },
		Always: func(user string, _ []string, app, profile string) bool {
			return user == me() && app == "cli" && profile == d.matched
		},
		Status: func(control.Caller) control.Status { return d.status },
		Issue: func(ctx context.Context, t control.TokenSpec) (control.Issued, error) {
			return d.register(ctx, t)
		},
		Hold: func(ctx context.Context, t control.TokenSpec) (control.Issued, func(), error) {
			issued, err := d.register(ctx, t)
			if err != nil {
				return issued, nil, err
			}
			d.hold(1, t.App)
			return issued, func() { d.hold(-1, t.App) }, nil
		},
		Revoke:  d.revoke,
		Metrics: func() []byte { return []byte("vendord_locked 0\n") },
		Tokens: func(app string) []control.TokenSpec {
			d.mu.Lock()
			defer d.mu.Unlock()
			tokens := slices.Clone(d.tokens)
			if d.held > 0 && !d.ended {
				tokens = append(tokens, control.TokenSpec{ID: "new", App: d.holds, User: me(), Held: true})
			}
			return slices.DeleteFunc(tokens, func(t control.TokenSpec) bool { return app != "" && t.App != app })
		},
		Anyone: func(app string) bool { return app == "bridge" },
		Use: func(_ context.Context, q control.UseSpec) (control.Used, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.used = append(d.used, q)
			return control.Used{App: q.App, From: "upload", To: q.Profile}, nil
		},
		Rotate: func(_ context.Context, q control.RotateSpec) (control.Rotated, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.rotated = append(d.rotated, q)
			return control.Rotated{Issued: control.Issued{ID: "new", App: q.App}, OldID: "old", OldEnds: noon.Add(q.Overlap)}, nil
		},
		Apps: func(control.Caller) []control.AppInfo { return d.infos },
		Why:  func(string) []control.Refusal { return d.refusals },
		FetchPolicy: func(_ context.Context, profile, arn string) (control.PolicyText, error) {
			return control.PolicyText{Document: profile + " " + arn, Version: "v1"}, nil
		},
		Reload: func(ctx context.Context) ([]string, error) {
			if d.reload != nil {
				return d.reload(ctx)
			}
			return []string{"2 profiles, 1 app"}, nil
		},
		Now: func() time.Time { return noon },
		Log: slog.New(slog.NewTextHandler(locked{d}, nil)),
	}
}

func (d *daemon) register(ctx context.Context, t control.TokenSpec) (control.Issued, error) {
	if d.issue != nil {
		if err := d.issue(ctx); err != nil {
			return control.Issued{}, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, t)
	return control.Issued{ID: "new", App: t.App, User: t.User, Profile: "readonly", URL: "http://127.0.0.1:9797/v1/credentials",
		Region: "eu-west-1", Expires: t.Expires}, nil
}

func (d *daemon) hold(n int, app string) {
	d.mu.Lock()
	d.held += n
	d.holds = app
	d.mu.Unlock()
	if n < 0 {
		select {
		case d.changed <- struct{}{}:
		default: // nobody has been counting for long
		}
	}
}

// waitReleased waits until n more tokens were released.
func (d *daemon) waitReleased(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-d.changed:
		case <-time.After(30 * time.Second):
			t.Fatalf("a held token was not released within 30 s")
		}
	}
}

func (d *daemon) heldNow() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held
}

// last returns what Issue or Hold got last.
func (d *daemon) last() control.TokenSpec {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.asked) == 0 {
		return control.TokenSpec{}
	}
	return d.asked[len(d.asked)-1]
}

func (d *daemon) revoke(app, id string) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if app == "nonsense" {
		return 0, &session.Error{Class: session.Configuration, Public: `app "nonsense": not in vendord.toml`, Hint: "vendord apps lists them"}
	}
	d.revoked = append(d.revoked, app+"/"+id)
	if id == "new" {
		d.ended = true
		return 1, nil
	}
	before := len(d.tokens)
	d.tokens = slices.DeleteFunc(d.tokens, func(t control.TokenSpec) bool { return t.App == app && (id == "" || t.ID == id) })
	return before - len(d.tokens), nil
}

func (d *daemon) logged() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

// locked writes to a daemon's log.
type locked struct{ d *daemon }

func (l locked) Write(p []byte) (int, error) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	return l.d.log.Write(p)
}

// serve serves d on a socket of its own until the test ends, or stop is called,
// which returns what Serve returned.
func (d *daemon) serve(t testing.TB, mode os.FileMode) (path string, stop func() error) {
	t.Helper()
	return d.serveWith(t, mode, d.config())
}

// serveAs is serve for this user alone, with a changed Config.
func (d *daemon) serveAs(t testing.TB, change func(*control.Config)) (path string, stop func() error) {
	t.Helper()
	c := d.config()
	if change != nil {
		change(&c)
	}
	return d.serveWith(t, 0o600, c)
}

func (d *daemon) serveWith(t testing.TB, mode os.FileMode, config control.Config) (path string, stop func() error) {
	t.Helper()
	path = filepath.Join(socketDir(t), "control.sock")
	ln, err := control.Listen(path, mode)
	if err != nil {
		t.Fatalf("Listen: got %v, want a listener", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- control.New(config).Serve(ctx, ln) }()
	stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-served:
			return err
		case <-time.After(20 * time.Second):
			return errors.New("still serving 20 s after its context ended")
		}
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
	return path, stop
}

// socketDir returns a directory with a short path, which all users can enter
// and only this one can write to.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir) // messages have the real path
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// dial returns a client that is closed at the test's end.
func dial(t testing.TB, path string) *control.Client {
	t.Helper()
	c, err := control.Dial(context.Background(), path)
	if err != nil {
		t.Fatalf("Dial: got %v, want a client", err)
	}
	t.Cleanup(c.Close)
	return c
}

// said returns what a person reads of an error: its line, and its hint.
func said(err error) string {
	e, ok := errors.AsType[*session.Error](err)
	switch {
	case err == nil:
		return ""
	case !ok:
		return fmt.Sprintf("%T: %v", err, err)
	case e.Hint == "":
		return e.Public
	}
	return e.Public + " | " + e.Hint
}

// wantSaid checks an error's words; an empty want is no error.
func wantSaid(t *testing.T, what string, err error, want string) {
	t.Helper()
	if strings.HasPrefix(me(), "#") { // no shell takes it bare
		want = strings.ReplaceAll(want, "--user ME", "--user "+"'"+me()+"'")
	}
	want = strings.ReplaceAll(want, "ME", me())
	if got := said(err); got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}
