// Command bench measures vendord beside the least that can be done in its
// place, a bare net/http handler, on this machine and in one run:
//
//	go run ./bench
//
// It needs nothing but Go. vendord runs as a person would run it: serve, a token
// app, every check, the audit log to a file, its own defaults. The bare handler
// compares one token in constant time and writes the same bytes. Both are
// processes of their own, and so is the client that loads them in alternation,
// checks every answer, and stops all at the first one that is wrong.
//
// What it cannot do: client and servers share the machine's processors, so
// requests per second move with whatever else runs there. Ratios of neighbouring
// runs and processor time for each request hold. AWS is package fakeaws on
// loopback; nothing here says how fast the real one is.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// The modes in which the bench runs itself.
const (
	modeBare = "run-bare-handler"
	modeLoad = "run-load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // whoever pipes the table into head wants the servers gone as well
	err := run(ctx, os.Args[1:])
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case interrupted:
		os.Exit(130)
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		if f, ok := errors.AsType[failure](err); ok {
			fmt.Fprintf(os.Stderr, "hint: %s\n", f.hint)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 1 {
		switch args[0] {
		case modeBare:
			return bareMode(os.Stdin, os.Stdout)
		case modeLoad:
			return loadMode(ctx, os.Stdin, os.Stdout)
		}
	}
	o, err := parse(args, os.Stderr)
	if err != nil {
		return err
	}
	return o.bench(ctx, os.Stdout, os.Stderr)
}

// failure is an error that a person can do something about.
type failure struct{ problem, hint string }

func (f failure) Error() string { return f.problem }

// bench measures what is wanted and prints it.
func (o options) bench(ctx context.Context, stdout, stderr io.Writer) error {
	began := time.Now()
	dir, err := os.MkdirTemp("", "vendord-bench-")
	if err != nil {
		return failure{err.Error(), "set TMPDIR to a directory that you can write"}
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	r := report{Machine: thisMachine(), Pairs: o.pairs, Time: o.time.String()}
	fmt.Fprintln(stderr, "building vendord ...")
	w, err := newWorld(ctx, dir)
	if err != nil {
		return err
	}
	r.describe(w)
	if err := o.measure(ctx, w, &r, stderr); err != nil {
		return err
	}
	r.Took = time.Since(began).Round(time.Second).String()
	if o.json {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.print(stdout)
}

// measure goes through the sections.
func (o options) measure(ctx context.Context, w *world, r *report, stderr io.Writer) (err error) {
	progress := func(format string, args ...any) { fmt.Fprintf(stderr, format+" ...\n", args...) }
	_, noWrk := exec.LookPath("wrk")
	wanted := struct{ table, wrk bool }{o.wants("answer"), o.wants("wrk") && noWrk == nil}
	if wanted.table || wanted.wrk {
		progress("both at their own defaults, %d pairs of %s for each line", o.pairs, o.time)
		c := comparison{pairs: o.pairs, time: o.time, table: wanted.table, wrk: wanted.wrk}
		if r.Own, err = w.run(ctx, c); err != nil {
			return err
		}
	}
	r.NoWrk = o.wants("wrk") && noWrk != nil
	if o.wants("equal") {
		for _, gogc := range []string{"400", "100"} {
			progress("GOGC=%s on both sides", gogc)
			c := comparison{gogc: gogc, pairs: max(3, o.pairs/2), time: o.time, table: true}
			both, err := w.run(ctx, c)
			if err != nil {
				return err
			}
			r.Equal = append(r.Equal, both)
		}
	}
	if o.wants("start") {
		for _, profiles := range []int{fewProfiles, 1_000, 10_000} {
			times := o.starts
			if profiles > fewProfiles {
				times = min(5, times)
			}
			progress("%d starts with %d profiles", times, profiles)
			s, err := w.start(ctx, profiles, times)
			if err != nil {
				return err
			}
			r.Starts = append(r.Starts, s)
		}
	}
	if o.wants("cold") {
		progress("1,000 cold clients")
		h, err := w.stampede(ctx, 1_000, min(5, o.starts))
		if err != nil {
			return err
		}
		r.Cold = &h
	}
	return nil
}
