// Package systemd is what a service manager gives a daemon, and what it is told by
// it: the sockets that it holds, readiness, a line of status, signs of life, and
// what a daemon leaves with it for its successor. It speaks systemd's protocols
// without its libraries: sd_notify(3), sd_listen_fds(3), FDSTORE, JOURNAL_STREAM.
//
// Not under systemd, all of it does nothing.
package systemd
