package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// process is a server that runs beside this one.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser // nil or a pipe to its stdin
	marker string         // what stands in the line that says that it is ready
	ready  chan string    // gets that line; closed when the process ends
	said   tail
}

// startProcess starts a command that says that it is ready in a line with the
// marker. It is told to end when ctx does, and killed three seconds later.
func startProcess(ctx context.Context, environ []string, stdin bool, marker, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...), marker: marker, ready: make(chan string, 1)}
	p.cmd.Env, p.cmd.Cancel, p.cmd.WaitDelay = environ, p.interrupt, 3*time.Second
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = to, to
	if stdin {
		if p.in, err = p.cmd.StdinPipe(); err != nil {
			return nil, err
		}
	}
	err = p.cmd.Start()
	_ = to.Close()
	if err != nil {
		_ = from.Close()
		return nil, err
	}
	go p.listen(from)
	return p, nil
}

// listen reads all that the process says, or it would wait to be heard.
func (p *process) listen(from io.ReadCloser) {
	defer from.Close()
	defer close(p.ready)
	ready := false
	in := bufio.NewScanner(from)
	for in.Scan() {
		p.said.add(in.Text())
		if !ready && strings.Contains(in.Text(), p.marker) {
			ready = true
			p.ready <- in.Text()
		}
	}
	_, _ = io.Copy(io.Discard, from) // a line that was too long ended the scan
}

// await returns the line that says that the process is ready.
func (p *process) await() (string, error) {
	select {
	case line, ok := <-p.ready:
		if !ok {
			return "", fmt.Errorf("%s ended: %s", p.cmd.Path, p.said.text())
		}
		return line, nil
	case <-time.After(30 * time.Second):
		return "", fmt.Errorf("%s: not ready after 30 seconds: %s", p.cmd.Path, p.said.text())
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) interrupt() error {
	if runtime.GOOS == "windows" {
		return p.cmd.Process.Kill()
	}
	return p.cmd.Process.Signal(os.Interrupt)
}

// stop ends the process and waits for it. How it ends is of no matter any more.
func (p *process) stop() {
	if p.in != nil {
		_ = p.in.Close()
	}
	_ = p.interrupt()
	kill := time.AfterFunc(3*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	kill.Stop()
}

// tail is the last of what a process said.
type tail struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines = append(t.lines, line); len(t.lines) > 10 {
		t.lines = slices.Delete(t.lines, 0, 1)
	}
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "; ")
}

// callSelf runs this program in another mode, gives it in and reads out. It is
// killed if it takes longer than limit.
func (w *world) callSelf(ctx context.Context, mode string, in, out any, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, w.self, mode)
	cmd.Env, cmd.Stdin, cmd.WaitDelay = w.environ, bytes.NewReader(text), time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	answer, err := cmd.Output()
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		return fmt.Errorf("%s: not done after %s", mode, limit)
	case err != nil && stderr.Len() > 0:
		return fmt.Errorf("%s", strings.TrimPrefix(strings.TrimSpace(stderr.String()), "bench: "))
	case err != nil:
		return err
	}
	return json.Unmarshal(answer, out)
}
