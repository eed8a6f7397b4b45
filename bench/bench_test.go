package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		sample []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{7}, spread{7, 7, 7}},
		{[]float64{3, 1}, spread{Median: 2, Q1: 1.5, Q3: 2.5}},
		{[]float64{5, 1, 4, 2, 3}, spread{Median: 3, Q1: 2, Q3: 4}},
		{[]float64{1, 1, 1, 1000}, spread{Median: 1, Q1: 1, Q3: 250.75}},
	} {
		before := slices.Clone(c.sample)
		if got := spreadOf(c.sample); got != c.want {
			t.Errorf("spreadOf(%v): got %v, want %v", c.sample, got, c.want)
		}
		if !slices.Equal(c.sample, before) {
			t.Errorf("spreadOf(%v): left it as %v", before, c.sample)
		}
	}
}

func TestParseSchedstat(t *testing.T) {
	for text, want := range map[string]time.Duration{"123456789 42 7\n": 123456789, "0 0 0\n": 0} {
		if got, err := parseSchedstat(text); err != nil || got != want {
			t.Errorf("parseSchedstat(%q): got %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":        `schedstat "": 0 fields, want 3`,
		"1 2":     `schedstat "1 2": 2 fields, want 3`,
		"one 2 3": `schedstat "one 2 3": the first field is not a number`,
	} {
		if _, err := parseSchedstat(text); err == nil || err.Error() != want {
			t.Errorf("parseSchedstat(%q): got %v, want %s", text, err, want)
		}
	}
}

func TestParseStat(t *testing.T) {
	for text, want := range map[string]ticks{
		"cpu  10 1 20 100 5 2 3 7 4 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n": {43, 7},
		"cpu  10 1 20 100 5 2 3\n":                                 {}, // before Linux 2.6.11
		"cpu  10 1 20 x 5 2 3 7 4 0\n":                             {},
		"intr 1 2 3 4 5 6 7 8\n":                                   {},
		"":                                                         {},
	} {
		if got := parseStat(text); got != want {
			t.Errorf("parseStat(%q): got %v, want %v", text, got, want)
		}
	}
	if got := (ticks{200, 12}).stolenSince(ticks{100, 7}); got != 0.05 {
		t.Errorf("stolenSince: got %v, want 0.05", got)
	}
	if got := (ticks{}).stolenSince(ticks{}); got != 0 {
		t.Errorf("stolenSince where nothing is told: got %v, want 0", got)
	}
}

func TestParseStatus(t *testing.T) {
	const status = "Name:\tvendord\nVmPeak:\t 1234 kB\nVmHWM:\t   20480 kB\nVmRSS:\t   1024 kB\nThreads:\t7\n"
	for name, want := range map[string]int64{"VmHWM": 20 << 20, "VmRSS": 1 << 20, "VmSwap": unmeasured, "Threads": unmeasured, "Vm": unmeasured} {
		if got := parseStatus(status, name); got != want {
			t.Errorf("parseStatus(%s): got %d, want %d", name, got, want)
		}
	}
}

func TestParseCPU(t *testing.T) {
	const intel = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some Processor @ 2.50GHz\n"
	if got := parseCPU(intel, "amd64"); got != "Some Processor @ 2.50GHz" {
		t.Errorf("parseCPU: got %q", got)
	}
	if got := parseCPU("processor\t: 0\nBogoMIPS\t: 50.00\n", "arm64"); got != "arm64" {
		t.Errorf("parseCPU without a model name: got %q, want arm64", got)
	}
}

func TestOwnProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/schedstat"); err != nil {
		if cpuTime(os.Getpid()) != unmeasured {
			t.Error("cpuTime: got a time on a system that does not tell")
		}
		return
	}
	before := cpuTime(os.Getpid())
	for end := time.Now().Add(30 * time.Millisecond); time.Now().Before(end); {
	}
	if d := cpuTime(os.Getpid()) - before; before <= 0 || d <= 0 {
		t.Errorf("cpuTime of a busy process: got %v more than %v", d, before)
	}
	if m := memoryOf(os.Getpid()); m.Now < 1<<20 || m.Peak < m.Now {
		t.Errorf("memoryOf: got %+v", m)
	}
}

