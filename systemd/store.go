package systemd

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Stored data begins with a header: magic, sequence number, length, SHA-256 of what
// follows and of the number. A predecessor may have been killed anywhere, and have
// been of another version.
const (
	magic      = "vendord store 1\n"
	headerSize = len(magic) + 8 + 8 + sha256.Size
	maxStored  = 64 << 20 // bytes of one piece of data
)

// item is a piece of data in the descriptor store. The manager knows it by its name
// and number, "sessions.17", so that the new one is there before the old one goes:
// systemd removes by name, and there is no moment at which a crash finds none.
type item struct {
	name   string
	number uint64
	data   *os.File // what a predecessor left; nil for what we stored
}

func (i item) fdName() string { return i.name + "." + strconv.FormatUint(i.number, 10) }

// parseItem splits the name of a stored descriptor. What is called otherwise is not ours.
func parseItem(fdName string) (item, bool) {
	dot := strings.LastIndexByte(fdName, '.')
	if dot < 1 || !validName(fdName[:dot]) {
		return item{}, false
	}
	number, err := strconv.ParseUint(fdName[dot+1:], 10, 63)
	i := item{name: fdName[:dot], number: number}
	return i, err == nil && i.fdName() == fdName
}

// validName reports whether data may be stored under a name: short, and of letters
// that mean nothing in a message to systemd, nor in LISTEN_FDNAMES.
func validName(name string) bool {
	other := func(r rune) bool { return !(r >= 'a' && r <= 'z' || r == '-') }
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, other)
}

// Stores reports whether data can be stored: there is a manager, and it has not said
// that it keeps nothing. systemd says so since version 254 ($FDSTORE); an older one
// that keeps nothing cannot be told from one that does.
func (m *Manager) Stores() bool { return m != nil && m.stores }

// Store leaves data for a successor of this process, in place of what had that name:
// lower-case letters and "-". It is in memory alone, never on a disk of its own, and
// goes when the service is stopped. When Store returns, systemd has it; the error may
// leave the old data there, or the new. At most 64 MiB.
func (m *Manager) Store(name string, data []byte) error {
	if !m.Stores() {
		return nil
	}
	if !validName(name) {
		return fmt.Errorf("descriptor store: %q is no name", name)
	}
	if len(data) > maxStored {
		return fmt.Errorf("descriptor store: %s: %d bytes are more than the %d that are kept", name, len(data), maxStored)
	}
	m.storing.Lock()
	defer m.storing.Unlock()
	next := item{name: name, number: m.next(name)}
	file, err := sealed("vendord-"+name, header(next.number, data), data)
	if err != nil {
		return fmt.Errorf("descriptor store: %s: %w", name, err)
	}
	defer func() { _ = file.Close() }() // systemd has its own
	// Whether it arrives or not, it must be forgotten with the rest.
	m.stored = append(m.stored, next)
	if err := m.notify.send("FDSTORE=1\nFDPOLL=0\nFDNAME="+next.fdName(), int(file.Fd())); err != nil {
		return err
	}
	return m.forget(name, next.number)
}

// Forget takes out of the store what has that name, whoever stored it. When it
// returns nil, systemd does not have it any more.
func (m *Manager) Forget(name string) error {
	if !m.Stores() {
		return nil
	}
	m.storing.Lock()
	defer m.storing.Unlock()
	return m.forget(name, 0)
}

// forget takes out what has a name but for one number, and waits until systemd has
// done all that it was told.
func (m *Manager) forget(name string, but uint64) error {
	for _, i := range m.stored {
		if i.name != name || i.number == but {
			continue
		}
		if err := m.notify.send("FDSTOREREMOVE=1\nFDNAME=" + i.fdName()); err != nil {
			return err
		}
	}
	if err := m.notify.barrier(); err != nil {
		return err
	}
	kept := m.stored[:0]
	for _, i := range m.stored {
		if i.name != name || i.number == but {
			kept = append(kept, i)
		} else if i.data != nil {
			_ = i.data.Close()
		}
	}
	m.stored = kept
	return nil
}

// Stored returns what a predecessor left under a name, and nil if there is nothing
// whole. Of several it is the newest: a predecessor was killed between storing it
// and forgetting the one before. It is there until Store or Forget of that name.
func (m *Manager) Stored(name string) []byte {
	if m == nil {
		return nil
	}
	m.storing.Lock()
	defer m.storing.Unlock()
	var newest []byte
	var number uint64
	for _, i := range m.stored {
		if i.name != name || i.data == nil || newest != nil && i.number < number {
			continue
		}
		text, err := readSealed(i.data)
		if err != nil {
			continue
		}
		if data, err := parse(i.number, text); err == nil {
			newest, number = data, i.number
		}
	}
	return newest
}

// next returns a number above all those that a name was stored under.
func (m *Manager) next(name string) uint64 {
	var last uint64
	for _, i := range m.stored {
		if i.name == name {
			last = max(last, i.number)
		}
	}
	return last + 1
}

func header(number uint64, data []byte) []byte {
	h := binary.BigEndian.AppendUint64([]byte(magic), number)
	h = binary.BigEndian.AppendUint64(h, uint64(len(data)))
	sum := sha256.New()
	sum.Write(h)
	sum.Write(data)
	return sum.Sum(h)
}

// parse returns the data that a header precedes, if it is whole. It never returns nil
// without an error.
func parse(number uint64, text []byte) ([]byte, error) {
	if len(text) < headerSize || !bytes.HasPrefix(text, []byte(magic)) {
		return nil, errors.New("no header of this version")
	}
	data := text[headerSize:]
	if !bytes.Equal(text[:headerSize], header(number, data)) {
		return nil, errors.New("damaged")
	}
	return data, nil
}
