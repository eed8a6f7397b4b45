//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// holdSignals takes the signals that a command might be sent from now on, so
// that none ends vendord before its command. What it returns is given the
// command's process, passes the signals on to it, and returns a func that
// stops that; given nil it only stops.
func holdSignals() func(*os.Process) (stop func()) {
	caught := make(chan os.Signal, 16)
	notify(caught, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGWINCH)
	return func(child *os.Process) func() {
		stop := func() { signal.Stop(caught); close(caught) }
		if child == nil {
			stop()
			return nil
		}
		go func() {
			for s := range caught {
				if !fromTerminal(s) {
					_ = child.Signal(s) // it may be gone already
				}
			}
		}()
		return stop
	}
}

// fromTerminal tells whether the command got the signal already: what is typed
// at a terminal goes to every process of its foreground group, and passing a
// Ctrl-C on would make it two, which many programs take for "do not clean up".
func fromTerminal(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT && s != syscall.SIGWINCH {
		return false
	}
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer terminal.Close()
	foreground, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}

// exitStatus is 128 plus the signal, or the status the command ended with.
func exitStatus(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return execSignal + int(status.Signal())
	}
	return state.ExitCode()
}
