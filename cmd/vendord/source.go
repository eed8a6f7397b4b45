package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/keyring"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

func (p *program) sourceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "source", GroupID: "person", Args: exactly(0, ""),
		Short: "Look at sources, and keep keys in the operating system's keyring",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var stdin bool
	add := &cobra.Command{
		Use: "add SOURCE", Args: exactly(1, "a SOURCE"),
		Short: "Put the long-term keys of a source of type keyring into the keyring",
		Long: `Put the long-term keys of a source of type keyring into the operating system's
keyring. They are typed, and not shown, or come on stdin: the access key id and the
secret access key as two lines, or as JSON, such as "aws iam create-access-key"
prints it. They are never written to a file.`,
		Example: `  vendord source add john
  aws iam create-access-key | vendord source add john --stdin`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, release := interruptible(cmd.Context())
			defer release()
			return orSignal(ctx, p.addSource(ctx, args[0], stdin))
		},
	}
	add.Flags().BoolVar(&stdin, "stdin", false, "read the keys from stdin")
	cmd.AddCommand(p.completing(add, sourceNames),
		&cobra.Command{Use: "list", Args: exactly(0, ""), Short: "Show each source: where it is, whether it can be used, who is signed in",
			RunE: func(cmd *cobra.Command, _ []string) error { return p.listSources(cmd.Context()) }},
		p.completing(&cobra.Command{Use: "check SOURCE", Args: exactly(1, "a SOURCE"), Short: "Ask AWS who a source is (GetCallerIdentity)",
			RunE: func(cmd *cobra.Command, args []string) error { return p.checkSource(cmd.Context(), args[0]) }}, sourceNames),
		p.completing(&cobra.Command{Use: "remove SOURCE", Args: exactly(1, "a SOURCE"), Short: "Take the keys of a source out of the keyring",
			RunE: func(cmd *cobra.Command, args []string) error { return p.removeSource(cmd.Context(), args[0]) }}, sourceNames))
	return cmd
}

// userKeys are the long-term keys of an IAM user.
type userKeys struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string `json:"SecretAccessKey"`
}

// Format prints no secret, whatever the verb.
func (k userKeys) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "keys "+session.Redacted)
}

func (p *program) addSource(ctx context.Context, name string, stdin bool) error {
	if err := p.checkKeyringSource(name); err != nil {
		return err
	}
	k, err := p.readKeys(ctx, stdin)
	if err == nil {
		err = k.check()
	}
	if err != nil {
		return err
	}
	entry, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := keyring.New().Set(ctx, session.Source{Name: name}.KeyringEntry(), string(entry)); err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "kept in the keyring: %s, for source %s\n", k.AccessKeyID, name)
	return p.tellDaemon(ctx, name)
}

// sourceName is the form of names in vendord.toml.
var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func (p *program) checkKeyringSource(name string) error {
	if p.system {
		return fail("give the service keys as systemd credentials, or a role", "keyring: in system mode there is none")
	}
	if len(name) > 64 || !sourceName.MatchString(name) {
		return usageError{fmt.Sprintf("source %q: not a name", name), "names have letters, digits, ., - and _"}
	}
	return nil
}

// readKeys reads the keys from stdin or, without showing them, from the
// terminal.
func (p *program) readKeys(ctx context.Context, stdin bool) (k userKeys, err error) {
	if stdin {
		text, err := io.ReadAll(io.LimitReader(p.stdin, maxTyped))
		if err != nil {
			return k, fail("", "stdin: %w", err)
		}
		return parseKeys(string(text))
	}
	const hint = "use --stdin: two lines, or JSON"
	if k.AccessKeyID, err = p.ask(ctx, "access key id (not shown): ", hint); err != nil {
		return k, err
	}
	k.SecretAccessKey, err = p.ask(ctx, "secret access key (not shown): ", hint)
	return k, err
}

// parseKeys reads two lines, or JSON with or without the "AccessKey" that the
// AWS CLI puts around it. Its errors say nothing of what was read.
func parseKeys(text string) (k userKeys, err error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		var around struct {
			userKeys
			AccessKey userKeys
		}
		if err := json.Unmarshal([]byte(text), &around); err != nil {
			return k, fail(`as {"AccessKeyId": "...", "SecretAccessKey": "..."}`, "stdin: not JSON that can be read")
		}
		if around.AccessKey != (userKeys{}) {
			return around.AccessKey, nil
		}
		return around.userKeys, nil
	}
	lines := strings.Fields(text)
	if len(lines) != 2 {
		return k, fail("the access key id on one line, the secret access key on the next", "stdin: not two lines")
	}
	return userKeys{lines[0], lines[1]}, nil
}

var (
	// IAM API reference, AccessKey: 16 to 128 word characters.
	keyID = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	// Secrets have forty characters of base64 now, and AWS promises nothing.
	secretKey = regexp.MustCompile(`^[A-Za-z0-9/+=]{16,256}$`)
)

