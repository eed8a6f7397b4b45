package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/soak/proxy"
)

// sessions is how many apps there are, each with a profile, and so a session, of
// its own.
const sessions = 10

// A stage is vendord and its AWS, as processes, and what plays on them.
type stage struct {
	dir, aws        string // AWS's own address, past the road
	road            *proxy.Proxy
	vendord, fakeds *exec.Cmd
	log             *logTail
	client          *control.Client
	url             string
	tokens          [sessions]atomic.Pointer[token]
	revoked         atomic.Pointer[token] // the latest
	judge           *judge
	tally           tally
	journal         journal

	faults, reloads, issued int // of weather and steer, once they have ended
}

// newStage builds and starts everything. What it returns is to be closed.
func newStage(ctx context.Context) (*stage, error) {
	dir, err := os.MkdirTemp("", "vendord-soak-")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir, log: &logTail{}}
	if err := s.start(ctx); err != nil {
		s.close()
		return nil, fmt.Errorf("%w\n%s", err, s.log.tail())
	}
	return s, nil
}

func (s *stage) start(ctx context.Context) error {
	for _, name := range []string{"vendord", "fakeaws"} {
		build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(s.dir, name), "github.com/vendord/vendord/cmd/"+name)
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	s.fakeds = exec.Command(filepath.Join(s.dir, "fakeaws"))
	out, err := s.fakeds.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.fakeds.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("fakeaws: no address: %w", err)
	}
	s.aws = strings.TrimSpace(line)
	s.judge = newJudge(s.aws)
	s.journal.address = s.aws
	where, err := url.Parse(s.aws)
	if err != nil {
		return err
	}
	if s.road, err = proxy.New(where.Host); err != nil {
		return err
	}
	if err := s.writeFiles(); err != nil {
		return err
	}
	return s.serve(ctx)
}

// serve starts vendord. Its record goes to /dev/null, its log to a short memory.
func (s *stage) serve(ctx context.Context) error {
	socket := filepath.Join(s.dir, "s")
	s.vendord = exec.Command(filepath.Join(s.dir, "vendord"), "serve", "--config", filepath.Join(s.dir, "vendord.toml"),
		"--socket", socket, "--state-dir", filepath.Join(s.dir, "state"), "--audit-log", "-")
	s.vendord.Stderr = s.log
	if err := s.vendord.Start(); err != nil {
		return err
	}
	for range 200 {
		var err error
		if s.client, err = control.Dial(ctx, socket); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("vendord: no control socket within 10 s")
}

// close ends the processes that start started, and removes what it wrote.
func (s *stage) close() {
	if s.client != nil {
		s.client.Close()
	}
	for _, cmd := range []*exec.Cmd{s.vendord, s.fakeds} {
		if cmd != nil && cmd.Process != nil {
			_ = cmd.Process.Signal(os.Interrupt)
			stop := time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() })
			_ = cmd.Wait()
			stop.Stop()
		}
	}
	if s.road != nil {
		s.road.Close()
	}
	_ = os.RemoveAll(s.dir)
}

func (s *stage) writeFiles() error {
	john := fakeaws.Example().Accounts[0].Users[0].Keys[0]
	return errors.Join(
		s.write("aws-config", "[profile john]\nregion = eu-west-1\n"),
		s.write("aws-credentials", fmt.Sprintf("[john]\naws_access_key_id = %s\naws_secret_access_key = %s\n", john.ID, john.Secret)),
		s.write("vendord.toml", s.config(sessions)))
}

// write replaces a file in one go.
func (s *stage) write(name, text string) error {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// roles are what the profiles take in turn.
var roles = []struct{ account, name string }{{"629470240201", "JohnUploadRole"}, {"111122223333", "SecurityAdminAccess"}}

// principal is the ARN by which AWS must know the credentials of an app.
func principal(app int) string {
	role := roles[app%len(roles)]
	return fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/soak-%d", role.account, role.name, app)
}

// config is a vendord.toml with the first n apps.
func (s *stage) config(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[daemon]\nregion = \"eu-west-1\"\nsts_endpoint = \"http://%s\"\n\n[sources.john]\ntype = \"shared-config\"\nprofile = \"john\"\n"+
		"config_file = \"aws-config\"\ncredentials_file = \"aws-credentials\"\n", s.road.Addr())
	for i := range n {
		role := roles[i%len(roles)]
		fmt.Fprintf(&b, "\n[profiles.p%d]\nsource = \"john\"\nrole_arn = \"arn:aws:iam::%s:role/%s\"\nsession_name = \"soak-%d\"\nduration = \"15m\"\n"+
			"\n[apps.a%d]\nprofiles = [\"p%d\"]\n", i, role.account, role.name, i, i, i)
	}
	return b.String()
}

// A logTail remembers the end of a log.
type logTail struct {
	mu   sync.Mutex
	text []byte
}

func (l *logTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const most = 16 << 10
	l.text = append(l.text, p...)
	if extra := len(l.text) - most; extra > 0 {
		l.text = bytes.Clone(l.text[extra:])
	}
	return len(p), nil
}

func (l *logTail) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
