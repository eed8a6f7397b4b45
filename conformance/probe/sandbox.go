//go:build machine

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempt is one thing that somebody who has taken the daemon over would try.
type attempt struct {
	name string
	try  func() error
}

// tried is what came of it: nothing but "done", or why not, in the kernel's words.
type tried struct{ Attempt, Result string }

// tryAll tries everything and writes what came of it, a JSON value a line.
func tryAll() {
	out := json.NewEncoder(os.Stdout)
	for _, a := range attempts() {
		result := "done"
		if err := a.try(); err != nil {
			result = why(err)
		}
		_ = out.Encode(tried{a.name, result})
	}
}

// why is the kernel's reason, by its name where there is one.
func why(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return unix.ErrnoName(number)
	}
	return err.Error()
}

func attempts() []attempt {
	all := append(places(), processes()...)
	return append(all, kernel()...)
}

// places are what is to be read and written.
func places() []attempt {
	var all []attempt
	for _, dir := range []string{"/etc", "/etc/vendord", "/usr/local/bin", "/boot", "/var/lib", "/var/lib/systemd", "/home", "/home/jane", "/root", "/run", "/run/systemd/system", "/dev", "/dev/shm", "/sys/fs/cgroup"} {
		all = append(all, attempt{"write to " + dir, func() error { return leave(dir) }})
	}
	for _, dir := range []string{"/var/lib/vendord", "/var/log/vendord", "/tmp"} {
		all = append(all, attempt{"write to " + dir + ", which is its own", func() error { return leave(dir) }})
	}
	all = append(all, attempt{"find what others have in /tmp", func() error { return look("/tmp/of-others") }})
	for _, file := range []string{"/etc/shadow", "/etc/credstore/john", "/home/jane/secret", "/root/secret", "/srv/readable", "/srv/secret", "/proc/1/environ", "/proc/1/cmdline", "/proc/kallsyms", "/proc/sys/kernel/hostname", "/dev/mem", "/dev/kmsg", "/run/user"} {
		all = append(all, attempt{"read " + file, func() error { return look(file) }})
	}
	return append(all,
		attempt{"change a setting of the kernel's", func() error {
			return os.WriteFile("/proc/sys/net/ipv4/ip_default_ttl", []byte("64"), 0)
		}},
		attempt{"make a program of its own that runs as its user", setUID},
		attempt{"run a program that it wrote", runOwn},
		attempt{"run the machine's programs", func() error { return exec.Command("/bin/true").Run() }},
	)
}

