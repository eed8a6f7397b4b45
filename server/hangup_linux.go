package server

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// hangUp ends our half of a connection over which nothing has come that was not read,
// and reports whether it did. The two calls follow one another on one thread: what
// comes between them is lost, and nothing else.
func hangUp(c net.Conn) bool {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	ended := true
	err = raw.Control(func(fd uintptr) {
		unread, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		if ended = err != nil || unread == 0; ended {
			_ = unix.Shutdown(int(fd), unix.SHUT_WR)
		}
	})
	return err != nil || ended
}
