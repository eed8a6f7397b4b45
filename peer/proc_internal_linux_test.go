package peer // the parsers are not exported: their input is the kernel's

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stat is /proc/PID/stat of a process that began at 4711, called as it likes.
func stat(command string) string {
	return "12 (" + command + ") S 1 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 9000 100 18446744073709551615 0 0\n"
}

// A process names itself, and its name comes before what counts.
func TestProcessesWithNamesLikeFields(t *testing.T) {
	for _, command := range []string{"cat", "a b", "", ") S 1 1 1", "x) R 1 (y"} {
		if got, err := parseStarted([]byte(stat(command))); err != nil || got != 4711 {
			t.Errorf("parseStarted of %q: got %d, %v, want 4711", command, got, err)
		}
	}
}

func TestFilesOfProcThatAreCutShort(t *testing.T) {
	for _, text := range []string{"", "12 (cat", "12 (cat)", "12 (cat) S 1 12", strings.Replace(stat("cat"), "4711", "-1", 1)} {
		if got, err := parseStarted([]byte(text)); err == nil {
			t.Errorf("parseStarted(%q): got %d, want an error", text, got)
		}
	}
}

// A file can have any name, and is no socket.
func TestLinksOfOpenFiles(t *testing.T) {
	for link, want := range map[string]uint32{
		"socket:[4711]":              4711,
		"socket:[4294967295]":        4294967295,
		"socket:[4294967296]":        0,
		"socket:[99999999999999999]": 0,
		"socket:[04711]":             0,
		"socket:[0]":                 0,
		"socket:[]":                  0,
		"socket:[4711":               0,
		"socket:[47 11]":             0,
		"socket:[-1]":                0,
		"/socket:[4711]":             0,
		"/memfd:socket:[4711]":       0,
		"socket:[4711] (deleted)":    0,
		"pipe:[4711]":                0,
		"anon_inode:[eventfd]":       0,
		"":                           0,
	} {
		if got := socketInode([]byte(link)); got != want {
			t.Errorf("socketInode(%q): got %d, want %d", link, got, want)
		}
	}
}

