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
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 366 {
			*l = lifetime(n) * lifetime(24*time.Hour)
			return nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d > 0 {
		*l = lifetime(d)
		return nil
	}
	return usageError{fmt.Sprintf("ttl %q: not a duration", s), "write it like 12h or 30d, at most 366d"}
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

// inItsOwnWords is a flag error func for commands with flags that say
// themselves what is wrong with a value.
func inItsOwnWords(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[usageError](err); ok {
		return e
	}
	return cmd.Root().FlagErrorFunc()(cmd, err)
}
