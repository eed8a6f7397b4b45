//go:build !unix

package main

import (
	"os"
	"os/signal"
)

// holdSignals keeps Ctrl-C, which Windows sends to every process of the
// console, from ending vendord before its command.
func holdSignals() func(*os.Process) (stop func()) {
	caught := make(chan os.Signal, 1)
	notify(caught, os.Interrupt)
	return func(*os.Process) func() { return func() { signal.Stop(caught) } }
}

func exitStatus(state *os.ProcessState) int { return state.ExitCode() }
