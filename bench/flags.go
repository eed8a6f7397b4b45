package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// options are what the flags say.
type options struct {
	pairs  int
	time   time.Duration
	starts int
	json   bool
	only   []string // sections; empty for all
}

// sections are the parts of a run, in order.
var sections = []string{"answer", "equal", "wrk", "start", "cold"}

const about = `Usage: go run ./bench [flags]

Measures vendord beside a bare net/http handler on this machine. The default run
takes about five minutes, -quick two; both leave nothing behind.

  answer  requests per second, processor time and memory: 16 and 64 connections
          that are kept, and a connection per request; by token, and by the kernel
  equal   the same with the same GOGC on both sides, 400 and 100, in shorter runs
  wrk     a connection per request, by wrk, where it is installed
  start   from the execution to the first answer, with 10, 1,000 and 10,000 profiles
  cold    1,000 clients at once, nothing minted yet, and STS takes 200 ms

Exit status: 0; 1 if anything failed, a single answer included; 130 by Ctrl-C.

`

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{starts: 15}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, about)
		flags.PrintDefaults()
	}
	flags.IntVar(&o.pairs, "pairs", 32, "`number` of pairs of runs for each line of the first table")
	flags.DurationVar(&o.time, "time", 250*time.Millisecond, "how `long` each run is measured")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	quick := flags.Bool("quick", false, "3 pairs, 3 starts: to see that it works, not to quote")
	only := flags.String("only", "", "`sections`, with commas: "+strings.Join(sections, ","))
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *quick {
		o.pairs, o.starts = 3, 3
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	return o, o.check(flags.Args())
}

func (o options) check(rest []string) error {
	for _, name := range o.only {
		if !slices.Contains(sections, name) {
			return failure{fmt.Sprintf("-only %q: no such section", name), "one of " + strings.Join(sections, ", ")}
		}
	}
	switch {
	case len(rest) > 0:
		return failure{fmt.Sprintf("argument %q: not understood", rest[0]), "bench takes flags only, see -h"}
	case o.pairs < 1 || o.pairs > 1000:
		return failure{fmt.Sprintf("-pairs %d: not between 1 and 1000", o.pairs), "32 is the default"}
	case o.time < 50*time.Millisecond || o.time > time.Minute:
		return failure{fmt.Sprintf("-time %s: not between 50ms and 1m", o.time), "250ms is the default"}
	}
	return nil
}

func (o options) wants(section string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, section)
}
