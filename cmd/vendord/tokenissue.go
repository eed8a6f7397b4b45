package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/sdkenv"
)

// issuing is what the commands that make a token are told of it.
type issuing struct {
	user  string
	ttl   lifetime
	file  string
	force bool
	path  bool
}

func (o *issuing) flags(cmd *cobra.Command) {
	o.ttl = lifetime(90 * 24 * time.Hour)
	f := cmd.Flags()
	f.Var(&o.ttl, "ttl", "how long it lives: 12h, 30d")
	f.Var((*outFile)(&o.file), "file", "write it to `path`, for AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
	f.BoolVar(&o.force, "force", false, "with --file: replace what is there, be it a token or not")
	cmd.SetFlagErrorFunc(inItsOwnWords)
}

func (p *program) tokenIssueCommand() *cobra.Command {
	var o issuing
	cmd := &cobra.Command{
		Use: "issue APP", Args: exactly(1, "an APP"),
		Short: "Issue a token for an app and print it, alone, on stdout",
		Long: `Issue a token for an app and print it, alone, on stdout. With --file it is written
there instead, as SDKs want it (0600, no newline, at once), and stdout has the lines
that lead a program to it. A file for another user, which only root can make, is
that user's.

With --path it is an id in a path instead, for programs too old to send a token: what
is printed is the variable that leads them to ECS's address, which alone answers it.
Paths are logged by proxies, so give it to nothing else.`,
		Example: `  vendord token issue claude --user agent
  vendord token issue claude --user agent --file /home/agent/.vendord-token
  vendord token issue ci --ttl 30d > token
  vendord token issue batch --path > batch.env`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.issueToken(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().StringVar(&o.user, "user", "", "the `user` who will present it (yourself)")
	cmd.Flags().BoolVar(&o.path, "path", false, "make it an id in a path, of [endpoints.ecs]")
	o.flags(cmd)
	return cmd
}

func (p *program) issueToken(ctx context.Context, app string, o issuing) error {
	if o.path && o.file != "" {
		return usageError{"--path with --file: an id in a path is no token file", "redirect stdout: vendord token issue " + app + " --path > FILE"}
	}
	file, err := p.fileFor(o, o.user)
	if err != nil {
		return err
	}
	defer file.close()
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	secret, spec := newToken(control.TokenSpec{App: app, User: o.user, Path: o.path, TTL: time.Duration(o.ttl)})
	issued, err := deliver(ctx, c, secret, file, func() (control.Issued, error) { return c.Issue(ctx, spec) })
	if err != nil {
		return err
	}
	return p.printToken(ctx, c, secret, issued, file)
}

// fileFor opens the file of --file, which a user is to read; nil without it.
func (p *program) fileFor(o issuing, user string) (*tokenFile, error) {
	if o.file == "" {
		return nil, nil
	}
	return p.openTokenFile(o.file, user, o.force)
}

// deliver has the daemon register a token for its own address, and puts it into a
// file, if there is one. It is on the disk before anybody counts on it, and gets
// its name when it is good. A token that nobody got is taken back.
func deliver(ctx context.Context, c *control.Client, secret string, file *tokenFile, ask func() (control.Issued, error)) (control.Issued, error) {
	if file != nil {
		if err := file.write(secret); err != nil {
			return control.Issued{}, err
		}
	}
	issued, err := ask()
	if err != nil {
		return issued, err
	}
	err = refuseSquatter(c, issued.URL)
	if err == nil && file != nil {
		err = file.commit()
	}
	if err != nil {
		_, _ = c.Revoke(ctx, issued.App, issued.ID)
	}
	return issued, err
}

// issueHere has the daemon issue a token for its own address.
func issueHere(ctx context.Context, c *control.Client, spec control.TokenSpec, file *tokenFile) (secret string, issued control.Issued, err error) {
	secret, spec = newToken(spec)
	if issued, err = deliver(ctx, c, secret, file, func() (control.Issued, error) { return c.Issue(ctx, spec) }); err != nil {
		return "", issued, err
	}
	return secret, issued, nil
}

// printToken prints a token, or the lines that lead to its file, and says whose it
// is.
func (p *program) printToken(ctx context.Context, c *control.Client, secret string, issued control.Issued, file *tokenFile) error {
	data := map[string]any{"id": issued.ID, "app": issued.App, "user": issued.User, "url": issued.URL, "expires": issued.Expires}
	switch {
	case p.json && file != nil:
		data["file"] = file.path
		_ = p.printJSON(data)
	case strings.HasPrefix(secret, apps.PathPrefix):
		p.printID(secret, issued, data)
	case p.json:
		data["token"] = secret
		_ = p.printJSON(data)
	case file != nil:
		token := sdkenv.Variable{Name: sdkenv.ContainerTokenFile, Value: file.path}
		for _, v := range sdkenv.Vending(nil, issued.URL, issued.Region, token) { // not with this shell's proxies
			fmt.Fprintln(p.stdout, shellWriters[p.shellName()].set(v.Name, v.Value))
		}
	default:
		fmt.Fprint(p.stdout, secret)
		if terminal(p.stdout.File) {
			fmt.Fprintln(p.stdout) // and none in a file, which SDKs would send, or refuse
		}
	}
	if err := p.takeBackUnprinted(ctx, c, issued); err != nil {
		return err
	}
	if !p.json {
		p.sayToken("token", issued)
	}
	return nil
}

// printID prints an id in a path as the variable that leads a program to it. SDKs take
// the path alone for one at ECS's address, port 80.
func (p *program) printID(id string, issued control.Issued, data map[string]any) {
	name, value := sdkenv.ContainerURI, issued.URL+id
	if path, ok := strings.CutPrefix(value, "http://169.254.170.2/"); ok {
		name, value = sdkenv.ContainerPath, "/"+path
	}
	if p.json {
		data["variable"], data["value"] = name, value
		_ = p.printJSON(data)
		return
	}
	fmt.Fprintln(p.stdout, name+"="+value)
}

// sayToken says whose token it is, and until when.
func (p *program) sayToken(what string, issued control.Issued) {
	whose := "user " + issued.User
	if issued.User == "" {
		whose = "no user: for who is none of this machine's, such as a container"
	}
	say(p.stderr, "%s %s: app %s, %s, until %s, at %s",
		what, issued.ID, issued.App, whose, issued.Expires.Local().Format("2006-01-02 15:04"), issued.URL)
}

// takeBackUnprinted revokes a token that did not reach whoever asked for it.
func (p *program) takeBackUnprinted(ctx context.Context, c *control.Client, issued control.Issued) error {
	err := p.printed()
	if err != nil {
		_, _ = c.Revoke(ctx, issued.App, issued.ID)
	}
	return err
}
