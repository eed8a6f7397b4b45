package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// side is one of the two that are compared: a running server and what it
// answers to whom.
type side struct {
	*process
	addr  string
	token string
	body  []byte
	kind  string // Content-Type

	recognises bool // callers without a token
}

// daemon is a vendord of n profiles: its files, whether it runs or not.
type daemon struct {
	world            *world
	dir, config      string
	socket, auditLog string
	gogc             string // $GOGC, or "" for vendord's own choice
}

func (w *world) newDaemon(name string, profiles int, gogc string) (*daemon, error) {
	dir := filepath.Join(w.dir, name)
	d := &daemon{world: w, dir: dir, config: filepath.Join(dir, "vendord.toml"), socket: filepath.Join(dir, "run", "control.sock"),
		auditLog: filepath.Join(dir, "audit.jsonl"), gogc: gogc}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return d, w.writeConfig(d.config, profiles)
}

// environ returns the environment of a server with a GC percent of its own, or
// without one.
func (w *world) environWith(gogc string) []string {
	if gogc == "" {
		return w.environ
	}
	return append(w.environ[:len(w.environ):len(w.environ)], "GOGC="+gogc)
}

// start starts the daemon; it need not be ready.
func (d *daemon) start(ctx context.Context) (*process, error) {
	return startProcess(ctx, d.world.environWith(d.gogc), false, "msg=ready", d.world.vendord, "serve",
		"--config", d.config, "--socket", d.socket, "--state-dir", d.dir, "--audit-log", d.auditLog)
}

// serve starts the daemon and has it answer an app.
func (d *daemon) serve(ctx context.Context, app string) (*side, error) {
	p, err := d.start(ctx)
	if err != nil {
		return nil, err
	}
	s := &side{process: p, recognises: true}
	if _, err = p.await(); err == nil {
		err = d.introduce(ctx, s, app)
	}
	if err == nil {
		err = s.first()
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	return s, nil
}

// introduce gives a side its address and a token for an app.
func (d *daemon) introduce(ctx context.Context, s *side, app string) error {
	var err error
	if s.token, err = d.issue(ctx, app); err != nil {
		return err
	}
	s.addr, err = d.addr()
	return err
}

// issue issues a token as a person would.
func (d *daemon) issue(ctx context.Context, app string) (string, error) {
	cmd := exec.CommandContext(ctx, d.world.vendord, "--socket", d.socket, "token", "issue", app)
	cmd.Env = d.world.environ
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("token: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// addr returns where the daemon answers: it keeps its port.
func (d *daemon) addr() (string, error) {
	port, err := os.ReadFile(filepath.Join(d.dir, "port"))
	return net.JoinHostPort("127.0.0.1", strings.TrimSpace(string(port))), err
}

// first asks once, with net/http's client, and remembers the answer.
func (s *side) first() error {
	r, err := http.NewRequest(http.MethodGet, "http://"+s.addr+"/v1/credentials", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", s.token)
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	s.body, err = io.ReadAll(answer.Body)
	s.kind = answer.Header.Get("Content-Type")
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the first answer: %s: %s", answer.Status, s.body)
	}
	return err
}

// serveBare starts the bare handler, which answers what like does.
func (w *world) serveBare(ctx context.Context, like *side, gogc string) (*side, error) {
	p, err := startProcess(ctx, w.environWith(gogc), true, "127.0.0.1:", w.self, modeBare)
	if err != nil {
		return nil, err
	}
	s := &side{process: p, token: like.token}
	if err = json.NewEncoder(p.in).Encode(bare{Token: []byte(like.token), Type: like.kind, Body: like.body}); err == nil {
		s.addr, err = p.await()
	}
	if err == nil {
		err = s.first()
	}
	if err == nil && !bytes.Equal(s.body, like.body) {
		err = fmt.Errorf("the bare handler answers something else than vendord")
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	return s, nil
}

// serveBoth starts a daemon and the bare handler beside it.
func (w *world) serveBoth(ctx context.Context, name, gogc string) (d *daemon, v, b *side, err error) {
	if d, err = w.newDaemon(name, fewProfiles, gogc); err != nil {
		return nil, nil, nil, err
	}
	if v, err = d.serve(ctx, "a0"); err != nil {
		return nil, nil, nil, err
	}
	if b, err = w.serveBare(ctx, v, gogc); err != nil {
		v.stop()
		return nil, nil, nil, err
	}
	return d, v, b, nil
}
