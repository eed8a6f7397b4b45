package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/session"
)

func (p *program) loginCommand() *cobra.Command {
	var device bool
	var code string
	cmd := &cobra.Command{
		Use: "login SOURCE|PROFILE", GroupID: "person", Args: exactly(1, "a SOURCE or a PROFILE"),
		Short: "Sign in: IAM Identity Center in the browser, or the code of an MFA device",
		Long: `Sign in to what a source, or a profile, needs a person for: IAM Identity Center,
in your browser, or the code of an MFA device. Every session that waits for it is
made at once.

The browser's answer comes to this command, which listens on 127.0.0.1 until you are
done; it hands the daemon a code that only the daemon can redeem. Where there is no
display, over SSH, or with --device: a page to open anywhere, and a short code to
compare there. Ctrl-C gives the login up.`,
		Example: `  vendord login john
  vendord login john --device
  oathtool --totp --base32 - <seed | vendord login john --code -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, release := interruptible(cmd.Context())
			defer release()
			return orSignal(ctx, p.login(ctx, args[0], device, code))
		},
	}
	cmd.Flags().BoolVar(&device, "device", false, "show a page and a code for a browser anywhere")
	cmd.Flags().StringVar(&code, "code", "", "the `code` of the MFA device; - reads it from stdin")
	return cmd
}

func (p *program) login(ctx context.Context, name string, device bool, code string) error {
	if code == "-" {
		line, err := io.ReadAll(io.LimitReader(p.stdin, maxTyped))
		if err != nil {
			return fail("", "stdin: %w", err)
		}
		code = strings.TrimSpace(string(line))
		if code == "" {
			return fail("the code is expected there: six digits", "stdin: empty")
		}
	}
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if code != "" {
		return p.enterCode(ctx, c, name, code)
	}
	back, err := p.waitForBrowser(device)
	if err != nil {
		return err
	}
	defer back.close()
	w, err := c.Login(ctx, control.LoginSpec{Name: name, Port: back.port()})
	if err != nil {
		return err
	}
	defer w.Close()
	switch w.Kind {
	case control.Nothing:
		if p.json {
			return p.printJSON(w.Login)
		}
		say(p.stderr, "%s", w.Message)
		return nil
	case control.MFA:
		code, err := p.ask(ctx, fmt.Sprintf("code of %s, for source %s: ", w.Subject, w.Source), "give the code with --code 123456, or --code - on stdin")
		if err != nil {
			return err
		}
		return p.enterCode(ctx, c, name, code)
	}
	in, err := p.inBrowser(ctx, c, w, back)
	if err != nil {
		return err
	}
	return p.printLogin(in, time.Now())
}

// enterCode has the daemon use a code now.
func (p *program) enterCode(ctx context.Context, c *control.Client, name, code string) error {
	in, err := c.Code(ctx, name, code)
	if err != nil {
		return err
	}
	return p.printLogin(in, time.Now())
}

// inBrowser shows the person where to go, and waits until they are done there.
func (p *program) inBrowser(ctx context.Context, c *control.Client, w *control.LoginWait, back *callback) (control.LoggedIn, error) {
	page, err := webPage(w.URL)
	if err != nil {
		return control.LoggedIn{}, err
	}
	p.showPage(w.Login)
	ctx, give := context.WithCancelCause(ctx)
	defer give(nil)
	if w.Kind == control.Browser && !w.Joined {
		stop := back.serve(answers{
			state:  page.Query().Get("state"),
			finish: func(code, state string) error { return c.Finish(ctx, w.ID, code, state) },
			failed: give,
		})
		defer stop()
		p.openBrowser(w.URL)
	}
	in, err := w.Wait(ctx)
	if said, ok := errors.AsType[*session.Error](context.Cause(ctx)); ok && err != nil {
		return in, said // what the browser brought
	}
	return in, err
}

// showPage prints the address always: what is opened for a person may open in
// the wrong browser, or not at all.
func (p *program) showPage(l control.Login) {
	switch {
	case l.Joined && l.Kind == control.Browser:
		say(p.stderr, "a sign-in to %s is under way, begun by another command: waiting for it\n  %s", l.Subject, l.URL)
	case l.Kind == control.Browser:
		say(p.stderr, "sign in to %s in your browser; if none opens, go to\n  %s", l.Subject, l.URL)
		fmt.Fprintln(p.stderr, "in a browser of this machine, or press Ctrl-C and add --device")
	default:
		say(p.stderr, "sign in to %s: in any browser, on any machine, go to\n  %s\nand see that it shows the code %s", l.Subject, l.URL, l.UserCode)
	}
}

// webPage refuses what is not a page of the web: it is handed to a program
// that opens files and everything else as well.
func webPage(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	loopback := err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return nil, fail("look at sso_endpoint in [daemon], and at the start URL", "login: %q is no page to sign in at", text)
	}
	return u, nil
}

func (p *program) printLogin(in control.LoggedIn, now time.Time) error {
	if p.json {
		return p.printJSON(in)
	}
	line := "signed in: source " + in.Source
	if in.Subject != "" {
		line += ", " + in.Subject
	}
	switch {
	case in.Renews:
		line += ", renewed by itself"
	case !in.Expires.IsZero():
		line += ", ends " + until(in.Expires, now)
	}
	if in.Kept != "" {
		line += ", kept in " + in.Kept
	}
	say(p.stderr, "%s", line)
	return nil
}

// headless reports whether a browser that is opened here would be seen by
// nobody. $BROWSER says that somebody has thought of it.
func (p *program) headless() bool {
	if p.getenv("BROWSER") != "" {
		return false
	}
	if p.getenv("SSH_CONNECTION") != "" || p.getenv("SSH_TTY") != "" {
		return true
	}
	switch runtime.GOOS {
	case "darwin", "windows":
		return false
	}
	return p.getenv("DISPLAY") == "" && p.getenv("WAYLAND_DISPLAY") == ""
}

func (p *program) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout [SOURCE|PROFILE]", GroupID: "person", Args: between(0, 1, "a SOURCE or a PROFILE, or nothing for all"),
		Short: "Sign out, and drop every session that descends from it",
		Long: `Sign out of what a source, or a profile, is signed in to, or of everything: tokens
are deleted, and every session that descends from them, or from a code of an MFA
device, is dropped at once. Credentials that programs hold already live on until they
expire: AWS has no way to take them back.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := strings.Join(args, "")
			return p.wipe(cmd.Context(), "signed out", func(ctx context.Context, c *control.Client) (control.WipedOut, error) {
				return c.Logout(ctx, name)
			})
		},
	}
}

// wipe calls the daemon and says what it took away.
func (p *program) wipe(ctx context.Context, what string, call func(context.Context, *control.Client) (control.WipedOut, error)) error {
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	out, err := call(ctx, c)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(out)
	}
	say(p.stderr, "%s: %s and %s forgotten", what, count(out.Logins, "login"), count(out.Sessions, "session"))
	for _, note := range out.Notes {
		say(p.stderr, "%s", note)
	}
	return nil
}