func TestParseWrk(t *testing.T) {
	const good = `Running 1s test @ http://127.0.0.1:1/v1/credentials
  1 threads and 16 connections
    Latency   1.11ms    2.10ms  39.18ms   94.12%
  15432 requests in 1.10s, 9.32MB read
Requests/sec:  14029.10
`
	o, err := parseWrk(good)
	if err != nil || o.Answers != 15432 || o.Elapsed != 1100*time.Millisecond || o.Server != unmeasured {
		t.Errorf("parseWrk: got %+v, %v", o, err)
	}
	for text, want := range map[string]string{
		good + "  Non-2xx or 3xx responses: 7\n":                          "wrk: Non-2xx or 3xx responses: 7",
		good + "  Socket errors: connect 0, read 3, write 0, timeout 0\n": "wrk: Socket errors: connect 0, read 3, write 0, timeout 0",
		strings.Replace(good, "15432", "0", 1):                            "wrk: 0 requests",
		"unable to connect\n":                                             `wrk: no total in "unable to connect\n"`,
	} {
		if _, err := parseWrk(text); err == nil || err.Error() != want {
			t.Errorf("parseWrk: got %v, want %s", err, want)
		}
	}
}

const golden = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Length: 7\r\n\r\n{\"a\":1}"

func TestAnswers(t *testing.T) {
	body := []byte(`{"a":1}`)
	for name, in := range map[string]io.Reader{
		"at once":      strings.NewReader(golden),
		"byte by byte": iotest.OneByteReader(strings.NewReader(golden)),
		"in halves":    iotest.HalfReader(strings.NewReader(golden)),
	} {
		if got, err := newAnswers(in, body).next(); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"429":               {"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}", `answer: got "HTTP/1.1 429 Too Many Requests", want 200 OK`},
		"another body":      {strings.Replace(golden, "1}", "2}", 1), "answer: another body than the first one, of 7 bytes where that has 7"},
		"a shorter body":    {strings.Replace(strings.Replace(golden, "7", "2", 1), `{"a":1}`, "{}", 1), "answer: another body than the first one, of 2 bytes where that has 7"},
		"cut in the header": {golden[:40], "answer: cut after 40 bytes: EOF"},
		"cut in the body":   {golden[:len(golden)-1], "answer: cut after 113 bytes: EOF"},
		"nothing":           {"", "answer: cut after 0 bytes: EOF"},
		"too much":          {golden + "HTTP", "answer: 4 bytes after the body's end"},
		"no length":         {strings.Replace(golden, "Content-Length: 7\r\n", "", 1), "answer: without a Content-Length"},
		"a length of words": {strings.Replace(golden, ": 7", ": seven", 1), `answer: Content-Length "seven"`},
		"an empty body":     {strings.Replace(golden, ": 7", ": 0", 1), `answer: Content-Length "0"`},
		"no end":            {statusOK + strings.Repeat("x", maxAnswer), "answer: longer than 32768 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := newAnswers(strings.NewReader(c.text), body).next(); err == nil || err.Error() != c.want {
				t.Errorf("next: got %v, want %s", err, c.want)
			}
		})
	}
}

