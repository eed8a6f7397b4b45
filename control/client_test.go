//go:build unix

package control_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/session"
)

func TestDial(t *testing.T) {
	dir := socketDir(t)
	missing, dead := dir+"/missing", dir+"/dead"
	deadSocket(t, dead)
	live, stop := newDaemon(control.Steer).serve(t, 0o600)
	const start = " | start it: vendord serve"

	c, err := control.Dial(t.Context(), missing, dead, live, dir+"/never-asked")
	if err != nil || c.Path() != live {
		t.Fatalf("Dial: got %v %v, want a client of %s", c, err, live)
	}
	defer c.Close()
	for _, paths := range [][]string{{missing}, {dead}, {dead, missing}} {
		_, err := control.Dial(t.Context(), paths...)
		wantSaid(t, "Dial", err, "control socket: no daemon answers (looked at "+strings.Join(paths, " and ")+")"+start)
		if !errors.Is(err, control.ErrNoDaemon) {
			t.Errorf("Dial %q: got %v, want ErrNoDaemon", paths, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = control.Dial(gone, live)
	wantSaid(t, "Dial with no time", err, "control socket "+live+": interrupted")

	// A client whose daemon stops says so, whatever it is asked.
	if err := stop(); err != nil {
		t.Fatalf("Serve: got %v, want nil", err)
	}
	for _, do := range []act{status, reload, hold(tok("claude", "", ""))} {
		err := do(t.Context(), c)
		wantSaid(t, "after the daemon stopped", err, "control socket: no daemon answers (looked at "+live+")"+start)
		if !errors.Is(err, control.ErrNoDaemon) {
			t.Errorf("after the daemon stopped: got %v, want ErrNoDaemon", err)
		}
	}
}

// A status arrives as it was sent, but who asks is filled in by the server,
// and what only who steers may see is taken out.
func TestStatus(t *testing.T) {
	sent := control.Status{
		Version: "1.2.3", Mode: control.SystemMode, PID: 12, Started: noon, Config: "/etc/vendord/vendord.toml", Changed: true,
		URL: "http://127.0.0.1:9797/v1/credentials", You: "somebody else", Warnings: []string{"<a> & b"},
		Apps:     []control.AppRow{{Name: "claude", Profiles: []string{"readonly"}, Current: "readonly", Tokens: 2}},
		Profiles: []control.ProfileRow{{Name: "readonly", Source: "john", Policy: "inline + 1 managed", Duration: time.Hour}},
		Sessions: []control.SessionRow{{Profiles: []string{"readonly"}, Apps: []string{"claude"}, State: session.Failed, TokenUse: -1, Failures: 3, Next: noon,
			Last: &session.Error{Class: session.Administrator, Code: "AccessDenied", Public: "role x: AWS denies it", Hint: "ask"}}},
		Refusals: []control.RefusalRow{{Time: noon, App: "claude", User: "jane", Message: "no"}},
	}
	for name, rights := range map[string]control.Rights{"see": control.See, "steer": control.Steer} {
		t.Run(name, func(t *testing.T) {
			d := newDaemon(rights)
			d.status = sent
			path, _ := d.serve(t, 0o600)
			got, err := dial(t, path).Status(t.Context())
			want := sent
			want.You, want.Steer = me(), true
			if rights != control.Steer {
				want.Steer, want.Config, want.Changed, want.Warnings, want.Refusals = false, "", false, nil, nil
			}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Status:\n got %+v %v\nwant %+v", got, err, want)
			}
		})
	}
}

func TestReload(t *testing.T) {
	d := newDaemon(control.Steer)
	path, _ := d.serve(t, 0o600)
	c := dial(t, path)
	lines, err := c.Reload(t.Context())
	if err != nil || len(lines) != 1 || lines[0] != "2 profiles, 1 app" {
		t.Errorf("Reload: got %q %v, want one line", lines, err)
	}
	first := &session.Error{Class: session.Configuration, Public: "vendord.toml:3: profiles.x: missing", Hint: "add it"}
	second := &session.Error{Class: session.Configuration, Public: "vendord.toml:9: apps.y: unknown"}
	for _, test := range []struct {
		name string
		err  error
		want []*session.Error
	}{
		{"one problem", first, []*session.Error{first}},
		{"one problem, wrapped", fmt.Errorf("reloading: %w", first), []*session.Error{first}},
		{"two problems", errors.Join(first, second), []*session.Error{first, second}},
		{"two problems, wrapped", fmt.Errorf("reloading: %w", errors.Join(first, errors.Join(second))), []*session.Error{first, second}},
		{"something else", io.ErrUnexpectedEOF, []*session.Error{{Class: session.Retry, Public: "unexpected EOF"}}},
		{"with a cause", &session.Error{Class: session.Configuration, Public: "a", Err: errors.Join(first, second)}, []*session.Error{{Class: session.Configuration, Public: "a"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d.reload = func(context.Context) ([]string, error) { return nil, test.err }
			_, err := c.Reload(t.Context())
			if got := list(err); !reflect.DeepEqual(got, test.want) {
				t.Errorf("Reload: got %v, want %v", got, test.want)
			}
		})
	}
}

// list returns the errors that err joins.
func list(err error) []*session.Error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []*session.Error{session.AsError(err)}
	}
	var all []*session.Error
	for _, e := range joined.Unwrap() {
		all = append(all, session.AsError(e))
	}
	return all
}

// An error keeps its class and code on its way, and loses its cause; what is
// not one of ours gets words.
func TestErrorsCross(t *testing.T) {
	aws := &session.Error{Class: session.Administrator, Code: "AccessDenied", Public: "profile x: AWS denies it", Hint: "ask", Err: errors.New("private")}
	stopping := &session.Error{Class: session.Retry, Public: "daemon: stopping", Hint: "try again when it runs"}
	slow := &session.Error{Class: session.Retry, Public: "daemon: no result within 30s", Hint: "try again"}
	for _, test := range []struct{ err, want error }{
		{aws, &session.Error{Class: session.Administrator, Code: "AccessDenied", Public: "profile x: AWS denies it", Hint: "ask"}},
		{fmt.Errorf("warming: %w", aws), &session.Error{Class: session.Administrator, Code: "AccessDenied", Public: "profile x: AWS denies it", Hint: "ask"}},
		{&session.Error{Class: session.Limited, Public: "too many"}, &session.Error{Class: session.Limited, Public: "too many"}},
		{context.Canceled, stopping},
		{fmt.Errorf("storing: %w", context.DeadlineExceeded), slow},
		{errors.New("disk full"), &session.Error{Class: session.Retry, Public: "disk full"}},
	} {
		d := newDaemon(control.Steer)
		d.issue = func(context.Context) error { return test.err }
		path, _ := d.serve(t, 0o600)
		c := dial(t, path)
		for _, do := range []act{issue(tok("claude", "", "")), hold(tok("claude", "", ""))} {
			if err := do(t.Context(), c); !reflect.DeepEqual(err, test.want) {
				t.Errorf("%v: got %#v, want %#v", test.err, err, test.want)
			}
		}
	}
}

// A call that is under way when the daemon stops is told so.
func TestStopUnderWay(t *testing.T) {
	d := newDaemon(control.Steer)
	asking := make(chan struct{})
	d.reload = func(ctx context.Context) ([]string, error) {
		close(asking)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	path, stop := d.serve(t, 0o600)
	c := dial(t, path)
	told := make(chan error, 1)
	go func() { told <- reload(t.Context(), c) }()
	<-asking
	if err := stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	wantSaid(t, "Reload", <-told, "daemon: stopping | try again when it runs")
}

// What Serve cannot serve is an error, and one that does not wait for its
// context.
func TestServeBrokenListener(t *testing.T) {
	ln, err := control.Listen(filepath.Join(socketDir(t), "s"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	err = control.New(newDaemon(control.Steer).config()).Serve(t.Context(), ln)
	if err == nil || !strings.HasPrefix(err.Error(), "serving the control socket: ") || !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: got %v, want an error about the closed listener", err)
	}
}

// What answers at a socket may not be the daemon that this client is for.
func TestOtherDaemons(t *testing.T) {
	const header = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
	const spoke = "Vendord-Control: 1\r\n\r\n"
	for _, test := range []struct{ name, answer, want string }{
		{"of today", header + spoke + "{}\n", ""},
		{"newer", header + "Vendord-Control: 2\r\n\r\nanything", "the daemon is newer than this command: it speaks version 2, the command 1" +
			" | use the vendord that the daemon was started from, or update this one"},
		{"older", header + "Vendord-Control: 0\r\n\r\nanything", "the daemon is older than this command: it speaks version 0, the command 1" +
			" | restart the daemon, so that it runs the vendord that is installed now"},
		{"not vendord", header + "\r\n{}", "control socket PATH: what answers there is not vendord | name vendord's socket with --socket"},
		{"a redirect", "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: http://vendord/status\r\nContent-Length: 0\r\n\r\n", "control socket PATH: what answers there is not vendord | name vendord's socket with --socket"},
		{"unreadable", header + spoke + "[]\n", "control socket PATH: its answer cannot be read | " + otherVersion},
		{"an unreadable error", "HTTP/1.1 403 Forbidden\r\n" + spoke + "no\n", "control socket PATH: its answer cannot be read | " + otherVersion},
		{"endless", header + spoke + strings.Repeat(" ", 5<<20) + "\n", "control socket PATH: its answer is too long | " + otherVersion},
		{"an endless error", "HTTP/1.1 403 Forbidden\r\n" + spoke + strings.Repeat(" ", 5<<20), "control socket PATH: its answer is too long | " + otherVersion},
		{"gone", "", "control socket PATH: the connection was closed without an answer" +
			" | it may be stopping, or this user may have too many connections to it: try again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := answerWith(t, test.answer)
			c := dial(t, path)
			for _, do := range []act{issue(tok("claude", "", "")), hold(tok("claude", "", ""))} {
				wantSaid(t, test.name, do(t.Context(), c), strings.ReplaceAll(test.want, "PATH", path))
			}
		})
	}
	t.Run("silent", func(t *testing.T) {
		path := filepath.Join(socketDir(t), "s")
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		c := dial(t, path)
		for _, do := range []act{status, hold(tok("claude", "", ""))} {
			wantSaid(t, "silent", do(ctx, c), "control socket "+path+": no answer in time | it may be stuck: restart it")
		}
	})
}

// answerWith serves one text to every request, whatever it is.
func answerWith(t *testing.T, text string) string {
	path := filepath.Join(socketDir(t), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if n, _ := conn.Read(make([]byte, 4096)); n > 0 {
				_, _ = io.WriteString(conn, text)
			}
			_ = conn.Close()
		}
	}()
	return path
}
