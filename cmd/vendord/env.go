package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/sdkenv"
	"github.com/vendord/vendord/server"
)

func (p *program) envCommand() *cobra.Command {
	ttl := lifetime(12 * time.Hour)
	var into issuing
	var to leading
	var shell string
	cmd := &cobra.Command{
		Use: "env APP|PROFILE", GroupID: "run", Args: exactly(1, "an APP or a PROFILE"),
		Short: "Print shell lines that give a shell an app's or a profile's credentials",
		Long: `Print shell lines that give a shell, and what it starts, the credentials of an
app or a profile: a token for 12 hours, with which SDKs fetch credentials and
renew them. At most twenty tokens of an app live at a time; "vendord token list"
shows them.

With --metadata they lead to EC2's metadata service instead (endpoints.imds), for
programs that know nothing else: of an app that the kernel recognises, and at its own
port, if it has one. With --relative they name the path alone, which SDKs look for at
169.254.170.2 (endpoints.ecs): for those that know no other address.

Of an app that the kernel recognises, env warns where your user or its groups cannot be
the app's.

Keys in the [default] profile of ~/.aws still come first in every SDK: env cannot
put files out of the way as exec does, and warns.`,
		Example: `  eval "$(vendord env claude)"
  vendord env claude --file ~/.claude-token
  eval "$(vendord env terraform --metadata)"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			to.lifetime = cmd.Flags().Changed("ttl")
			return p.env(cmd.Context(), args[0], time.Duration(ttl), into, to, shell)
		},
	}
	f := cmd.Flags()
	f.Var(&ttl, "ttl", "how long the token lives: 12h, 30d")
	f.Var((*outFile)(&into.file), "file", "write the token to `path` and print the lines that name it")
	f.BoolVar(&into.force, "force", false, "with --file: replace what is there, be it a token or not")
	f.BoolVar(&to.metadata, "metadata", false, "lead to EC2's metadata service")
	f.BoolVar(&to.relative, "relative", false, "name a path of 169.254.170.2, for SDKs that know ECS alone")
	f.StringVar(&shell, "shell", p.shellName(), "whose lines: sh, fish or powershell")
	cmd.SetFlagErrorFunc(inItsOwnWords)
	return cmd
}

func (p *program) env(ctx context.Context, name string, ttl time.Duration, into issuing, to leading, shell string) error {
	write, ok := shellWriters[shell]
	if !ok {
		return usageError{fmt.Sprintf("shell %q: unknown", shell), "sh, fish or powershell"}
	}
	if to.metadata && to.relative {
		return usageError{"env: --metadata and --relative lead to different places", "use one of them"}
	}
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if app := kernelApp(status, name); app != nil {
		return p.kernelEnv(status, *app, into, to, write)
	}
	if to.metadata {
		return p.noMetadata(status, name)
	}
	at, err := to.place(status, server.Path)
	if err != nil {
		return err
	}
	spec, err := p.tokenFor(status, name)
	if err != nil {
		return err
	}
	spec.TTL, spec.Warm = ttl, true
	file, err := p.fileFor(into, "")
	if err != nil {
		return err
	}
	defer file.close()
	secret, issued, err := issueHere(ctx, c, spec, file)
	if err != nil {
		return err
	}
	token := sdkenv.Variable{Name: sdkenv.ContainerToken, Value: secret}
	if file != nil {
		token = sdkenv.Variable{Name: sdkenv.ContainerTokenFile, Value: file.path}
	}
	p.printEnv(write, sdkenv.Vending(p.environ, cmp.Or(at, issued.URL), issued.Region, token),
		map[string]any{"app": issued.App, "profile": issued.Profile, "token_id": issued.ID, "expires": issued.Expires})
	return p.takeBackUnprinted(ctx, c, issued)
}

// printEnv prints the lines that set variables, and unset what shadows them.
func (p *program) printEnv(write shellWriter, vars []sdkenv.Variable, about map[string]any) {
	p.warnOfShadows()
	unset := append(sdkenv.Shadows(vars), profileVariable) // of an exec that the shell may be in
	if p.json {
		about["set"], about["unset"] = vars, unset
		_ = p.printJSON(about)
		return
	}
	for _, name := range unset {
		fmt.Fprintln(p.stdout, write.unset(name))
	}
	for _, v := range vars {
		fmt.Fprintln(p.stdout, write.set(v.Name, v.Value))
	}
}

// kernelApp returns the app of a name that the kernel alone recognises, or nil.
func kernelApp(s control.Status, name string) *control.AppRow {
	for i, app := range s.Apps {
		if app.Name == name && app.Kernel {
			return &s.Apps[i]
		}
	}
	return nil
}

// kernelEnv prints what leads to the path on which the kernel says who asks. There
// is no token, and one that is left in the environment would be refused there.
func (p *program) kernelEnv(s control.Status, app control.AppRow, into issuing, to leading, write shellWriter) error {
	switch no := "app %q: recognised by the kernel, it has no token"; {
	case into.file != "":
		return fail("leave --file out", no, app.Name)
	case to.lifetime: // and would go on when whoever set it thinks that it is over
		return fail("leave --ttl out", no, app.Name)
	}
	region := ""
	for _, row := range s.Profiles {
		if row.Name == app.Current {
			region = row.Region
		}
	}
	at, err := to.place(s, server.ProcessPath)
	if err != nil {
		return err
	}
	vars := sdkenv.Vending(p.environ, cmp.Or(at, strings.TrimSuffix(s.URL, server.Path)+server.ProcessPath), region)
	if to.metadata {
		service, err := metadataOf(s, app.Name)
		if err != nil {
			return err
		}
		vars = sdkenv.Metadata(p.environ, service, region)
	}
	if app.Unlike != "" {
		p.warn(fail("have them run by who matches, or name another app: vendord apps",
			"app %q: %s: programs of this shell get nothing", app.Name, app.Unlike))
	}
	p.printEnv(write, vars, map[string]any{"app": app.Name, "profile": app.Current})
	return p.printed()
}

// tokenFor makes the token for a name that is an app's or a profile's; the two
// differ by rule. A shell's is its user's, of whatever app.
func (p *program) tokenFor(status control.Status, name string) (control.TokenSpec, error) {
	known := map[string]bool{}
	for _, app := range status.Apps {
		known[app.Name] = true
		if app.Name == name {
			return control.TokenSpec{App: name, User: status.You}, nil
		}
	}
	for _, profile := range status.Profiles {
		known[profile.Name] = true
		if profile.Name == name {
			return control.TokenSpec{App: profiles.CLI, Profile: name}, nil
		}
	}
	return control.TokenSpec{}, notLoaded(status, unknownName("app or profile", name, known))
}

// warnOfShadows says what env cannot put out of the way.
func (p *program) warnOfShadows() {
	for _, path := range sdkenv.FindFiles(p.getenv, p.home).Shadowing() {
		p.warn(fail("use vendord exec, or move the keys to a profile of another name",
			"%s: its [default] profile has credentials, and SDKs take those first", path))
	}
}

// shellWriter writes lines for one family of shells.
type shellWriter struct {
	set   func(name, value string) string
	unset func(name string) string
}

var shellWriters = map[string]shellWriter{
	"sh": {
		set:   func(name, value string) string { return "export " + name + "=" + quoteSh(value) },
		unset: func(name string) string { return "unset " + name },
	},
	"fish": {
		set: func(name, value string) string {
			return "set -gx " + name + " '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
		},
		unset: func(name string) string { return "set -e " + name },
	},
	"powershell": {
		set: func(name, value string) string {
			return "$Env:" + name + " = '" + powershellQuotes.ReplaceAllString(value, "$0$0") + "'"
		},
		unset: func(name string) string {
			return "Remove-Item -ErrorAction SilentlyContinue Env:" + name
		},
	},
}

// powershellQuotes are all the characters that end a string in single quotes
// (about_Quoting_Rules): it takes typographic ones for the same.
var powershellQuotes = regexp.MustCompile("['\u2018\u2019\u201A\u201B]")

// quoteSh quotes for any POSIX shell. NO_PROXY, and with it whatever a person
// has in it, is evaluated by theirs.
func quoteSh(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quoteWord quotes what a shell would not take as it is.
func quoteWord(s string) string {
	if sourceName.MatchString(s) {
		return s
	}
	return quoteSh(s)
}

// shellName guesses whose lines the person wants.
func (p *program) shellName() string {
	if filepath.Base(p.getenv("SHELL")) == "fish" {
		return "fish"
	}
	return "sh"
}