func TestWhereControlGroupsAre(t *testing.T) {
	for line, want := range map[string]string{
		"35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate": "/sys/fs/cgroup",
		"35 24 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup rw":                     "/sys/fs/cgroup/unified",
		`35 24 0:30 / /mnt/a\040b\134 rw - cgroup2 none rw`:                              `/mnt/a b\`,
		"35 24 0:30 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup rw":                     "", // a part of it
		"35 24 0:30 /../.. /sys/fs/cgroup rw - cgroup2 cgroup rw":                        "", // more than our namespace
		"35 24 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd":         "",
		"35 24 0:30 / /home/cgroup2 rw - ext4 /dev/sda1 rw":                              "",
		"35 24 0:30 / /sys/fs/cgroup rw":                                                 "",
		"":                                                                               "",
	} {
		if got, ok := parseCgroupMount(line); got != want || ok != (want != "") {
			t.Errorf("parseCgroupMount(%q): got %q, %v, want %q", line, got, ok, want)
		}
	}
}

func TestOurControlGroup(t *testing.T) {
	for text, want := range map[string]string{
		"0::/system.slice/a.service\n":           "/system.slice/a.service",
		"1:name=systemd:/x\n0::/\n":              "/",
		"12:cpu:/0::/\n0::/user.slice/a:b\n":     "/user.slice/a:b",
		"0::/system.slice/a.service (deleted)\n": "/system.slice/a.service (deleted)",
	} {
		if got, err := parseOwnCgroup(text); err != nil || got != want {
			t.Errorf("parseOwnCgroup(%q): got %q, %v, want %q", text, got, err, want)
		}
	}
	if got, err := parseOwnCgroup("1:cpu:/x\n"); err == nil || err.Error() != "no control group of version 2: unsupported operation" {
		t.Errorf("parseOwnCgroup of version 1: got %q, %v", got, err)
	}
}

// dirent is a struct linux_dirent64.
func dirent(name string, kind byte) []byte {
	b := make([]byte, (19+len(name)+1+7)&^7)
	binary.NativeEndian.PutUint16(b[16:], uint16(len(b)))
	b[18] = kind
	copy(b[19:], name)
	return b
}

func TestEntriesOfADirectory(t *testing.T) {
	var all []string
	text := bytes.Join([][]byte{dirent(".", 4), dirent("..", 4), dirent("system.slice", 4), dirent("7", 10)}, nil)
	for rest := text; len(rest) > 0; {
		var name []byte
		var kind byte
		if name, kind, rest = parseEntry(rest); name != nil {
			all = append(all, fmt.Sprintf("%s %d", name, kind))
		}
	}
	if got, want := strings.Join(all, ", "), "system.slice 4, 7 10"; got != want {
		t.Errorf("parseEntry: got %s, want %s", got, want)
	}
	for text, want := range map[string]int{"0": 0, "4194304": 4194304, "999999999": 999999999, "1000000000": -1, "": -1, "-1": -1, "self": -1, "1a": -1} {
		if got, ok := number([]byte(text)); ok != (want >= 0) || ok && got != want {
			t.Errorf("number(%q): got %d, %v, want %d", text, got, ok, want)
		}
	}
}

func FuzzDirectory(f *testing.F) {
	f.Add(append(dirent("..", 4), dirent("4711", 10)...))
	f.Add(dirent("a name of some length that is no number", 8)[:30])
	f.Fuzz(func(t *testing.T, b []byte) {
		entries := 0
		for rest := b; len(rest) > 0; entries++ {
			name, _, after := parseEntry(rest)
			if len(after) >= len(rest) || bytes.IndexByte(name, 0) >= 0 || len(name) > len(rest) {
				t.Fatalf("parseEntry(%x): got %q and %d bytes of %d", rest, name, len(after), len(rest))
			}
			if n, ok := number(name); ok && n < 0 {
				t.Fatalf("number(%q): got %d", name, n)
			}
			rest = after
		}
		if entries > len(b)/19+1 {
			t.Fatalf("parseEntry(%x): got %d entries", b, entries)
		}
	})
}

func FuzzLink(f *testing.F) {
	f.Add("socket:[4711]")
	f.Add("socket:[4294967296]")
	f.Add("socket:[]")
	f.Fuzz(func(t *testing.T, link string) {
		if n := socketInode([]byte(link)); n != 0 && link != fmt.Sprintf("socket:[%d]", n) {
			t.Fatalf("socketInode(%q): got %d", link, n)
		}
	})
}

// FuzzStat: what a process is called changes nothing.
func FuzzStat(f *testing.F) {
	f.Add("cat", stat("cat"))
	f.Add(") (", "12 (cat) S")
	f.Fuzz(func(t *testing.T, command, any string) {
		if got, err := parseStarted([]byte(stat(command))); err != nil || got != 4711 {
			t.Fatalf("parseStarted of a process called %q: got %d, %v", command, got, err)
		}
		_, _ = parseStarted([]byte(any))
	})
}

func FuzzMountinfo(f *testing.F) {
	f.Add("35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw")
	f.Add(`35 24 0:30 / /mnt/a\040b rw - cgroup2 none rw`)
	f.Add("0::/system.slice\n1:cpu:/")
	f.Fuzz(func(t *testing.T, text string) {
		if at, ok := parseCgroupMount(text); ok && (at == "" || !strings.Contains(text, " - ")) {
			t.Fatalf("parseCgroupMount(%q): got %q", text, at)
		}
		if path, err := parseOwnCgroup(text); err == nil && !strings.Contains("\n"+text, "\n0::"+path) {
			t.Fatalf("parseOwnCgroup(%q): got %q", text, path)
		}
	})
}

// FuzzAttributes: a control group's id is one that is there whole.
func FuzzAttributes(f *testing.F) {
	attribute := func(kind uint16, value ...byte) []byte {
		b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
		return append(binary.NativeEndian.AppendUint16(b, kind), value...)
	}
	f.Add(append(append(attribute(1, 2, 3), 0, 0), attribute(attrCgroup, 1, 0, 0, 0, 0, 0, 0, 0)...))
	f.Add(attribute(attrCgroup, 1, 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		id := cgroupID(b)
		if id != 0 && !bytes.Contains(b, attribute(attrCgroup, binary.NativeEndian.AppendUint64(nil, id)...)) {
			t.Fatalf("cgroupID(%x): got %d", b, id)
		}
	})
}

// What a directory returns is read in place: readlink(2) finds the zero byte
// behind each name.
func TestLookingAllocatesNothingForAFile(t *testing.T) {
	s := new(seen)
	l := &look{inodes: map[uint32][]holding{1<<32 - 1: nil, 1<<32 - 2: nil}}
	few := testing.AllocsPerRun(10, func() { _ = s.through(unix.Getpid(), l, time.Time{}) })
	for range 200 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Close(fd) }()
	}
	if many := testing.AllocsPerRun(10, func() { _ = s.through(unix.Getpid(), l, time.Time{}) }); many > few {
		t.Errorf("through: got %v allocations with 200 more sockets, want %v", many, few)
	}
}