// TestAnswersAllocateNothing keeps the client's own garbage out of the figures.
func TestAnswersAllocateNothing(t *testing.T) {
	in := strings.NewReader(golden)
	a := newAnswers(in, []byte(`{"a":1}`))
	if n := testing.AllocsPerRun(100, func() {
		in.Reset(golden)
		if _, err := a.next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("next: %v allocations, want none", n)
	}
}

func serve(t *testing.T, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestLoad(t *testing.T) {
	for name, size := range map[string]int{"a usual body": 1300, "one that net/http would send in chunks": 5000} {
		b := &bare{Token: []byte("vnd_x"), Type: "application/json", Body: bytes.Repeat([]byte("x"), size)}
		addr := serve(t, b)
		for _, fresh := range []bool{false, true} {
			l := load{Addr: addr, Token: "vnd_x", Body: b.Body, Connections: 4, Fresh: fresh, WarmUp: 20 * time.Millisecond,
				Time: time.Second, PID: os.Getpid()}
			o, err := l.run(t.Context())
			if err != nil || o.Answers == 0 || o.All < o.Answers || o.Elapsed < l.Time {
				t.Errorf("%s, fresh %v: got %+v, %v", name, fresh, o, err)
			}
		}
	}
}

func TestLoadStopsAtTheFirstWrongAnswer(t *testing.T) {
	b := &bare{Token: []byte("vnd_x"), Type: "application/json", Body: []byte("{}")}
	n := 0
	for name, c := range map[string]struct {
		h    http.Handler
		l    load
		want string
	}{
		"a refusal":    {b, load{Token: "vnd_y", Body: b.Body}, `answer: got "HTTP/1.1 401 Unauthorized", want 200 OK`},
		"another body": {b, load{Token: "vnd_x", Body: []byte("{ }")}, "answer: another body than the first one, of 2 bytes where that has 3"},
		"a limit": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n++; n > 50 { // one connection: one after the other
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			b.ServeHTTP(w, r)
		}), load{Token: "vnd_x", Body: b.Body}, `answer: got "HTTP/1.1 429 Too Many Requests", want 200 OK`},
	} {
		t.Run(name, func(t *testing.T) {
			c.l.Addr, c.l.Connections, c.l.Time = serve(t, c.h), 1, 10*time.Second
			if _, err := c.l.run(t.Context()); err == nil || err.Error() != c.want {
				t.Errorf("run: got %v, want %s", err, c.want)
			}
		})
	}
}

func TestCold(t *testing.T) {
	b := &bare{Token: []byte("vnd_x"), Type: "application/json", Body: []byte("{}")}
	addr := serve(t, b)
	if waits, err := (cold{Addr: addr, Token: "vnd_x", Clients: 20}).run(); err != nil || len(waits) != 20 || slices.Min(waits) <= 0 {
		t.Errorf("run: got %v, %v", waits, err)
	}
	const want = `20 of 20 clients got nothing: the first: answer: got "HTTP/1.1 401 Unauthorized", want 200 OK`
	if _, err := (cold{Addr: addr, Token: "vnd_y", Clients: 20}).run(); err == nil || err.Error() != want {
		t.Errorf("run with a wrong token: got %v, want %s", err, want)
	}
}

// TestModes speaks with the two other modes as the bench does.
func TestModes(t *testing.T) {
	b := bare{Token: []byte("vnd_x"), Type: "application/json", Body: []byte("{}")}
	text, _ := json.Marshal(b)
	in, out := io.Pipe()
	said, say := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- bareMode(in, say) }()
	go func() { _, _ = out.Write(text) }()
	line := make([]byte, 64)
	n, err := said.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimSpace(string(line[:n]))

	var o outcome
	var result bytes.Buffer
	task, _ := json.Marshal(map[string]load{"Load": {Addr: addr, Token: "vnd_x", Body: b.Body, Connections: 2, Time: 50 * time.Millisecond}})
	if err := loadMode(t.Context(), bytes.NewReader(task), &result); err != nil {
		t.Fatalf("load: %v", err)
	}
	if err := json.Unmarshal(result.Bytes(), &o); err != nil || o.Answers == 0 {
		t.Errorf("load: got %s, %v", result.Bytes(), err)
	}
	_ = out.Close()
	if err := <-done; err != nil {
		t.Errorf("bare, once stdin ends: got %v, want nil", err)
	}
	if err := loadMode(t.Context(), strings.NewReader("{"), io.Discard); err == nil || err.Error() != "load: reading the task: unexpected EOF" {
		t.Errorf("load without a task: got %v", err)
	}
	if err := bareMode(strings.NewReader(""), io.Discard); err == nil || err.Error() != "bare: reading what to answer: EOF" {
		t.Errorf("bare without anything to answer: got %v", err)
	}
}

