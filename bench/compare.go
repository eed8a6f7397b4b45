package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// workload is one way to ask.
type workload struct {
	Name        string
	Connections int
	Fresh       bool
	Kernel      bool // vendord recognises its callers by the kernel, the bare handler by its token
}

var workloads = []workload{
	{"16 connections", 16, false, false},
	{"64 connections", 64, false, false},
	{"16, recognised by the kernel", 16, false, true},
	{"a connection per request", 16, true, false},
	{"the same, recognised by the kernel", 16, true, true},
}

// kernelTells is where vendord knows the user of a connection without further ado.
const kernelTells = runtime.GOOS == "linux"

// warmUp is asked before anything is counted: connections are made, heaps and
// buffers have the size that they will have.
const warmUp = 100 * time.Millisecond

// row is one line of the table: what both sides did with a workload, as medians
// of all runs, and the spread of the ratios of each pair. The ratio of a pair is
// what noise spares: its two runs are neighbours in time.
type row struct {
	Workload string  `json:"workload"`
	Pairs    int     `json:"pairs"`
	Again    int     `json:"pairs_again"` // measured again, because a host took processor time
	Stolen   float64 `json:"stolen"`      // the part of the processors' time that it took all the same
	Vendord  figures `json:"vendord"`
	Bare     figures `json:"bare"`
	Ratio    spread  `json:"ratio"`               // of requests per second
	CPURatio *spread `json:"cpu_ratio,omitempty"` // nil where CPU is not measured
	Client   float64 `json:"client_us"`           // the client's own processor time for each request, -1 where not measured
}

// figures are those of one side.
type figures struct {
	PerSecond float64 `json:"per_second"`
	CPU       float64 `json:"cpu_us"` // microseconds for each request, -1 where not measured
}

// comparison says what to compare: both sides at their own defaults, or with a
// GC percent that is set for both.
type comparison struct {
	gogc       string
	pairs      int
	time       time.Duration
	table, wrk bool // the workloads of the table; a connection per request, by wrk
}

// compared is what came of it.
type compared struct {
	GOGC   string       `json:"gogc,omitempty"` // empty: each its own
	Body   int          `json:"body_bytes"`
	Rows   []row        `json:"rows"`
	Wrk    *row         `json:"wrk,omitempty"`
	Memory sideMemories `json:"memory"`
}

// sideMemories are how much memory both sides have before any load, and at most
// up to the end of the lines with connections that are kept.
type sideMemories struct {
	VendordIdle int64 `json:"vendord_idle"`
	BareIdle    int64 `json:"bare_idle"`
	VendordPeak int64 `json:"vendord_peak"`
	BarePeak    int64 `json:"bare_peak"`
}

// quiet is how long nobody asks before memory counts as idle: vendord gives back
// what its start and the call to AWS left once nobody asked for ten seconds.
const quiet = 21 * time.Second

// run starts both sides, compares them and stops them.
func (w *world) run(ctx context.Context, c comparison) (*compared, error) {
	d, v, b, err := w.serveBoth(ctx, "compare"+c.gogc, c.gogc)
	if err != nil {
		return nil, err
	}
	defer v.stop()
	defer b.stop()
	if err := d.recorded(1, 0); err != nil { // the first answer
		return nil, err
	}
	r := &compared{GOGC: c.gogc, Body: len(v.body)}
	r.Memory.VendordIdle, r.Memory.BareIdle = settled(v.process, quiet).Now, memoryOf(b.pid()).Now
	for _, l := range workloads {
		if !c.table {
			break
		}
		if l.Kernel && !kernelTells {
			continue
		}
		line, err := compare(ctx, l.Name, d, v, b, c.pairs, watched(w.ours(l, c.time)))
		if err != nil {
			return nil, err
		}
		r.Rows = append(r.Rows, line)
		if !l.Fresh {
			r.Memory.VendordPeak, r.Memory.BarePeak = memoryOf(v.pid()).Peak, memoryOf(b.pid()).Peak
		}
	}
	if c.wrk {
		line, err := compare(ctx, "a connection per request", d, v, b, max(3, c.pairs/4), watched(wrk))
		if err != nil {
			return nil, err
		}
		r.Wrk = &line
	}
	return r, nil
}

