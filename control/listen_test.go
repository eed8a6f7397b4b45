//go:build unix

package control_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vendord/vendord/control"
)

// deadSocket leaves a socket on which nobody listens.
func deadSocket(t *testing.T, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	_ = ln.Close()
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestListenModes(t *testing.T) {
	// A service's umask would make both sockets and directories its own.
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	for _, test := range []struct{ socket, dir fs.FileMode }{
		{0o600, 0o700},
		{0o666, 0o755},
	} {
		path := filepath.Join(socketDir(t), "vendord", "control.sock")
		ln, err := control.Listen(path, test.socket)
		if err != nil {
			t.Fatalf("Listen: got %v, want a listener", err)
		}
		if got := modeOf(t, path); got != test.socket {
			t.Errorf("socket: got mode %o, want %o", got, test.socket)
		}
		if got := modeOf(t, filepath.Dir(path)); got != test.dir {
			t.Errorf("directory of a socket %o: got mode %o, want %o", test.socket, got, test.dir)
		}
		if err := ln.Close(); err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("socket after Close: got %v, want it to be gone", err)
		}
	}
}

func TestListenWhereSomethingIs(t *testing.T) {
	const place = "choose another place: --socket PATH"
	t.Run("a dead socket is replaced", func(t *testing.T) {
		path := filepath.Join(socketDir(t), "s")
		deadSocket(t, path)
		ln, err := control.Listen(path, 0o600)
		if err != nil {
			t.Fatalf("Listen: got %v, want a listener", err)
		}
		defer ln.Close()
		dial(t, path)
	})
	t.Run("a live one is left alone", func(t *testing.T) {
		path, _ := newDaemon(control.Steer).serve(t, 0o600)
		_, err := control.Listen(path, 0o600)
		wantSaid(t, "Listen", err, "control socket "+path+": another vendord is running | stop it, or "+place)
		if !errors.Is(err, control.ErrRunning) {
			t.Errorf("Listen: got %v, want ErrRunning", err)
		}
		if err := status(t.Context(), dial(t, path)); err != nil {
			t.Errorf("the first daemon: got %v, want it to answer", err)
		}
	})
	t.Run("a file is left alone", func(t *testing.T) {
		path := filepath.Join(socketDir(t), "s")
		if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := control.Listen(path, 0o600)
		wantSaid(t, "Listen", err, "control socket "+path+": there is something else of that name | remove it, or "+place)
		if text, err := os.ReadFile(path); string(text) != "precious" {
			t.Errorf("the file: got %q %v, want it unharmed", text, err)
		}
	})
	t.Run("a file where the directory should be", func(t *testing.T) {
		dir := filepath.Join(socketDir(t), "vendord")
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := control.Listen(dir+"/s", 0o600)
		wantSaid(t, "Listen", err, "control socket "+dir+"/s: "+dir+" is not a directory | "+place)
	})
	t.Run("a directory that cannot be made", func(t *testing.T) {
		file := filepath.Join(socketDir(t), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := control.Listen(file+"/vendord/s", 0o600)
		wantSaid(t, "Listen", err, "control socket "+file+"/vendord/s: making its directory: mkdir "+file+": not a directory | "+place)
	})
	t.Run("a path that is too long", func(t *testing.T) {
		path := filepath.Join(socketDir(t), strings.Repeat("x", 120))
		_, err := control.Listen(path, 0o600)
		limit := len(syscall.RawSockaddrUnix{}.Path) - 1
		wantSaid(t, "Listen", err, fmt.Sprintf("control socket %s: its path has %d bytes, and a socket's can have %d | %s", path, len(path), limit, place))
	})
}

// A socket that was replaced belongs to whoever replaced it.
func TestCloseLeavesAnother(t *testing.T) {
	path := filepath.Join(socketDir(t), "s")
	first, err := control.Listen(path, 0o600)
	if err != nil {
		t.Fatalf("Listen: got %v, want a listener", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second, err := control.Listen(path, 0o600)
	if err != nil {
		t.Fatalf("Listen again: got %v, want a listener", err)
	}
	defer second.Close()
	if err := first.Close(); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
	dial(t, path)
}

// No directory is good for a socket in which somebody else could put theirs.
func TestBadDirectories(t *testing.T) {
	const place = "choose another place: --socket PATH"
	for _, test := range []struct {
		mode fs.FileMode
		want string
	}{
		{0o700, ""},
		{0o755, ""},
		{0o770, "others may write it (owner OWNER, mode 0770) | chmod 750 DIR, or " + place},
		{0o707, "others may write it (owner OWNER, mode 0707) | chmod 705 DIR, or " + place},
		{0o777 | fs.ModeSticky, "others may write it (owner OWNER, mode 0777) | chmod 755 DIR, or " + place},
	} {
		dir := socketDir(t)
		if err := os.Chmod(dir, test.mode); err != nil {
			t.Fatal(err)
		}
		ln, err := control.Listen(dir+"/s", 0o600)
		if test.want == "" {
			if err != nil {
				t.Errorf("Listen in a directory %o: got %v, want a listener", test.mode, err)
				continue
			}
			_ = ln.Close()
			continue
		}
		wantSaid(t, "Listen", err, "control socket "+dir+"/s: "+dir+": "+strings.NewReplacer("DIR", dir, "OWNER", owner()).Replace(test.want))
	}
}

// What holds for a directory holds for those above it, and for the client too.
func TestBadPlaces(t *testing.T) {
	open := socketDir(t)
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	dir, link := open+"/vendord", socketDir(t)+"/link"
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Symlink(dir, link)); err != nil {
		t.Fatal(err)
	}
	deadSocket(t, dir+"/s")
	for _, path := range []string{dir + "/s", link + "/s"} {
		bad := "control socket " + path + ": " + open + ": everybody may write it (owner " + owner() + ", mode 0777) | "
		_, err := control.Listen(path, 0o600)
		wantSaid(t, "Listen below a directory of everybody's", err, bad+"chmod go-w "+open+", or choose another place: --socket PATH")
		_, err = control.Dial(t.Context(), path)
		wantSaid(t, "Dial below a directory of everybody's", err, bad+trustNone)
	}
	if err := os.Chmod(open, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	ln, err := control.Listen(dir+"/s", 0o600)
	if err != nil {
		t.Fatalf("Listen below a sticky directory: got %v, want a listener", err)
	}
	defer ln.Close()
	dial(t, dir+"/s")
}

// owner is what a message about a file of ours calls us.
func owner() string { return strings.TrimPrefix(me(), "#") }

const trustNone = "name the socket of a vendord that you trust: --socket PATH"

// Whoever was first in a directory of everybody's is not who we look for; whom
// root gave a directory may be a daemon under a user of its own.
func TestSquatters(t *testing.T) {
	needRoot(t, "give files away")
	open, ours := socketDir(t), socketDir(t)
	theirs := func(path string) {
		t.Helper()
		if err := os.Lchown(path, stranger, stranger); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(open, 0o777|fs.ModeSticky), os.Mkdir(open+"/squat", 0o755), os.Mkdir(ours+"/run", 0o755),
		os.Symlink(ours+"/run", open+"/link")); err != nil {
		t.Fatal(err)
	}
	theirs(open + "/squat")
	theirs(open + "/link")
	theirs(ours + "/run")
	for _, path := range []string{open + "/s", open + "/squat/s", ours + "/run/s"} {
		ln, err := net.Listen("unix", path)
		if err := errors.Join(err, os.Chmod(path, 0o666)); err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		theirs(path)
	}
	belongs := fmt.Sprintf("belongs to %d (mode ", stranger)
	for path, want := range map[string]string{
		open + "/s":       belongs + "0666), not to root | " + trustNone,
		open + "/squat/s": open + "/squat: " + belongs + "0755), not to root | " + trustNone,
		open + "/link/s":  open + "/link: " + belongs + "0777), not to root | " + trustNone,
		ours + "/run/s":   "", // the way that systemd's RuntimeDirectory= makes it
	} {
		if want != "" {
			want = "control socket " + path + ": " + want
		}
		_, err := control.Dial(t.Context(), path)
		wantSaid(t, "Dial", err, want)
	}
	_, err := control.Listen(open+"/squat/t", 0o600)
	wantSaid(t, "Listen at a squatter's", err, "control socket "+open+"/squat/t: "+open+"/squat: "+belongs+"0755), not to root"+
		" | move it away, or choose another place: --socket PATH")
}

// A connection that is not a Unix socket has nobody at its other end.
func TestServeOverTCP(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- control.New(newDaemon(control.Steer).config()).Serve(ctx, ln) }()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, got := exchange(t, conn, get("/status", vendordHost, version1))
	if want := "control socket: who asks is not known: connected over tcp | vendord obeys only processes of this machine that the kernel can name"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}
