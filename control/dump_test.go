//go:build unix

package control_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

// dump is an act that takes a dump and throws it away.
func dump(q control.Dump) act {
	return func(ctx context.Context, c *control.Client) error { return c.Dump(ctx, q, io.Discard) }
}

// heap is a dump that is to be had at once.
var heap = control.Dump{Name: "heap"}

// steered returns a client that may steer.
func steered(t *testing.T) *control.Client {
	t.Helper()
	path, _ := newDaemon(control.Steer).serve(t, 0o600)
	return dial(t, path)
}

func TestDumps(t *testing.T) {
	c := steered(t)
	for _, name := range control.Dumps {
		q := control.Dump{Name: name}
		if q.Timed() {
			q.Seconds = 1
		}
		var got bytes.Buffer
		if err := c.Dump(t.Context(), q, &got); err != nil {
			t.Errorf("Dump(%s): got %v", name, said(err))
			continue
		}
		if name == "trace" {
			if !strings.HasPrefix(got.String(), "go 1.") {
				t.Errorf("Dump(trace): got %.20q, want a trace", got.String())
			}
			continue
		}
		// What go tool pprof reads is compressed.
		if z, err := gzip.NewReader(&got); err != nil {
			t.Errorf("Dump(%s): got %v, want a profile", name, err)
		} else if text, err := io.ReadAll(z); err != nil || name == "goroutine" && !bytes.Contains(text, []byte("runtime.")) || len(text) == 0 {
			t.Errorf("Dump(%s): got %d bytes, %v, want a profile with functions", name, len(text), err)
		}
	}
}

func TestDumpAsText(t *testing.T) {
	c := steered(t)
	var got strings.Builder
	if err := c.Dump(t.Context(), control.Dump{Name: "goroutine", Text: true}, &got); err != nil {
		t.Fatalf("Dump: got %v", said(err))
	}
	if !strings.HasPrefix(got.String(), "goroutine profile: total ") || !strings.Contains(got.String(), "control.(*Server).dump+0x") {
		t.Errorf("Dump: got %.200q, want stacks without arguments", got.String())
	}
}

func TestDumpsThatAreNone(t *testing.T) {
	c := steered(t)
	for _, row := range []struct {
		q    control.Dump
		want string
	}{
		{control.Dump{Name: "block"}, `dump "block": not known | there are goroutine, heap, allocs, cpu and trace`},
		{control.Dump{}, `dump "": not known | there are goroutine, heap, allocs, cpu and trace`},
		{control.Dump{Name: "cpu"}, `dump cpu: 0 seconds are not between 1 and 60 | such as 10`},
		{control.Dump{Name: "trace", Seconds: 61}, `dump trace: 61 seconds are not between 1 and 60 | such as 10`},
		{control.Dump{Name: "heap", Seconds: 1}, `dump heap: takes no time | leave the seconds out; cpu and trace have them`},
		{control.Dump{Name: "heap", Text: true}, `dump heap: not to be had as text | go tool pprof shows it; trace is for go tool trace`},
	} {
		if got := said(c.Dump(t.Context(), row.q, io.Discard)); got != row.want {
			t.Errorf("Dump(%+v): got %s, want %s", row.q, got, row.want)
		}
	}
}

// A second one is refused, and the first ends with its client, not after its
// minute.
func TestOneDumpAtATime(t *testing.T) {
	for _, name := range []string{"trace", "cpu"} {
		d := newDaemon(control.Steer)
		path, _ := d.serve(t, 0o600)
		c := dial(t, path)
		second := func() string { return said(dump(control.Dump{Name: "cpu", Seconds: 1})(t.Context(), c)) }
		first, leave := context.WithCancel(t.Context())
		defer leave()
		ended := make(chan error, 1)
		go func() { ended <- c.Dump(first, control.Dump{Name: name, Seconds: 60}, io.Discard) }()
		eventually(func() string { return strconv.FormatBool(strings.Contains(d.logged(), "name="+name)) }, "true")

		const want = "dump: another one is being taken | try again when it is done, within a minute"
		if got := second(); got != want {
			t.Errorf("Dump during %s: got %q, want %q", name, got, want)
		}
		leave()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Dump(%s) without its client: got %v, want context.Canceled", name, err)
		}
		if got := eventually(second, ""); got != "" {
			t.Errorf("Dump after %s: got %q, want none", name, got)
		}
	}
}

// eventually calls f until it returns want, or for 20 s, and returns what it
// did last.
func eventually(f func() string, want string) (got string) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got = f(); got == want {
			break
		}
	}
	return got
}

// full is a file on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestDumpThatCannotBeWritten(t *testing.T) {
	c := steered(t)
	if err := c.Dump(t.Context(), control.Dump{Name: "heap"}, full{}); err == nil || err.Error() != "no space left" {
		t.Errorf("Dump: got %v, want the error of the disk", err)
	}
}