// maxStolen is the part of the processors' time above which a host that took it
// spoils a pair, which is then measured again; where that would go on for ever,
// half of all pairs count as they are. Which side it struck is chance, so nobody
// gains.
const maxStolen = 0.05

var sideNames = [2]string{"vendord", "the bare handler"}

// runner runs one side for a while.
type runner func(context.Context, *side) (outcome, error)

// watched says of each run what a host took meanwhile.
func watched(run runner) runner {
	return func(ctx context.Context, s *side) (outcome, error) {
		before := processors()
		o, err := run(ctx, s)
		o.Stolen = processors().stolenSince(before)
		return o, err
	}
}

// compare runs both sides in alternation: vendord, bare, bare, vendord, …, so
// that whatever else grows or ebbs on the machine strikes both alike.
func compare(ctx context.Context, name string, d *daemon, v, b *side, pairs int, run runner) (row, error) {
	var perSecond, cpu [2][]float64
	var ratios, cpuRatios, client, stolen []float64
	again := 0
	for len(ratios) < pairs {
		var o [2]outcome
		disturbed := false
		for _, which := range [][]int{{0, 1}, {1, 0}}[len(ratios)%2] {
			var err error
			if o[which], err = run(ctx, []*side{v, b}[which]); err != nil {
				return row{}, fmt.Errorf("%s, %s: %w", name, sideNames[which], err)
			}
			disturbed = disturbed || o[which].Stolen > maxStolen
			if which == 0 {
				if err := d.recorded(o[0].All, o[0].Left); err != nil {
					return row{}, fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		if disturbed && again < pairs {
			again++
			continue
		}
		for which := range o {
			if o[which].Answers == 0 {
				return row{}, fmt.Errorf("%s, %s: no answer in %s", name, sideNames[which], o[which].Elapsed)
			}
			perSecond[which] = append(perSecond[which], o[which].perSecond())
			cpu[which] = append(cpu[which], o[which].cpu())
			client = append(client, o[which].clientCPU())
			stolen = append(stolen, o[which].Stolen)
		}
		ratios = append(ratios, o[0].perSecond()/o[1].perSecond())
		cpuRatios = append(cpuRatios, o[0].cpu()/o[1].cpu())
	}
	r := row{Workload: name, Pairs: pairs, Again: again, Stolen: median(stolen), Ratio: spreadOf(ratios), Client: median(client),
		Vendord: figures{median(perSecond[0]), median(cpu[0])}, Bare: figures{median(perSecond[1]), median(cpu[1])}}
	if r.Vendord.CPU != unmeasured {
		all := spreadOf(cpuRatios)
		r.CPURatio = &all
	}
	return r, nil
}

// ours runs a workload with the client of this program.
func (w *world) ours(l workload, d time.Duration) runner {
	return func(ctx context.Context, s *side) (o outcome, err error) {
		token := s.token
		if l.Kernel && s.recognises {
			token = ""
		}
		task := map[string]load{"Load": {Addr: s.addr, Token: token, Body: s.body, Connections: l.Connections,
			Fresh: l.Fresh, WarmUp: warmUp, Time: d, PID: s.pid()}}
		err = w.callSelf(ctx, modeLoad, task, &o, d+30*time.Second)
		return o, err
	}
}

// recorded checks that the audit log has a line for each of n answers, and for
// at most more that a client left behind, and empties it: a second of load is
// 25 MB. A vendord that is fast because it records less must not pass.
func (d *daemon) recorded(n, more int64) error {
	if more > 0 {
		time.Sleep(200 * time.Millisecond) // lines are written within 100 ms
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		lines, err := countLines(d.auditLog)
		switch {
		case err != nil:
			return err
		case lines >= n && lines <= n+more:
			return os.Truncate(d.auditLog, 0)
		case lines > n || time.Now().After(deadline):
			return fmt.Errorf("audit log: %d lines for %d answers", lines, n)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func countLines(path string) (n int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buf := make([]byte, 256<<10)
	for {
		got, err := f.Read(buf)
		n += int64(bytes.Count(buf[:got], []byte("\n")))
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