// processes are what is to be done to others, and to the daemon's own.
func processes() []attempt {
	other, _ := strconv.Atoi(os.Getenv("OTHER")) // the process of another user
	return []attempt{
		{"see another user's process", func() error { return look(fmt.Sprintf("/proc/%d/cmdline", other)) }},
		{"learn which program another user's process runs", func() error { _, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", other)); return err }},
		{"learn what another user's process has open", func() error { return look(fmt.Sprintf("/proc/%d/fd", other)) }},
		{"read another user's environment", func() error { return look(fmt.Sprintf("/proc/%d/environ", other)) }},
		{"attach to another user's process", func() error { return unix.PtraceSeize(other) }},
		{"read another user's memory", func() error { return peek(other) }},
		{"end another user's process", func() error { return unix.Kill(other, unix.SIGTERM) }},
		{"become root", func() error { return number(unix.RawSyscall(unix.SYS_SETUID, 0, 0, 0)) }},
		{"become another user", func() error { return number(unix.RawSyscall(unix.SYS_SETUID, 1, 0, 0)) }},
		{"become a member of another group", func() error { return number(unix.RawSyscall(unix.SYS_SETGID, 1, 0, 0)) }},
		{"run at real-time priority", realtime},
		{"map memory to write and run", func() error { return mapMemory(unix.PROT_READ | unix.PROT_WRITE | unix.PROT_EXEC) }},
		{"run memory that was written", makeExecutable},
	}
}

// kernel is what is to be had of the kernel.
func kernel() []attempt {
	call := func(trap uintptr, a, b, c uintptr) func() error {
		return func() error { return number(unix.RawSyscall(trap, a, b, c)) }
	}
	return []attempt{
		{"a new user namespace", call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0, 0)},
		{"a new mount namespace", call(unix.SYS_UNSHARE, unix.CLONE_NEWNS, 0, 0)},
		{"a new network namespace", call(unix.SYS_UNSHARE, unix.CLONE_NEWNET, 0, 0)},
		{"mount a file system", func() error { return unix.Mount("none", "/tmp", "tmpfs", 0, "") }},
		{"change the root directory", func() error { return unix.Chroot("/tmp") }},
		{"load a module", call(unix.SYS_INIT_MODULE, 0, 0, 0)},
		{"load another kernel", call(unix.SYS_KEXEC_LOAD, 0, 0, 0)},
		{"restart the machine", call(unix.SYS_REBOOT, 0, 0, 0)}, // without the numbers that would have it be done
		{"load a BPF program", call(unix.SYS_BPF, unix.BPF_PROG_LOAD, 0, 0)},
		{"watch the kernel's performance events", call(unix.SYS_PERF_EVENT_OPEN, 0, 0, ^uintptr(0))},
		{"use io_uring, which calls past the filter of system calls", func() error {
			parameters := make([]byte, 120)
			return number(unix.RawSyscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&parameters[0])), 0))
		}},
		{"use userfaultfd", call(unix.SYS_USERFAULTFD, 0, 0, 0)},
		{"keep a key in the kernel's keyring", func() error { _, err := unix.AddKey("user", "x", []byte("x"), unix.KEY_SPEC_USER_KEYRING); return err }},
		{"rename the machine", func() error { return unix.Sethostname([]byte("box")) }},
		{"set the clock", func() error { return unix.ClockSettime(unix.CLOCK_REALTIME, &unix.Timespec{Sec: -1}) }},
		{"swap to a file", func() error { return number(unix.RawSyscall(unix.SYS_SWAPON, 0, 0, 0)) }},
		{"be another kind of Linux", call(unix.SYS_PERSONALITY, 0x0040000, 0, 0)}, // without random addresses
		{"make a device", func() error { return unix.Mknod("/var/lib/vendord/mem", unix.S_IFCHR|0o600, 1<<8|1) }},
		{"hear the network's packets", socket(unix.AF_PACKET, unix.SOCK_RAW)},
		{"send raw IP", socket(unix.AF_INET, unix.SOCK_RAW)},
		{"a socket of the kernel's cryptography", socket(unix.AF_ALG, unix.SOCK_SEQPACKET)},
		{"a socket to the hypervisor", socket(unix.AF_VSOCK, unix.SOCK_STREAM)},
		{"listen at a port of root's", func() error { ln, err := net.Listen("tcp", "127.0.0.1:81"); _ = ln; return err }},
		{"ask the kernel whose a connection is", socket(unix.AF_NETLINK, unix.SOCK_DGRAM)},
		{"connect to AWS", func() error { _, err := net.Dial("tcp", "127.0.0.1:4566"); return err }},
	}
}

func number(_, _ uintptr, errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

func leave(dir string) error {
	file := filepath.Join(dir, "vendord-was-here")
	defer os.Remove(file)
	if dir == "/sys/fs/cgroup" {
		return os.Mkdir(file, 0o755)
	}
	return os.WriteFile(file, []byte("x"), 0o600)
}

// look reads a file, or a directory, where there must be something.
func look(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		_, err := os.ReadDir(path)
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Read(make([]byte, 64))
	return err
}

// own makes a program in the state directory.
func own(mode fs.FileMode) (string, error) {
	file := "/var/lib/vendord/own"
	text, err := os.ReadFile("/bin/true")
	if err == nil {
		err = os.WriteFile(file, text, 0o700)
	}
	if err == nil {
		err = os.Chmod(file, mode)
	}
	return file, err
}

func setUID() error {
	file, err := own(0o755 | fs.ModeSetuid)
	defer os.Remove(file)
	return err
}

func runOwn() error {
	file, err := own(0o700)
	defer os.Remove(file)
	if err != nil {
		return err
	}
	return exec.Command(file).Run()
}

func peek(pid int) error {
	buffer := make([]byte, 8)
	local := []unix.Iovec{{Base: &buffer[0], Len: 8}}
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: mapped(pid), Len: 8}}, 0)
	return err
}

// mapped is an address of a process, if it can be known; else any.
func mapped(pid int) uintptr {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	start, _, _ := strings.Cut(string(text), "-")
	at, err := strconv.ParseUint(start, 16, 64)
	if err != nil {
		return 0x400000
	}
	return uintptr(at)
}

func realtime() error {
	priority := int32(1)
	return number(unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, unix.SCHED_FIFO, uintptr(unsafe.Pointer(&priority))))
}

func mapMemory(protection int) error {
	memory, err := unix.Mmap(-1, 0, 4096, protection, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err == nil {
		_ = unix.Munmap(memory)
	}
	return err
}

func makeExecutable() error {
	memory, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	memory[0] = 0xc3
	return unix.Mprotect(memory, unix.PROT_READ|unix.PROT_EXEC)
}

func socket(family, kind int) func() error {
	return func() error {
		fd, err := unix.Socket(family, kind, 0)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	}
}