// TestCompare checks the order of the runs, and that ratios are those of pairs.
func TestCompare(t *testing.T) {
	d := &daemon{auditLog: filepath.Join(t.TempDir(), "audit.jsonl")}
	v, b := &side{addr: "v"}, &side{addr: "b"}
	order, lines := "", 10
	run := func(_ context.Context, s *side) (outcome, error) {
		order += s.addr
		o := outcome{Answers: 10, All: 10, Elapsed: time.Second, Server: time.Millisecond, Client: 1}
		if s == v {
			o.Elapsed, o.Server = 2*time.Second, 3*time.Millisecond
			return o, os.WriteFile(d.auditLog, bytes.Repeat([]byte("{}\n"), lines), 0o600)
		}
		return o, nil
	}
	got, err := compare(t.Context(), "x", d, v, b, 3, run)
	if err != nil || order != "vbbvvb" {
		t.Errorf("compare: order %s, %v, want vbbvvb", order, err)
	}
	if got.Ratio != (spread{0.5, 0.5, 0.5}) || *got.CPURatio != (spread{3, 3, 3}) || got.Vendord != (figures{5, 300}) || got.Bare != (figures{10, 100}) {
		t.Errorf("compare: got %+v, %+v", got, got.CPURatio)
	}
	order = ""
	host := func(ctx context.Context, s *side) (outcome, error) { // takes much in the first pair's second run
		o, err := run(ctx, s)
		if len(order) == 2 {
			o = outcome{Stolen: 0.06, All: 10}
		}
		return o, err
	}
	if got, err = compare(t.Context(), "x", d, v, b, 2, host); err != nil || order != "vbvbbv" || got.Again != 1 || got.Bare.PerSecond != 10 {
		t.Errorf("compare on a busy host: order %s, %+v, %v, want 1 pair again", order, got, err)
	}
	greedy := func(ctx context.Context, s *side) (outcome, error) {
		o, err := run(ctx, s)
		o.Stolen = 0.5
		return o, err
	}
	if got, err = compare(t.Context(), "x", d, v, b, 2, greedy); err != nil || got.Again != 2 || got.Pairs != 2 || got.Stolen != 0.5 {
		t.Errorf("compare on a host that never rests: got %+v, %v, want 2 pairs again", got, err)
	}
	none := func(ctx context.Context, s *side) (outcome, error) {
		_, err := run(ctx, s)
		return outcome{All: 10, Elapsed: time.Second}, err
	}
	if _, err = compare(t.Context(), "x", d, v, b, 1, none); err == nil || err.Error() != "x, vendord: no answer in 1s" {
		t.Errorf("compare without an answer: got %v", err)
	}
	lines = 11
	if _, err = compare(t.Context(), "x", d, v, b, 1, run); err == nil || err.Error() != "x: audit log: 11 lines for 10 answers" {
		t.Errorf("compare with a line too many: got %v", err)
	}
	broken := func(context.Context, *side) (outcome, error) { return outcome{}, errors.New("answer: cut") }
	if _, err = compare(t.Context(), "x", d, v, b, 1, broken); err == nil || err.Error() != "x, vendord: answer: cut" {
		t.Errorf("compare with a wrong answer: got %v", err)
	}
}

func TestProcess(t *testing.T) {
	p, err := startProcess(t.Context(), os.Environ(), false, " go1", "go", "version")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	if line, err := p.await(); err != nil || !strings.HasPrefix(line, "go version go1") {
		t.Errorf("await: got %q, %v", line, err)
	}
	if p, err = startProcess(t.Context(), os.Environ(), true, "ready", "go", "nonsense"); err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	if _, err := p.await(); err == nil || !strings.Contains(err.Error(), " ended: go nonsense: unknown command") {
		t.Errorf("await of one that ends: got %v", err)
	}
}