// check refuses what cannot be a user's keys. It shows no part of them: what
// was typed may be the secret, at the wrong prompt.
func (k userKeys) check() error {
	switch {
	case !keyID.MatchString(k.AccessKeyID):
		return fail("it looks like AKIAIOSFODNN7EXAMPLE", "access key id: not the form of one")
	case strings.HasPrefix(k.AccessKeyID, "ASIA"):
		return fail("temporary keys end: sign in with IAM Identity Center, or use a source of type process", "access key id: of temporary keys")
	case !secretKey.MatchString(k.SecretAccessKey):
		return fail("it has forty letters, digits, / and +", "secret access key: not the form of one")
	}
	return nil
}

// tellDaemon has a daemon that runs look at the source, and says what is left to
// write into vendord.toml.
func (p *program) tellDaemon(ctx context.Context, name string) error {
	c, err := p.connect(ctx)
	if errors.Is(err, control.ErrNoDaemon) {
		if config, err := profiles.Load(p.profileOptions()); err == nil {
			p.tellFile(name, config.Sources[name].Type)
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Refresh(ctx, name, false); err != nil {
		return err
	}
	rows, err := c.Sources(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rows, func(row control.SourceRow) bool { return row.Name == name })
	if i < 0 {
		p.tellFile(name, "")
		return nil
	}
	p.tellFile(name, rows[i].Type)
	return nil
}

// tellFile says what vendord.toml lacks for a source whose type is kind there.
func (p *program) tellFile(name, kind string) {
	switch kind {
	case session.Keyring:
	case "":
		fmt.Fprintf(p.stderr, "vendord.toml has no such source yet: write\n\n[sources.%s]\ntype = \"keyring\"\n\nand run: vendord reload\n", name)
	default:
		p.warn(fail(`write type = "keyring" there, and run: vendord reload`, "source %s: of type %s in vendord.toml, so these keys are not used", name, kind))
	}
}

func (p *program) removeSource(ctx context.Context, name string) error {
	if err := p.checkKeyringSource(name); err != nil {
		return err
	}
	err := keyring.New().Delete(ctx, session.Source{Name: name}.KeyringEntry())
	if errors.Is(err, keyring.ErrNotFound) {
		return fail("vendord source list shows what there is", "source %s: nothing of it is in the keyring", name)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "removed from the keyring: the keys of source %s\n", name)
	c, err := p.connect(ctx)
	if errors.Is(err, control.ErrNoDaemon) {
		return nil
	}
	if err != nil {
		return err
	}
	defer c.Close()
	n, err := c.Refresh(ctx, name, true)
	if n > 0 {
		fmt.Fprintf(p.stderr, "%s dropped; credentials that programs hold already live on until they expire\n", count(n, "session"))
	}
	return err
}

func (p *program) listSources(ctx context.Context) error {
	c, stop, err := p.connectOrServe(ctx)
	if err != nil {
		return err
	}
	defer stop()
	defer c.Close()
	rows, err := c.Sources(ctx)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(rows)
	}
	lines := [][]string{{"SOURCE", "TYPE", "WHERE", "USABLE", "SIGN-IN", "PROFILES"}}
	var troubles []string
	for _, row := range rows {
		usable := "yes"
		if row.Problem != "" {
			usable = "no"
			troubles = append(troubles, "! "+row.Problem)
			if row.Hint != "" {
				troubles = append(troubles, "  hint: "+row.Hint)
			}
		}
		lines = append(lines, []string{row.Name, row.Type, row.Where, usable, signInCell(row, time.Now()), dash(strings.Join(row.Profiles, ", "))})
	}
	if err := table(p.stdout, lines); err != nil {
		return err
	}
	for _, line := range troubles {
		say(p.stdout, "%s", line)
	}
	return nil
}

// signInCell says whether somebody is signed in.
func signInCell(row control.SourceRow, now time.Time) string {
	switch {
	case row.SignIn == "":
		return "-"
	case row.Until.IsZero():
		return row.SignIn + ": nobody"
	case row.Renews:
		return row.SignIn + ": signed in"
	case !row.Until.After(now):
		return row.SignIn + ": over"
	}
	return row.SignIn + ": ends " + until(row.Until, now)
}

func (p *program) checkSource(ctx context.Context, name string) error {
	c, stop, err := p.connectOrServe(ctx)
	if err != nil {
		return err
	}
	defer stop()
	defer c.Close()
	who, err := c.CheckSource(ctx, name)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(map[string]string{"Account": who.Account, "Arn": who.ARN, "UserId": who.UserID})
	}
	say(p.stdout, "%s", who.ARN)
	say(p.stderr, "source %s is in account %s", name, who.Account)
	return nil
}
