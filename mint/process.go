package mint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/vendord/vendord/session"
)

// maxOutput is how much a credential command may print: credentials have some
// two thousand characters.
const maxOutput = 64 << 10

// lookYourself ends the messages of commands that failed. What they printed
// is never shown: it may be a part of the credentials.
const lookYourself = "run the command yourself, as vendord's user: what it prints is not shown here, since it may hold secrets"

// process runs the command of a process source.
func (m *Minter) process(ctx context.Context, s session.Source) (aws.Credentials, error) {
	argv := session.Items(s.Command)
	if err := m.checkCommand(subject(s), "command", argv); err != nil {
		return aws.Credentials{}, err
	}
	return m.run(ctx, subject(s), argv)
}

// checkCommand refuses a command that cannot work, and the obvious loop: a
// daemon that waits for itself. The loops that are not obvious end in
// "vendord credentials", which knows VENDORD_INSIDE.
func checkCommand(subject, key string, argv []string) error {
	refuse := func(problem, hint string) error {
		return &session.Error{Class: session.Configuration, Public: subject + ": " + problem, Hint: hint}
	}
	if len(argv) == 0 || argv[0] == "" {
		return refuse("it has no "+key, "write it as a list: "+key+` = ["/usr/bin/tool", "argument"]`)
	}
	if isVendord(argv[0]) {
		return refuse("its "+key+" is vendord itself", "a source is where vendord gets its own credentials from")
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return refuse(fmt.Sprintf("its %s %.100q is not there, or cannot be run", key, argv[0]),
			"give its absolute path: the daemon's PATH may be shorter than yours; "+reload)
	}
	return nil
}

// checkCommand is checkCommand where the command is to be run.
func (m *Minter) checkCommand(subject, key string, argv []string) error {
	err := checkCommand(subject, key, argv)
	if err == nil || len(argv) == 0 || isVendord(argv[0]) {
		return err
	}
	_, why := exec.LookPath(argv[0])
	return m.hindered(err, argv[0], why)
}

// hindered gives an error of a command the hint that the sandbox is to blame, if so.
func (m *Minter) hindered(err error, command string, why error) error {
	e, ok := errors.AsType[*session.Error](err)
	if !ok || m.config.Hindered == nil {
		return err
	}
	if hint := m.config.Hindered(command, why); hint != "" {
		blamed := *e
		blamed.Hint = hint
		return &blamed
	}
	return err
}

func isVendord(command string) bool {
	return strings.TrimSuffix(filepath.Base(command), ".exe") == "vendord"
}

// run gets the credentials that a command prints.
func (m *Minter) run(ctx context.Context, subject string, argv []string) (aws.Credentials, error) {
	text, err := m.output(ctx, subject, "command", argv, maxOutput)
	if err != nil {
		return aws.Credentials{}, err
	}
	keys, problem := parseProcess(text, m.now())
	if problem != "" {
		return aws.Credentials{}, commandFailed(subject, "command", problem)
	}
	return keys, nil
}

// commandFailed is a failure of the command of a key of vendord.toml. It is of
// class Retry: tools fail because the network or somebody's login does, and both
// come back without vendord hearing of it.
func commandFailed(subject, key, problem string) error {
	return &session.Error{Class: session.Retry, Public: subject + ": its " + key + " " + problem, Hint: lookYourself}
}

// output runs a command to its end, or to ctx's, and returns what it printed, at
// most so many bytes. It has no terminal to ask questions on.
func (m *Minter) output(ctx context.Context, subject, key string, argv []string, most int) ([]byte, error) {
	fail := func(format string, args ...any) error {
		return commandFailed(subject, key, fmt.Sprintf(format, args...))
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	out, complaint := &capped{most: most, full: cancel}, &counted{}
	cmd := exec.CommandContext(running, argv[0], argv[1:]...)
	cmd.Env = slices.DeleteFunc(append([]string{}, m.config.Environ...), isContainerVariable) // not nil: that would be os.Environ
	cmd.Stdout, cmd.Stderr = out, complaint                                                   // stdin is nil, which is /dev/null
	cmd.WaitDelay = time.Second                                                               // for what the command left behind with its output open
	alone(cmd)
	err := cmd.Run()
	switch {
	// In this order: what was killed for its output has also failed.
	case out.over:
		return nil, fail("printed more than %d KiB", most>>10)
	case ctx.Err() != nil:
		return nil, fail("did not end in time")
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return nil, m.hindered(fail("failed (%s, %d bytes on standard error)", exitOf(err), complaint.bytes), argv[0], err)
	}
	return out.text, nil
}

// isContainerVariable finds what would lead an SDK inside the command back to
// vendord.
func isContainerVariable(pair string) bool { return strings.HasPrefix(pair, "AWS_CONTAINER_") }

func exitOf(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ProcessState.String()
	}
	return "it could not be started"
}

// parseProcess reads what a credential command printed, in the form of the
// SDKs' credential_process (AWS SDKs and Tools Reference Guide). The problem,
// if any, quotes nothing, not even what encoding/json says of it.
func parseProcess(text []byte, now time.Time) (keys aws.Credentials, problem string) {
	var printed struct {
		Version                                                int
		AccessKeyID, SecretAccessKey, SessionToken, Expiration string
	}
	if json.Unmarshal(text, &printed) != nil {
		return aws.Credentials{}, "did not print the JSON of a credential_process"
	}
	expires, err := time.Parse(time.RFC3339, printed.Expiration)
	switch {
	case printed.Version != 1:
		return aws.Credentials{}, "printed another Version than 1"
	case printed.AccessKeyID == "":
		return aws.Credentials{}, "printed no AccessKeyId"
	case printed.SecretAccessKey == "":
		return aws.Credentials{}, "printed no SecretAccessKey"
	case printed.Expiration == "": // keys that do not expire
	case err != nil:
		return aws.Credentials{}, "printed an Expiration that is not a time (RFC 3339)"
	case !expires.After(now):
		return aws.Credentials{}, "printed credentials that have expired"
	}
	return aws.Credentials{AccessKeyID: printed.AccessKeyID, SecretAccessKey: printed.SecretAccessKey, SessionToken: printed.SessionToken,
		CanExpire: printed.Expiration != "", Expires: expires}, ""
}

// capped keeps what a command prints and ends it when that is too much: a
// command whose output is not read any more would hang instead.
type capped struct {
	text []byte
	most int
	over bool
	full func()
}

func (c *capped) Write(p []byte) (int, error) {
	if len(c.text)+len(p) > c.most {
		c.over = true
		c.full()
		return len(p), nil
	}
	c.text = append(c.text, p...)
	return len(p), nil
}

// counted remembers only how much was written.
type counted struct{ bytes int }

func (c *counted) Write(p []byte) (int, error) {
	c.bytes += len(p)
	return len(p), nil
}
