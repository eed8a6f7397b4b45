package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// lifetime is the value of a --ttl flag. A token's life is said in days as
// well, which Go's durations do not have.
type lifetime time.Duration

// Set reads "12h" or "30d".
func (l *lifetime) Set(s string) error {
	d, ok := parseDays(s, 366)
	if !ok || d <= 0 {
		return usageError{fmt.Sprintf("ttl %q: not a duration", s), "write it like 12h or 30d, at most 366d"}
	}
	*l = lifetime(d)
	return nil
}

// parseDays reads "12h" or "30d", of most days in the second form.
func parseDays(s string, most int) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n > 0 && n <= most
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}

// String is what help shows as the default.
func (l *lifetime) String() string {
	d := time.Duration(*l)
	if days := d / (24 * time.Hour); days > 1 && d == days*24*time.Hour {
		return fmt.Sprintf("%dd", days)
	}
	return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.String())
}

// Type is the word for a value in help.
func (*lifetime) Type() string { return "duration" }

// span is the value of a flag for a time of 30 days at most: --for, --overlap. The
// zero time is none, and only some flags take it.
type span struct {
	time.Duration
	flag string
	zero bool
}

// Set reads "1h" or "2d".
func (s *span) Set(text string) error {
	const most = 30
	d, ok := parseDays(text, most)
	switch {
	case ok && s.zero && d == 0:
	case !ok, d < time.Second, d > most*24*time.Hour:
		return usageError{fmt.Sprintf("%s %q: not a time from 1s to 30d", s.flag, text), "write it like 30m, 1h or 2d"}
	}
	s.Duration = d
	return nil
}

// String is what help shows as the default.
func (s *span) String() string {
	if s.Duration == 0 {
		return ""
	}
	l := lifetime(s.Duration)
	return l.String()
}

// Type is the word for a value in help.
func (*span) Type() string { return "duration" }

// inItsOwnWords is a flag error func for commands with flags that say
// themselves what is wrong with a value.
func inItsOwnWords(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[usageError](err); ok {
		return e
	}
	return cmd.Root().FlagErrorFunc()(cmd, err)
}
