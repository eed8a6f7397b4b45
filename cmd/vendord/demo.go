package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/sdkenv"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

//go:embed demo/vendord.toml
var demoConfig string

func (p *program) demoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use: "demo", GroupID: "look", Args: exactly(0, ""),
		Short: "Show what vendord does, against an AWS that it brings along",
		Long: `Show what vendord does, against an AWS that it brings along: a small fake one,
inside this process, which verifies signatures and enforces policies. Nothing
leaves this machine and no account is needed. After the story everything is left
running, for you to try from another terminal, until Ctrl-C.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.demo(cmd.Context(), once) },
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the story, with status 1 if a step did not go as it should")
	return cmd
}

// demoClock is the time that the demo's daemon and its AWS both believe.
type demoClock struct{ ahead atomic.Int64 }

func (c *demoClock) Now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *demoClock) advance(d time.Duration) { c.ahead.Add(int64(d)) }
func (c *demoClock) reset()                  { c.ahead.Store(0) }

// stage is everything that the demo runs: a fake AWS and a daemon.
type stage struct {
	clock  *demoClock
	aws    *fakeaws.Fake
	awsURL string
	daemon *daemon
	client *control.Client
	socket string
	dir    string
}

func (p *program) demo(ctx context.Context, once bool) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "vendord-demo-")
	if err != nil {
		return fail("set TMPDIR to a directory that you can write", "demo: %w", err)
	}
	defer os.RemoveAll(dir)
	signal.Ignore(syscall.SIGPIPE) // whoever pipes the story into head still wants the directory gone

	ctx, cancel := context.WithCancel(ctx)
	parts, ctx := errgroup.WithContext(ctx)
	s, err := p.setStage(ctx, dir, parts)
	if err == nil {
		err = p.play(ctx, s, once)
	}
	cancel()
	if ended := parts.Wait(); err == nil {
		err = ended
	}
	return err
}

func (p *program) play(ctx context.Context, s *stage, once bool) error {
	defer s.daemon.Close()
	defer s.client.Close()
	if failed := (&story{stage: s, out: p.stdout}).tell(ctx); failed > 0 && ctx.Err() == nil {
		return fail("this is a defect of vendord: please report it with what stands above", "demo: %s went another way", count(failed, "step"))
	}
	if once || ctx.Err() != nil {
		return nil
	}
	s.clock.reset()
	s.daemon.cache.Retain(nothing) // minted under another clock
	if err := p.invite(ctx, s); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// setStage starts the fake AWS and the daemon, each on a free loopback port,
// and waits for both.
func (p *program) setStage(ctx context.Context, dir string, parts *errgroup.Group) (*stage, error) {
	s := &stage{clock: &demoClock{}, dir: dir, socket: filepath.Join(dir, "run", "control.sock")}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	if s.aws, err = fakeaws.New(fakeaws.Config{State: fakeaws.Example(), Now: s.clock.Now, Log: quiet}); err != nil {
		return nil, err
	}
	awsListener, err := bind("127.0.0.1:0", "")
	if err != nil {
		return nil, err
	}
	s.awsURL = "http://" + awsListener.Addr().String()
	parts.Go(func() error { return s.aws.Serve(ctx, awsListener) })

	if err := writeDemoFiles(dir, s.awsURL); err != nil {
		return nil, err
	}
	p.leaveAWS()
	s.daemon, err = newDaemon(daemonOptions{
		config: profiles.Options{Path: filepath.Join(dir, "vendord.toml"), UID: p.uid, Home: dir},
		state:  filepath.Join(dir, "state"), user: p.user, now: s.clock.Now, log: quiet,
	})
	if err != nil {
		return nil, err
	}
	ctl, err := control.Listen(s.socket, 0o600)
	if err != nil {
		return nil, err
	}
	vend, err := bind("127.0.0.1:0", "")
	if err != nil {
		return nil, err
	}
	return s, s.start(ctx, parts, vend, ctl)
}

func (s *stage) start(ctx context.Context, parts *errgroup.Group, vend, ctl net.Listener) (err error) {
	ready := make(chan struct{})
	parts.Go(func() error { return s.daemon.Run(ctx, vend, ctl, func() { close(ready) }) })
	select {
	case <-ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.client, err = control.Dial(ctx, s.socket)
	return err
}

// exampleKey is john's.
func exampleKey() fakeaws.AccessKey { return fakeaws.Example().Accounts[0].Users[0].Keys[0] }

// writeDemoFiles writes the demo's configuration, and john's keys where an SDK
// would have them.
func writeDemoFiles(dir, sts string) error {
	john := exampleKey()
	files := map[string]string{
		"vendord.toml":    strings.ReplaceAll(demoConfig, "{{sts}}", sts),
		"aws-config":      "[profile john]\nregion = eu-west-1\n",
		"aws-credentials": fmt.Sprintf("[john]\naws_access_key_id = %s\naws_secret_access_key = %s\n", john.ID, john.Secret),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fail("free some space in "+os.TempDir(), "demo: %w", err)
		}
	}
	return nil
}

// invite prints what to paste into another terminal.
func (p *program) invite(ctx context.Context, s *stage) error {
	token, spec := newToken(control.TokenSpec{App: "agent", TTL: 12 * time.Hour, Warm: true})
	issued, err := s.client.Issue(ctx, spec)
	if err != nil {
		return err
	}
	vars := sdkenv.Vending(p.environ, issued.URL, issued.Region, sdkenv.Variable{Name: sdkenv.ContainerToken, Value: token})
	vars = append(vars, sdkenv.Variable{Name: "AWS_ENDPOINT_URL", Value: s.awsURL})
	files, err := sdkenv.Files{}.Copy(s.dir) // a [default] profile with keys would come first
	if err != nil {
		return err
	}
	vars = append(vars, files...)
	write := shellWriters["sh"]
	fmt.Fprintln(p.stdout, "\nEverything is left running. Paste this into another terminal to be the agent:")
	fmt.Fprintln(p.stdout)
	fmt.Fprintln(p.stdout, "  unset "+strings.Join(sdkenv.Shadows(vars), " "))
	for _, v := range vars {
		fmt.Fprintln(p.stdout, "  "+write.set(v.Name, v.Value))
	}
	fmt.Fprint(p.stdout, `
  aws s3 ls s3://company1-hr                            # works
  echo hello | aws s3 cp - s3://company1-hr/agent.txt   # denied, because of the session policy
  curl -s -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" "$AWS_CONTAINER_CREDENTIALS_FULL_URI"

And as the daemon's owner:

  `+p.self()+` --socket `+s.socket+` status

Ctrl-C ends it all.
`)
	return nil
}

func (s *stage) write(name, text string) (string, error) {
	path := filepath.Join(s.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

func (s *stage) fetch(ctx context.Context, token string) (*session.Credentials, error) {
	return server.Fetch(ctx, s.daemon.url, token)
}

// self is how this program is called: the demo is run before anything is
// installed.
func (p *program) self() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, "go-build") {
		return "go run ./cmd/vendord"
	}
	return "vendord"
}
