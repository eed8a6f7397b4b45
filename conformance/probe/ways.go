//go:build machine

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// connection returns a connection to ask through, in the way that was chosen. Some
// ways end here: the process that asks is another one.
func (p *probe) connection() (net.Conn, error) {
	switch {
	case p.take != "":
		return taken(p.take)
	case p.fd > 0:
		return p.inherited()
	}
	c, err := p.dial()
	if err != nil {
		return nil, err
	}
	switch {
	case p.pass != "":
		return nil, passed(c, p.pass)
	case p.orphan:
		err = p.leave(c)
	case p.become != "":
		err = p.exec(c)
	case p.hold != "":
		err = held(c, p.hold)
	}
	return c, err
}

// dial connects from the address that was asked for.
func (p *probe) dial() (net.Conn, error) {
	to := cmp.Or(p.via, strings.TrimPrefix(p.host(), "http://"))
	if _, _, err := net.SplitHostPort(to); err != nil {
		to += ":80"
	}
	if p.mapped {
		return dialMapped(to)
	}
	d := net.Dialer{Timeout: 5 * time.Second}
	if p.from != "" {
		at, err := netip.ParseAddrPort(p.from)
		if err != nil {
			return nil, err
		}
		d.LocalAddr = net.TCPAddrFromAddrPort(at)
	}
	return d.Dial("tcp", to)
}

// dialMapped connects to an IPv4 address through an IPv6 socket, which Go does not.
func dialMapped(to string) (net.Conn, error) {
	at, err := netip.ParseAddrPort(to)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}); err != nil {
		return nil, err
	}
	return connOf(fd)
}

// connOf makes a connection of an open file.
func connOf(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	return net.FileConn(f)
}

// fileOf returns the file of a connection.
func fileOf(c net.Conn) (*os.File, error) {
	return c.(interface{ File() (*os.File, error) }).File()
}

// held keeps a connection, says from which port, and waits until it may go on.
func held(c net.Conn, file string) error {
	port := c.LocalAddr().(*net.TCPAddr).Port
	if err := os.WriteFile(file+".new", []byte(strconv.Itoa(port)), 0o644); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	return within(func() bool { _, err := os.Stat(file); return err != nil })
}

// within waits half a minute at most.
func within(ok func() bool) error {
	for range 3000 {
		if ok() {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("waited for nothing")
}

// leave starts a child that has the connection, and ends. Whoever waits for us
// reads what the child prints.
func (p *probe) leave(c net.Conn) error {
	f, err := fileOf(c)
	if err != nil {
		return err
	}
	child := exec.Command("/proc/self/exe", append([]string{"-fd", "3"}, without("-orphan")...)...)
	child.ExtraFiles = []*os.File{f}
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	child.Env = append(os.Environ(), "PARENT="+strconv.Itoa(os.Getpid()))
	if err := child.Start(); err != nil {
		return err
	}
	os.Exit(0)
	return nil
}

// inherited is the connection that was there when the process began. A parent that
// wanted to be gone is waited for.
func (p *probe) inherited() (net.Conn, error) {
	if parent := os.Getenv("PARENT"); parent != "" {
		if err := within(func() bool { return strconv.Itoa(os.Getppid()) != parent }); err != nil {
			return nil, err
		}
	}
	return connOf(p.fd)
}

// without is what the process was started with, but for one flag.
func without(flag string) []string {
	return slices.DeleteFunc(slices.Clone(os.Args[1:]), func(a string) bool { return a == flag })
}

// exec sends the request and has another program read the answer.
func (p *probe) exec(c net.Conn) error {
	f, err := fileOf(c)
	if err != nil {
		return err
	}
	if _, err := c.Write([]byte(p.request())); err != nil {
		return err
	}
	if err := unix.Dup2(int(f.Fd()), 0); err != nil { // as its standard input: open after exec
		return err
	}
	return unix.Exec(p.become, []string{p.become, "-read"}, os.Environ())
}

// passed gives a connection to whoever takes it at a path.
func passed(c net.Conn, path string) error {
	f, err := fileOf(c)
	if err != nil {
		return err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o777); err != nil {
		return err
	}
	taker, err := ln.Accept()
	if err != nil {
		return err
	}
	if _, _, err := taker.(*net.UnixConn).WriteMsgUnix([]byte{0}, unix.UnixRights(int(f.Fd())), nil); err != nil {
		return err
	}
	// Until the other is done: both hold it meanwhile.
	if _, err := io.Copy(io.Discard, taker); err != nil {
		return err
	}
	return errors.New("passed on")
}

// taken is the connection that somebody passes at a path.
func taken(path string) (net.Conn, error) {
	if err := within(func() bool { _, err := os.Stat(path); return err == nil }); err != nil {
		return nil, err
	}
	var giver net.Conn
	if err := within(func() (ok bool) { var err error; giver, err = net.Dial("unix", path); return err == nil }); err != nil {
		return nil, err
	}
	data, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := giver.(*net.UnixConn).ReadMsgUnix(data, rights) // giver stays open until we end
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("what was passed: %w, %d messages", err, len(messages))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	return connOf(fds[0])
}
