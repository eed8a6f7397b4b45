package main

import (
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
)

func (p *program) debugCommand() *cobra.Command {
	var seconds int
	var text bool
	cmd := &cobra.Command{
		Use: "debug NAME", GroupID: "look", Args: exactly(1, "one name: "+strings.Join(control.Dumps, ", ")),
		ValidArgs: control.Dumps,
		Short:     "Write a profile of the running daemon to stdout, for go tool pprof",
		Long: `Write a profile of the running daemon to stdout: what it does, what holds its
memory, or where its time goes.

  goroutine   what every goroutine does now; with --text as lines to read
  heap        what is in memory
  allocs      what was put there since the start
  cpu         where time goes, for --seconds
  trace       all that happens, for --seconds; for go tool trace

Only who may steer gets one. It holds names of functions, counts and times, and
no secrets: it can be attached to a report.`,
		Example: `  vendord debug cpu --seconds 30 >cpu.pprof && go tool pprof -top cpu.pprof
  vendord debug goroutine --text`,
		RunE: func(cmd *cobra.Command, args []string) error {
			q := control.Dump{Name: args[0], Text: text}
			if q.Timed() || cmd.Flags().Changed("seconds") {
				q.Seconds = seconds
			}
			if !text && terminal(p.stdout.File) {
				return usageError{named(cmd, "a profile is nothing for a terminal"), "redirect it: vendord debug " + q.Name + " >" + q.Name + ".pprof"}
			}
			c, err := p.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			err = c.Dump(cmd.Context(), q, struct{ io.Writer }{p.stdout})
			if lost := p.printed(); lost != nil {
				return lost
			}
			return err
		},
	}
	f := cmd.Flags()
	f.IntVar(&seconds, "seconds", 10, "how long to look, 1 to 60, for cpu and trace")
	f.BoolVar(&text, "text", false, "goroutine as lines to read")
	return cmd
}

// terminal reports whether a file is a terminal: a device of characters that is
// not the null device.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
