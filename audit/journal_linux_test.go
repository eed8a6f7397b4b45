package audit_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

// journald listens as the journal does.
func journald(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// entry receives one, from the datagram or from the sealed file that came with it.
func entry(t *testing.T, conn *net.UnixConn) map[string]string {
	t.Helper()
	text, rights := make([]byte, 1<<20), make([]byte, 64)
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, rn, _, _, err := conn.ReadMsgUnix(text, rights)
	if err != nil {
		t.Fatalf("journal: %v", err)
	}
	text = text[:n]
	if rn > 0 {
		messages, err := unix.ParseSocketControlMessage(rights[:rn])
		if err != nil {
			t.Fatal(err)
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil {
			t.Fatal(err)
		}
		file := os.NewFile(uintptr(fds[0]), "entry")
		defer file.Close()
		if seals, err := unix.FcntlInt(file.Fd(), unix.F_GET_SEALS, 0); err != nil || seals&unix.F_SEAL_WRITE == 0 {
			t.Errorf("file: seals %x, %v, want one that nobody can write", seals, err)
		}
		info, _ := file.Stat()
		text = make([]byte, info.Size())
		if _, err := file.ReadAt(text, 0); err != nil {
			t.Fatal(err)
		}
	}
	fields, err := readEntry(text)
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

// readEntry reads the journal's native form, as its documentation has it.
func readEntry(text []byte) (map[string]string, error) {
	fields := map[string]string{}
	for len(text) > 0 {
		line, rest, ok := bytes.Cut(text, []byte{'\n'})
		if !ok {
			return nil, fmt.Errorf("field %q has no end", text)
		}
		name, value, short := bytes.Cut(line, []byte{'='})
		if !short {
			if len(rest) < 8 || uint64(len(rest)) < binary.LittleEndian.Uint64(rest)+9 {
				return nil, fmt.Errorf("field %q: too short", line)
			}
			size := binary.LittleEndian.Uint64(rest)
			value, rest = rest[8:8+size], rest[8+size+1:]
		}
		if _, twice := fields[string(name)]; twice {
			return nil, fmt.Errorf("field %s: twice", name)
		}
		if i := strings.IndexFunc(string(name), func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }); i >= 0 || len(name) == 0 {
			return nil, fmt.Errorf("field %q: no name", name)
		}
		fields[string(name)] = string(value)
		text = rest
	}
	return fields, nil
}

func openJournal(t *testing.T, path string) interface{ Write([]byte) (int, error) } {
	t.Helper()
	journal, err := audit.OpenJournal(path)
	if err != nil {
		t.Fatalf("OpenJournal: %v", err)
	}
	t.Cleanup(func() { _ = journal.Close() })
	return journal
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	daemon := journald(t, path)
	journal := openJournal(t, path)
	e := vended()
	e.PID, e.Exe, e.Unit, e.Listen = 7, "/usr/bin/aws", "worker.service", "127.0.0.1:9254"
	refused := audit.Event{Time: noon, UID: "1001", From: "172.18.0.2", Status: 401, Code: "NotRecognized", Message: "a\nPRIORITY=0", Hint: "do", Near: "n", Unrecorded: 3}
	lines := lineOf(t, e) + lineOf(t, refused) + `{"time":"2026-11-21T11:00:00.123Z","lost":5}` + "\nno line\n"
	if n, err := journal.Write([]byte(lines)); n != len(lines) || err != nil {
		t.Fatalf("Write: got %d, %v, want %d", n, err, len(lines))
	}
	for _, want := range []map[string]string{
		{"MESSAGE": "uploader (john) got company1-hr-upload: ASIAEXAMPLE until 2026-11-21T12:00:00Z", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "vendord",
			"VENDORD_TIME": "2026-11-21T11:00:00.123Z", "VENDORD_ID": "1", "VENDORD_PATH": "/v1/credentials",
			"VENDORD_ENDPOINT": "loopback", "VENDORD_LISTEN": "127.0.0.1:9254", "VENDORD_APP": "uploader",
			"VENDORD_HOW": "token", "VENDORD_USER": "john", "VENDORD_UID": "501", "VENDORD_TOKEN": "t7", "VENDORD_PID": "7", "VENDORD_EXE": "/usr/bin/aws",
			"VENDORD_UNIT": "worker.service", "VENDORD_PROFILE": "company1-hr-upload", "VENDORD_ROLE": "arn:aws:iam::629470240201:role/JohnUploadRole",
			"VENDORD_SESSION": "john-uploader", "VENDORD_KEY": "ASIAEXAMPLE", "VENDORD_EXPIRES": "2026-11-21T12:00:00.123Z", "VENDORD_MINTED": "true",
			"VENDORD_STATUS": "200", "VENDORD_AGENT": "Go-http-client/1.1"},
		{"MESSAGE": "user #1001 refused: a\nPRIORITY=0", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "vendord", "VENDORD_TIME": "2026-11-21T11:00:00.123Z",
			"VENDORD_ID": "1", "VENDORD_UID": "1001", "VENDORD_FROM": "172.18.0.2", "VENDORD_STATUS": "401", "VENDORD_CODE": "NotRecognized",
			"VENDORD_PROBLEM": "a\nPRIORITY=0", "VENDORD_HINT": "do", "VENDORD_NEAR": "n", "VENDORD_UNRECORDED": "3"},
		{"MESSAGE": "5 lines of the record are lost: it could not be written", "PRIORITY": "3", "SYSLOG_IDENTIFIER": "vendord",
			"VENDORD_TIME": "2026-11-21T11:00:00.123Z", "VENDORD_LOST": "5"},
		{"MESSAGE": "no line", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "vendord"},
	} {
		got := entry(t, daemon)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("entry:\ngot  %v\nwant %v", got, want)
		}
	}
}

// What is too large for a datagram goes as a file that nobody can change.
func TestJournalTakesWhatIsLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	daemon := journald(t, path)
	journal := openJournal(t, path)
	e := vended()
	e.SessionName = strings.Repeat("s", 10<<20)
	if _, err := journal.Write([]byte(lineOf(t, e))); err != nil {
		t.Fatalf("Write: %v", err)
	}
	if got := len(entry(t, daemon)["VENDORD_SESSION"]); got != 10<<20 {
		t.Errorf("session: got %d bytes, want %d", got, 10<<20)
	}
}

func TestJournalThatIsNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	_, err := audit.OpenJournal(path)
	e, ok := errors.AsType[*session.Error](err)
	if want := "audit journal: " + path + ": no such file or directory"; !ok || e.Class != session.Configuration || e.Public != want ||
		e.Hint != "start systemd-journald, or name a file in [audit], and set journal = false" {
		t.Errorf("OpenJournal: got %v, want %s", err, want)
	}
}

// A journal that ends is said to be gone, and found again when it is back.
func TestJournalThatIsStartedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	daemon := journald(t, path)
	journal := openJournal(t, path)
	if err := errors.Join(daemon.Close(), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	if n, err := journal.Write([]byte(keyLine(t, "K1"))); n != 0 || !errors.Is(err, syscall.ENOENT) || err.Error() != "writing to the journal: "+path+": no such file or directory" {
		t.Errorf("Write: got %d, %v, want that nobody is there", n, err)
	}
	daemon = journald(t, path)
	write(t, journal, keyLine(t, "K2"))
	if got := entry(t, daemon)["VENDORD_KEY"]; got != "K2" {
		t.Errorf("entry: got %q, want K2", got)
	}
}

// One that takes nothing holds the writer up for 100 ms, and nobody else.
func TestJournalThatHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	journald(t, path) // and nobody reads
	journal := openJournal(t, path)
	lines := strings.Repeat(keyLine(t, "K1"), 2000)
	start := time.Now()
	n, err := journal.Write([]byte(lines))
	if waited := time.Since(start); err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n >= len(lines) || waited > 20*time.Second {
		t.Errorf("Write: got %d of %d, %v after %v, want some, and that it hangs", n, len(lines), err, waited)
	}
	if n%len(keyLine(t, "K1")) != 0 {
		t.Errorf("Write: got %d bytes, want whole lines", n)
	}
}

func FuzzJournalEntry(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-21T11:00:00Z","app":"a\nB=c","status":401,"message":"\n"}`))
	f.Add([]byte("a\nb=c\n"))
	f.Add([]byte(`{"time":"2026-11-21T11:00:00Z","lost":5}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		fields, err := readEntry(audit.AppendEntry(nil, line))
		if err != nil {
			t.Fatalf("entry of %q: %v", line, err)
		}
		if fields["SYSLOG_IDENTIFIER"] != "vendord" || !strings.Contains("346", fields["PRIORITY"]) {
			t.Errorf("entry of %q: got %v", line, fields)
		}
		if l, err := audit.ParseLine(line); err == nil && (fields["VENDORD_APP"] != l.App || fields["VENDORD_AGENT"] != l.Agent) {
			t.Errorf("entry of %q: got %v, want app %q", line, fields, l.App)
		}
	})
}