// TestConfig checks that apps, profiles and the file's size are as they should
// be: vendord reads no file of more than 8 MiB.
func TestConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vendord.toml")
	for n, policies := range map[int]int{10: 11, 1_000: 1_001, 10_000: 1} {
		w := &world{sts: "https://127.0.0.1:1", lifted: n == 10}
		if err := w.writeConfig(path, n); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil || len(text) > 1<<20 || bytes.Count(text, []byte("\n[apps.a")) != n || bytes.Count(text, []byte("policy = ")) != policies {
			t.Errorf("writeConfig(%d): got %d bytes, %v", n, len(text), err)
		}
		if bytes.Contains(text, []byte("requests_per_second = 0\n")) != w.lifted {
			t.Errorf("writeConfig(%d): the limit is not lifted only where it is known", n)
		}
	}
}

func TestFlags(t *testing.T) {
	o, err := parse([]string{"-quick", "-only", "answer,cold"}, io.Discard)
	if err != nil || o.pairs != 3 || o.starts != 3 || !o.wants("cold") || o.wants("start") {
		t.Errorf("parse: got %+v, %v", o, err)
	}
	for args, want := range map[string]string{
		"-only nothing": `-only "nothing": no such section; hint: one of answer, equal, wrk, start, cold`,
		"quick":         `argument "quick": not understood; hint: bench takes flags only, see -h`,
		"-pairs 0":      "-pairs 0: not between 1 and 1000; hint: 32 is the default",
		"-time 1ms":     "-time 1ms: not between 50ms and 1m; hint: 250ms is the default",
	} {
		_, err := parse(strings.Fields(args), io.Discard)
		f, ok := errors.AsType[failure](err)
		if got := f.problem + "; hint: " + f.hint; !ok || got != want {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
	var help strings.Builder
	_, _ = parse([]string{"-h"}, &help)
	for _, section := range sections {
		if !strings.Contains(help.String(), "\n  "+section+" ") {
			t.Errorf("-h: does not describe %s", section)
		}
	}
}

func TestReport(t *testing.T) {
	line := row{Workload: "16 connections", Pairs: 16, Again: 2, Stolen: 0.031, Vendord: figures{61234.4, 13.94}, Bare: figures{65000, 12.8},
		Ratio: spread{0.942, 0.93, 0.951}, CPURatio: &spread{1.089, 1.07, 1.1}, Client: 7.04}
	without := row{Workload: "64 connections", Vendord: figures{1, unmeasured}, Bare: figures{1, unmeasured}}
	memory := sideMemories{17 << 20, 8 << 20, 29 << 20, unmeasured}
	r := report{Machine: machine{CPU: "A", Cores: 2, Kernel: "Linux 6", Go: "go1.26", Load: "0.1"}, STS: "https", Lifted: true,
		Own: &compared{Body: 1299, Rows: []row{line, without}, Wrk: &line, Memory: memory}, Equal: []*compared{{GOGC: "400", Rows: []row{line}}},
		NoWrk: true, Starts: []started{{Profiles: 10000, Starts: 5, File: 890_000, Ready: 9.04, First: 31.2, Calls: 1}},
		Cold: &herd{Clients: 1000, Latency: 200, Rounds: 3, Calls: []int{1, 1, 1}, Median: 230, Max: 260}, Took: "3m20s"}
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"A, 2 cores, Linux 6, go1.26; load average 0.1 at the start", "requests_per_second = 0", "STS over https",
		"Own defaults: vendord as it sets itself, bare with GOGC=100; a body of 1299 bytes",
		"16 connections 16 2 3 % 61,234 65,000 0.942 (0.930 to 0.951) 13.9 µs 12.8 µs 1.089 (1.070 to 1.100) 7.0 µs",
		"64 connections 0 0 0 % 1 1 0.000 (0.000 to 0.000) not measured", "16 connections, by wrk", "GOGC=400 on both sides",
		"17.0 MiB idle with 10 profiles, 20 s after its STS call (bare: 8.0 MiB)", "29.0 MiB (bare: not measured)",
		"wrk is not installed, so its figure is left out (apt install wrk).", "10,000 890 kB 5 9.0 ms 31.2 ms 1",
		"1,000 clients at once, nothing minted, STS takes 200 ms, 3 rounds: STS calls 1, 1, 1; a client waits 230 ms (median), 260 ms at most",
		"All of it took 3m20s.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("print: lacks %q in:\n%s", want, out.String())
		}
	}
}
