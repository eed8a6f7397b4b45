//go:build unix

package control_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/peer"
)

// TestMain is also what a child process does: $CONTROL_CHILD names it.
func TestMain(m *testing.M) {
	switch path := os.Getenv("CONTROL_SOCKET"); os.Getenv("CONTROL_CHILD") {
	case "":
		if os.Geteuid() == 65534 {
			fmt.Fprintln(os.Stderr, "these tests cannot run as user 65534 (nobody): vendord obeys nobody, and the tests would wait for answers that it refuses")
			os.Exit(1)
		}
		os.Exit(m.Run())
	case "hold":
		childHold(path)
	case "stranger":
		childStranger(path)
	}
}

// childHold holds a token until it is killed.
func childHold(path string) {
	c, err := control.Dial(context.Background(), path)
	if err == nil {
		_, err = c.Hold(context.Background(), tok("claude", "", ""))
	}
	fmt.Println("held:", said(err))
	time.Sleep(time.Hour)
}

// childStranger tries everything that another user would try, and prints what
// it was told, a line for each.
func childStranger(path string) {
	ctx := context.Background()
	c, err := control.Dial(ctx, path)
	if err != nil {
		fmt.Println("dial:", said(err))
		return
	}
	for _, try := range strangerTries {
		fmt.Println(try.does+":", said(try.act(ctx, c)))
	}
}

var strangerTries = []struct {
	does string
	act  act
}{
	{"status", status},
	{"reload", reload},
	{"dump", dump(heap)},
	{"own token", issue(tok("claude", "", ""))},
	{"root's token", issue(tok("claude", "root", ""))},
	{"hold root's token", hold(tok("claude", "root", ""))},
	{"token of another app", issue(tok("uploader", "", ""))},
	{"revoke root's", revoke("claude", "mine")},
	{"revoke own", revoke("claude", "strangers")},
}

// child starts this test binary as a child process, as another user if cred is
// not nil. The binary is copied, since go test keeps it where only its own
// user can look.
func child(t *testing.T, role, path string, cred *syscall.Credential) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	exe := filepath.Join(socketDir(t), "child")
	copyFile(t, exe)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "CONTROL_CHILD="+role, "CONTROL_SOCKET="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	cmd.Dir = filepath.Dir(exe)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting a child: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewReader(out)
}

func copyFile(t *testing.T, to string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, from); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A holder that is killed gets no chance to say so, and its token is released
// all the same.
func TestHoldEndsWithItsProcess(t *testing.T) {
	d := newDaemon(control.Vend)
	path, _ := d.serve(t, 0o600)
	cmd, out := child(t, "hold", path, nil)
	if line, err := out.ReadString('\n'); line != "held: \n" {
		t.Fatalf("the child: got %q %v, want it to hold a token", line, err)
	}
	if n := d.heldNow(); n != 1 {
		t.Fatalf("held: got %d, want 1", n)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.waitReleased(t, 1)
}

// stranger is a user that root can become. It has no name: it is "#54321".
const stranger = 54321

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

// Another user of the machine, on the socket of a system daemon, gets what is
// its own and nothing else.
func TestOtherUser(t *testing.T) {
	needRoot(t, "be somebody else")
	user := fmt.Sprintf("#%d", stranger)
	d := newDaemon(0)
	d.rights = func(p peer.Peer) (control.Rights, error) {
		if p.UID == stranger {
			return control.Vend | control.See, nil
		}
		return control.Steer, nil
	}
	d.tokens = append(d.tokens, control.TokenSpec{ID: "strangers", App: "claude", User: user, Expires: noon.Add(time.Minute)})
	path, _ := d.serve(t, 0o666)
	_, out := child(t, "stranger", path, &syscall.Credential{Uid: stranger, Gid: stranger})
	text, err := io.ReadAll(out)
	want := strings.Join([]string{
		`status: `,
		`reload: ` + mayNot,
		`dump: ` + mayNotDump,
		`own token: `,
		`root's token: token for user "root": only the owner (or root and operators) may issue it | leave the user out to get a token for yourself`,
		`hold root's token: token for user "root": only the owner (or root and operators) may issue it | leave the user out to get a token for yourself`,
		`token of another app: ` + strings.ReplaceAll(strings.ReplaceAll(noUploader, "--user ME", "--user "+"'"+user+"'"), "ME", user),
		`revoke root's: token "mine"` + noToken,
		`revoke own: `, ``,
	}, "\n")
	if string(text) != want || err != nil {
		t.Errorf("user %s:\n got %s(%v)\nwant %s", user, text, err, want)
	}
	if got := d.last(); got.User != user || got.Steer || !got.Expires.Equal(noon.Add(time.Minute)) {
		t.Errorf("granted to %s: got %+v, want a token of its own that ends with the one it has", user, got)
	}
}

// A user whom the kernel cannot name is refused, and so is one who cannot
// connect; neither is told that there is no daemon.
func TestUsersKeptOut(t *testing.T) {
	needRoot(t, "be somebody else")
	d := newDaemon(control.Steer) // for everyone who is known
	path, _ := d.serve(t, 0o666)
	_, out := child(t, "stranger", path, &syscall.Credential{Uid: 65534, Gid: 65534})
	text, _ := io.ReadAll(out)
	const want = "control socket: who asks is not known: peer of a unix socket: user 65534 is nobody, or of another user namespace" +
		" | vendord obeys only processes of this machine that the kernel can name\n"
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, ": "+want) {
			t.Errorf("nobody: got %s want %s", line, want)
		}
	}
	if strings.Count(string(text), "\n") != len(strangerTries) {
		t.Errorf("nobody: got %q, want %d refusals", text, len(strangerTries))
	}

	private, _ := d.serve(t, 0o600)
	_, out = child(t, "stranger", private, &syscall.Credential{Uid: stranger, Gid: stranger})
	text, _ = io.ReadAll(out)
	if want := "dial: control socket " + private + ": this user may not connect | it is another user's: become that user, or name your own with --socket\n"; string(text) != want {
		t.Errorf("a closed socket:\n got %s want %s", text, want)
	}
}
