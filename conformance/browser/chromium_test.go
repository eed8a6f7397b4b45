//go:build browser

package browser

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inNamespace runs a command that sees another /etc, made by etc. The
// machine's own stays what it is.
const inNamespace = `mount --bind /etc "$1/real" && mount --bind "$1/etc" /etc && shift && exec "$@"`

// chromium returns a command for a Chromium with a profile of its own. Its
// switches make it no safer than a user's: they only keep it from asking
// Google, and people, anything.
func chromium(ctx context.Context, t *testing.T, dir string, args ...string) *exec.Cmd {
	unshare := []string{"--mount"}
	if os.Getuid() != 0 {
		unshare = append(unshare, "--user", "--map-root-user")
	}
	switches := []string{"sh", "-c", inNamespace, "sh", dir,
		os.Getenv("CHROMIUM"), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--user-data-dir=" + t.TempDir(), "--no-first-run", "--no-default-browser-check",
		"--no-proxy-server", "--disable-popup-blocking", "--disable-extensions", "--disable-sync",
		"--disable-background-networking", "--disable-component-update", "--password-store=basic",
		// A page behind the window that it opened would have its timers slowed down.
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
	}
	cmd := exec.CommandContext(ctx, "unshare", append(append(unshare, switches...), args...)...)
	cmd.Env = append(clean(os.Environ()), "HOME="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // its children as well
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// browse opens a page, and closes the browser when the test ends.
func browse(t *testing.T, dir, url string, args ...string) (said *bytes.Buffer) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	cmd := chromium(ctx, t, dir, append(args, url)...)
	said = new(bytes.Buffer)
	cmd.Stderr = said
	must(t, cmd.Start())
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	return said
}

// dump returns the document that a person sees who types url.
func dump(t *testing.T, dir, url string) string {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := chromium(ctx, t, dir, "--dump-dom", url).Output()
	if err != nil {
		t.Fatalf("chromium --dump-dom %s: %v", url, err)
	}
	return string(out)
}

func version(t *testing.T) string {
	out, err := exec.Command(os.Getenv("CHROMIUM"), "--version").Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}
