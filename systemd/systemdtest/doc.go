// Package systemdtest is a service manager for tests: a notification socket that
// takes what a daemon says, keeps the descriptors that it stores, and answers its
// barriers, as systemd 252 does (read in its manager.c and service.c). It starts
// nothing: Environ and Files are what a test starts a process with.
//
// It exists where there are Unix sockets.
package systemdtest
