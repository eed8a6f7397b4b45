package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
)

func (p *program) tokenRotateCommand() *cobra.Command {
	var o issuing
	overlap := span{Duration: time.Hour, flag: "overlap", zero: true}
	cmd := &cobra.Command{
		Use: "rotate APP [ID]", Args: between(1, 2, "an APP, and the ID of one token"),
		Short: "Issue a new token in the place of one that lives on for a while",
		Long: `Issue a new token for the app and user of one that there is, and print it, as
"vendord token issue" does. The old one lives on for an hour, or --overlap, so that
programs can change over without being refused in between. ID is needed only if the
app has several.`,
		Example: `  vendord token rotate claude --file /home/agent/.vendord-token
  vendord token rotate ci 4k2mq7ab --overlap 2d`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.rotateToken(cmd.Context(), args[0], strings.Join(args[1:], ""), overlap.Duration, o)
		},
	}
	cmd.Flags().Var(&overlap, "overlap", "how long the old one lives on: 30m, 2d, or 0")
	o.flags(cmd)
	return cmd
}

func (p *program) rotateToken(ctx context.Context, app, id string, overlap time.Duration, o issuing) error {
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	old, err := oneToken(ctx, c, app, id)
	if err != nil {
		return err
	}
	if old.Path && o.file != "" {
		return usageError{"--file: an id in a path is no token file", "redirect stdout: vendord token rotate " + app + " " + old.ID + " > FILE"}
	}
	file, err := p.fileFor(o, old.User)
	if err != nil {
		return err
	}
	defer file.close()
	secret, spec := newToken(control.TokenSpec{App: app, Path: old.Path, TTL: time.Duration(o.ttl)})
	var rotated control.Rotated
	issued, err := deliver(ctx, c, secret, file, func() (control.Issued, error) {
		rotated, err = c.Rotate(ctx, control.RotateSpec{App: app, ID: old.ID, Path: old.Path, Hash: spec.Hash, TTL: spec.TTL, Overlap: overlap})
		return rotated.Issued, err
	})
	if err != nil {
		return err
	}
	if err := p.printToken(ctx, c, secret, issued, file); err != nil || p.json {
		return err
	}
	if overlap == 0 {
		say(p.stderr, "token %s: ended", rotated.OldID)
		return nil
	}
	say(p.stderr, "token %s: ends %s; its programs need the new one by then", rotated.OldID, until(rotated.OldEnds, time.Now()))
	return nil
}

// oneToken returns the token of an app with an id, or without one the only that
// there is and that was not rotated already.
func oneToken(ctx context.Context, c *control.Client, app, id string) (control.TokenSpec, error) {
	tokens, err := c.Tokens(ctx, app)
	if err != nil {
		return control.TokenSpec{}, err
	}
	var found []control.TokenSpec
	var ids []string
	for _, t := range tokens {
		if !t.Held && t.App == app && (t.ID == id || id == "" && !t.Rotated) {
			found, ids = append(found, t), append(ids, t.ID)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case id != "":
		return control.TokenSpec{}, fail("vendord token list shows those that there are", "token %q: no such token of app %q", id, app)
	case len(found) == 0:
		return control.TokenSpec{}, fail("vendord token issue "+app, "app %q: has no token to rotate", app)
	}
	return control.TokenSpec{}, fail(fmt.Sprintf("name one: vendord token rotate %s ID", app),
		"app %q: has %d tokens: %s", app, len(found), strings.Join(ids, ", "))
}

func (p *program) tokenAdoptCommand() *cobra.Command {
	o := issuing{ttl: lifetime(90 * 24 * time.Hour)}
	cmd := &cobra.Command{
		Use: "adopt APP", Args: exactly(1, "an APP"),
		Short: "Take a secret of your own, from a secret manager, for an app's token",
		Long: `Take a secret of your own for an app's token: one that a secret manager made and
hands to the program by its own ways. It is read from stdin, or typed and not shown,
or from --file, never from the command line, where every user could read it. Only
its hash leaves this command. It has 32 characters at least, random ones: nobody but
you knows how good they are.`,
		Example: `  pass show claude/token | vendord token adopt claude --user agent`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, release := interruptible(cmd.Context())
			defer release()
			return orSignal(ctx, p.adoptToken(ctx, args[0], o))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.user, "user", "", "the `user` who will present it (yourself)")
	f.Var(&o.ttl, "ttl", "how long it is good: 12h, 30d")
	f.StringVar(&o.file, "file", "-", "read it from `path`; - is stdin")
	cmd.SetFlagErrorFunc(inItsOwnWords)
	return cmd
}

func (p *program) adoptToken(ctx context.Context, app string, o issuing) error {
	secret, err := p.ownSecret(ctx, o.file)
	if err == nil {
		err = checkOwnSecret(secret)
	}
	if err != nil {
		return err
	}
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	hash := sha256.Sum256([]byte(secret))
	issued, err := c.Adopt(ctx, control.TokenSpec{App: app, User: o.user, Hash: hex.EncodeToString(hash[:]), TTL: time.Duration(o.ttl)})
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(map[string]any{"id": issued.ID, "app": issued.App, "user": issued.User, "url": issued.URL, "expires": issued.Expires})
	}
	p.sayToken("adopted as token", issued)
	return nil
}

// ownSecret reads a secret, less the newline at its end, which no program can send.
func (p *program) ownSecret(ctx context.Context, path string) (string, error) {
	in := p.stdin
	if f, ok := in.(*os.File); path == "-" && ok && terminal(f) {
		return p.ask(ctx, "secret (not shown): ", "give it on stdin, or in a file: --file PATH")
	}
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", fail("choose another path for --file", "%w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxTyped))
	if err != nil {
		return "", fail("", "secret: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}

// The bounds of an adopted secret: less could be guessed, and SDKs send no more in
// a header than a server takes.
const (
	minOwnSecret = 32
	maxOwnSecret = 1024
)

// checkOwnSecret refuses what no program could send, or somebody could guess. It
// says nothing of what it was given.
func checkOwnSecret(secret string) error {
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case len(secret) < minOwnSecret:
		return fail("make one: head -c 32 /dev/urandom | base64", "secret: shorter than %d characters", minOwnSecret)
	case len(secret) > maxOwnSecret:
		return fail("is it the right file?", "secret: longer than %d characters", maxOwnSecret)
	case strings.ContainsFunc(secret, bad):
		return fail("programs send it in a header: printable ASCII, on one line", "secret: has a space, a line break or another character that cannot be sent")
	}
	return nil
}
