package main

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// stranger is a user who is nobody in these tests.
const stranger = 20001

// needsRoot skips a test without root, but not where it would go unnoticed.
func needsRoot(t *testing.T, to string) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("CI must run this as root: it takes root to " + to)
	}
	t.Skip("it takes root to " + to)
}

// onThread runs f on a thread that prepare made different, and that dies with it.
func onThread(t *testing.T, prepare, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		if unix.Gettid() == os.Getpid() {
			done <- errors.New("this is the first thread, which does not end: see TestMain")
			return
		}
		err := prepare()
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// asStranger has the sockets that f makes belong to another user.
func asStranger(t *testing.T, f func() error) {
	t.Helper()
	onThread(t, func() error { return unix.Setfsuid(stranger) }, f)
}
