// Command soak lets vendord live through an hour of bad days: vendord and an
// AWS of its own run as processes, with sessions that last a minute, a bad road
// between the two, 50 clients good and bad, faults, reloads of good and bad
// files, and tokens that come and go. What happens follows from a seed.
//
// It watches all the time that no answer of 200 holds credentials that are
// empty, expired, somebody else's, or for a token that was revoked before; who
// they are for is asked of AWS itself. At the end everything must be fresh
// within a minute, and descriptors, threads, memory and goroutines back to what
// they were. It exits with status 1, and names the seed, if anything was not.
//
// Usage:
//
//	go run ./soak [-for 10m] [-seed N]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "soak: %v\n", err)
		stop()
		os.Exit(1)
	}
}

// run soaks, and returns an error if vendord broke a promise.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	length := flags.Duration("for", 10*time.Minute, "how long; an hour (1h) is the real soak, ten minutes are for CI")
	seed := flags.Uint64("seed", 0, "repeat the soak of this `number`; 0 takes a new one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *seed == 0 {
		*seed = rand.Uint64N(1 << 32)
	}
	s, err := newStage(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	fmt.Fprintf(stdout, "soak: %v, seed %d\n", *length, *seed)
	problems := s.soak(ctx, *length, *seed, stdout)
	for _, p := range problems {
		fmt.Fprintln(stdout, "WRONG "+p)
	}
	if len(problems) > 0 {
		fmt.Fprintf(stderr, "the end of vendord's log:\n%s", s.log.tail())
		return fmt.Errorf("%d things went wrong; again with: go run ./soak -for %v -seed %d", len(problems), *length, *seed)
	}
	return nil
}

// soak plays the whole of it and returns what went wrong.
func (s *stage) soak(ctx context.Context, length time.Duration, seed uint64, out io.Writer) []string {
	if err := s.settle(ctx); err != nil {
		return []string{"at the start: " + err.Error()}
	}
	first := s.measure(ctx)
	fmt.Fprintln(out, "start  "+first.String())
	bad, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var players sync.WaitGroup
	s.crowd(bad, &players, seed)
	players.Go(func() { s.weather(bad, rand.New(rand.NewPCG(seed, 1))) })
	players.Go(func() { s.steer(bad, rand.New(rand.NewPCG(seed, 2))) })
	warm := first
	for began, tick := time.Now(), time.NewTicker(10*time.Second); bad.Err() == nil; {
		select {
		case <-tick.C:
			now := s.measure(ctx)
			if warm == first {
				warm = now // with buffers and threads for 50 clients
			}
			fmt.Fprintf(out, "%5.0fs %s; %s\n", time.Since(began).Seconds(), s.tally.String(), now)
		case <-bad.Done():
			tick.Stop()
		}
	}
	players.Wait()
	return s.end(ctx, first, warm, length, out)
}

// end waits until all is quiet, and compares.
func (s *stage) end(ctx context.Context, first, warm sample, length time.Duration, out io.Writer) []string {
	mended := time.Now()
	if err := s.settle(ctx); err != nil && ctx.Err() == nil {
		s.judge.wrong("at the end: %v", err)
	}
	fresh := time.Since(mended)
	last := s.measure(ctx)
	for began := time.Now(); len(last.worse(first, warm)) > 0 && time.Since(began) < time.Minute && ctx.Err() == nil; {
		time.Sleep(time.Second) // connections to AWS are kept for half a minute
		last = s.measure(ctx)
	}
	for _, w := range last.worse(first, warm) {
		s.judge.wrong("%s", w)
	}
	// A session lives for a minute and is renewed at half of it; a failing one
	// is tried 300 times an hour at most, in three calls each; and a reload has
	// all of them tried again.
	if most := sessions*int(length.Minutes()+1)*(2+5*3) + sessions*3*s.reloads; last.calls > most {
		s.judge.wrong("STS: got %d calls, want %d at most", last.calls, most)
	}
	fmt.Fprintf(out, "end    %s\n       %s; %d faults, %d reloads, %d tokens; %d key ids, each asked of AWS; all fresh after %v\n",
		last, s.tally.String(), s.faults, s.reloads, s.issued, s.judge.count(), fresh.Round(time.Millisecond))
	return s.judge.all()
}
