package peer

import (
	"bytes"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// recorded returns the process that used the client's end of a connection last,
// for the record (macOS; not run there yet). It need not be the one that made it,
// nor the only one that holds it.
func recorded(client, server netip.AddrPort) (Process, bool) {
	table, err := (&TCP{}).table()
	if err != nil {
		return Process{}, false
	}
	e, err := findConnected(table, client, server)
	if err != nil || e.pid == 0 || e.pid > 1<<31-1 {
		return Process{}, false
	}
	pid := int(e.pid)
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(info.Proc.P_pid) != pid {
		return Process{}, false // it has ended
	}
	started := info.Proc.P_starttime
	return Process{
		PID:     pid,
		Started: uint64(started.Sec)*1e6 + uint64(started.Usec),
		UID:     info.Eproc.Ucred.Uid,
		Exe:     executable(pid),
	}, true
}

// executable returns the path of a process's executable, or "". There is no
// sysctl for it that the process cannot write itself; this is what proc_pidpath(3)
// does (xnu, bsd/sys/proc_info.h), which Go cannot call without C.
func executable(pid int) string {
	const (
		sysProcInfo     = 336 // bsd/kern/syscalls.master
		callPIDInfo     = 2   // PROC_INFO_CALL_PIDINFO
		flavourPIDPath  = 11  // PROC_PIDPATHINFO
		mostBytesOfPath = 4096
	)
	var path [mostBytesOfPath]byte
	_, _, errno := unix.Syscall6(sysProcInfo, callPIDInfo, uintptr(pid), flavourPIDPath, 0,
		uintptr(unsafe.Pointer(&path)), uintptr(len(path)))
	if errno != 0 {
		return ""
	}
	exe, _, _ := bytes.Cut(path[:], []byte{0})
	return string(exe)
}
