package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// report is all that a run found out. -json prints it as it is.
type report struct {
	Machine machine     `json:"machine"`
	Pairs   int         `json:"pairs"`
	Time    string      `json:"time"`
	STS     string      `json:"sts"` // "https" or "http"
	Lifted  bool        `json:"limit_lifted"`
	Own     *compared   `json:"own_defaults,omitempty"`
	Equal   []*compared `json:"equal_gogc,omitempty"`
	NoWrk   bool        `json:"wrk_missing,omitempty"`
	Starts  []started   `json:"starts,omitempty"`
	Cold    *herd       `json:"cold,omitempty"`
	Took    string      `json:"took"`
}

func (r *report) describe(w *world) {
	r.STS, _, _ = strings.Cut(w.sts, ":")
	r.Lifted = w.lifted
}

// print prints the report for a person. Errors of out are told once, at the end.
func (r *report) print(out io.Writer) error {
	p := &printer{out: out}
	p.head(r)
	if r.Own != nil {
		p.compared(r.Own)
	}
	for _, both := range r.Equal {
		p.compared(both)
	}
	if r.NoWrk {
		p.line("\nwrk is not installed, so its figure is left out (apt install wrk).")
	}
	if len(r.Starts) > 0 {
		p.starts(r.Starts)
	}
	if r.Cold != nil {
		p.cold(*r.Cold)
	}
	p.line("\nAll of it took %s.", r.Took)
	return p.err
}

type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.out, format+"\n", args...); p.err == nil {
		p.err = err
	}
}

// table prints rows in columns: the first to the left, numbers to the right.
func (p *printer) table(rows [][]string) {
	var widths []int
	for _, cells := range rows {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range rows {
		line := fmt.Sprintf("%-*s", widths[0], cells[0])
		for i, cell := range cells[1:] {
			line += fmt.Sprintf("  %*s", widths[i+1], cell)
		}
		p.line("%s", strings.TrimRight(line, " "))
	}
}

func (p *printer) head(r *report) {
	m := r.Machine
	p.line("machine   %s, %d cores, %s, %s; load average %s at the start", m.CPU, m.Cores, m.Kernel, m.Go, m.Load)
	p.line("vendord   serve with a token app, every check, the audit log to a file; STS over %s", r.STS)
	if r.Lifted {
		p.line("          requests_per_second = 0: its limit for an honest app is lifted, or it would be measured")
	}
	p.line("bare      net/http, a constant-time token compare, the same body, Go's defaults")
	p.line("client    a Go process on raw connections with half the cores, which it and the servers share")
	p.line("host      what the machine's host took of its processors' time meanwhile; pairs of over %.0f %% are measured again, if they are", 100*maxStolen)
	p.line("          no more than the others")
}

// compared prints one comparison: the lines of the table, then memory.
func (p *printer) compared(c *compared) {
	title := "Own defaults: vendord as it sets itself, bare with GOGC=100"
	if c.GOGC != "" {
		title = "GOGC=" + c.GOGC + " on both sides"
	}
	lines := c.Rows
	if c.Wrk != nil {
		line := *c.Wrk
		line.Workload += ", by wrk"
		lines = append(lines[:len(lines):len(lines)], line)
	}
	p.line("\n%s; a body of %d bytes\n", title, c.Body)
	rows := [][]string{{"requests per second", "pairs", "again", "host", "vendord", "bare", "ratio", "(quartiles)", "CPU vendord", "bare", "ratio", "(quartiles)", "client"}}
	for _, l := range lines {
		cpu := []string{"not measured", "", "", "", ""}
		if l.CPURatio != nil {
			cpu = []string{micro(l.Vendord.CPU), micro(l.Bare.CPU), ratio(l.CPURatio.Median), quartiles(*l.CPURatio), ""}
		}
		if l.Client > 0 {
			cpu[4] = micro(l.Client)
		}
		rows = append(rows, append([]string{l.Workload, fmt.Sprint(l.Pairs), fmt.Sprint(l.Again), fmt.Sprintf("%.0f %%", 100*l.Stolen), thousands(l.Vendord.PerSecond), thousands(l.Bare.PerSecond),
			ratio(l.Ratio.Median), quartiles(l.Ratio)}, cpu...))
	}
	p.table(rows)
	p.memory(c)
}

func (p *printer) memory(c *compared) {
	m := c.Memory
	p.line("\nresident memory of vendord: %s idle with %d profiles, 20 s after its STS call (bare: %s)",
		mebibytes(m.VendordIdle), fewProfiles, mebibytes(m.BareIdle))
	if len(c.Rows) > 0 {
		p.line("at most, up to the end of 64 connections: %s (bare: %s)", mebibytes(m.VendordPeak), mebibytes(m.BarePeak))
	}
}

func (p *printer) starts(starts []started) {
	p.line("\nFrom the execution of vendord: until it is ready, STS aside; until a first 200, its STS call included\n")
	rows := [][]string{{"profiles", "file", "starts", "ready", "first answer", "STS calls", "memory", "at most"}}
	for _, s := range starts {
		rows = append(rows, []string{thousands(float64(s.Profiles)), fmt.Sprintf("%d kB", s.File/1000), fmt.Sprint(s.Starts),
			fmt.Sprintf("%.1f ms", s.Ready), fmt.Sprintf("%.1f ms", s.First), fmt.Sprint(s.Calls), mebibytes(s.Memory.Now), mebibytes(s.Memory.Peak)})
	}
	p.table(rows)
}

func (p *printer) cold(h herd) {
	calls := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(h.Calls)), ", "), "[]")
	p.line("\n%s clients at once, nothing minted, STS takes %.0f ms, %d rounds: STS calls %s; a client waits %.0f ms (median), %.0f ms at most",
		thousands(float64(h.Clients)), h.Latency, h.Rounds, calls, h.Median, h.Max)
}

func ratio(v float64) string    { return fmt.Sprintf("%.3f", v) }
func micro(v float64) string    { return fmt.Sprintf("%.1f µs", v) }
func quartiles(s spread) string { return fmt.Sprintf("(%.3f to %.3f)", s.Q1, s.Q3) }

// thousands writes a number with commas, without a fraction.
func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func mebibytes(n int64) string {
	if n == unmeasured {
		return "not measured"
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
