package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/session"
)

// Journal is systemd's journal, as a Config's Out or Also. It takes whole lines.
type Journal struct {
	path string

	mu    sync.Mutex // guards what follows
	conn  *net.UnixConn
	entry []byte
}

// OpenJournal returns the journal whose socket is at path, JournalSocket if that
// is empty. Its error is a *session.Error of class Configuration. A journal that
// ends is looked for again at each write.
func OpenJournal(path string) (io.WriteCloser, error) {
	if path == "" {
		path = JournalSocket
	}
	j := &Journal{path: path}
	if err := j.connect(); err != nil {
		return nil, &session.Error{Class: session.Configuration, Public: "audit journal: " + err.Error(),
			Hint: "start systemd-journald, or name a file in [audit], and set journal = false", Err: err}
	}
	return j, nil
}

func (j *Journal) connect() error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: j.path, Net: "unixgram"})
	if err != nil {
		if number, ok := errors.AsType[unix.Errno](err); ok {
			err = number
		}
		return fmt.Errorf("%s: %w", j.path, err)
	}
	_ = conn.SetWriteBuffer(8 << 20) // as much as there is: what is larger goes as a file
	j.conn = conn
	return nil
}

// Write sends each line as an entry. It gives up where the journal takes nothing
// for 100 ms, and returns how much it took until then.
func (j *Journal) Write(lines []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, err := eachLine(lines, j.send)
	if err == nil {
		return n, nil
	}
	if number, ok := errors.AsType[unix.Errno](err); ok {
		err = number
	}
	return n, fmt.Errorf("writing to the journal: %s: %w", j.path, err)
}

// send sends one line, and once more over a new connection: the journal may have
// been started again.
func (j *Journal) send(line []byte) error {
	j.entry = appendEntry(j.entry[:0], line)
	if j.conn != nil {
		err := j.sendEntry()
		if err == nil || !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.ENOTCONN) && !errors.Is(err, unix.ECONNRESET) {
			return err
		}
		_ = j.conn.Close()
		j.conn = nil
	}
	if err := j.connect(); err != nil {
		return err
	}
	return j.sendEntry()
}

func (j *Journal) sendEntry() error {
	_ = j.conn.SetWriteDeadline(time.Now().Add(journalWait))
	_, err := j.conn.Write(j.entry)
	if errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENOBUFS) {
		return j.sendFile()
	}
	return err
}

// sendFile sends the entry as a file in memory that nobody can change any more,
// which is how the journal takes what is too large for a datagram.
func (j *Journal) sendFile() error {
	fd, err := unix.MemfdCreate("vendord", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for rest := j.entry; len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return err
	}
	return j.sendRights(unix.UnixRights(fd))
}

// sendRights does what net.UnixConn does not do for a socket of this kind that is
// connected.
func (j *Journal) sendRights(rights []byte) error {
	raw, err := j.conn.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Sendmsg(int(fd), nil, rights, nil, unix.MSG_NOSIGNAL)
		return sent != unix.EAGAIN
	})
	return cmp.Or(err, sent)
}

// Close closes the connection.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.conn == nil {
		return nil
	}
	return j.conn.Close()
}
