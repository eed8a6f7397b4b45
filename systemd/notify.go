package systemd

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxStatus bounds a line of status, in bytes. systemd drops a message of more than
// 4,096 whole, READY=1 with it.
const maxStatus = 1000

// Ready says that the daemon serves, at its start and after a reload, and what its
// status is. The error is about the way to the manager, as of all that follow.
func (m *Manager) Ready(status string) error {
	return m.say(status, "READY=1")
}

// Reloading says that the daemon reads its configuration again. Ready must follow,
// whatever came of it.
func (m *Manager) Reloading() error {
	return m.tell(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", monotonic().Microseconds()))
}

// Stopping says that the daemon is about to end.
func (m *Manager) Stopping() error { return m.tell("STOPPING=1") }

// Alive is a sign of life, for the watchdog.
func (m *Manager) Alive() error { return m.tell("WATCHDOG=1") }

// Status is a line for people, which `systemctl status` shows. It is sent only if it
// differs from the one before. More than a line, or than a thousand bytes, is cut.
func (m *Manager) Status(line string) error {
	return m.say(line, "")
}

// say sends a line of status, with something else or only if it is new.
func (m *Manager) say(line, with string) error {
	if m == nil || m.notify == nil {
		return nil
	}
	m.saying.Lock()
	defer m.saying.Unlock()
	line = oneLine(line)
	if with == "" && line == m.status {
		return nil
	}
	if err := m.tell(strings.TrimPrefix(with+"\nSTATUS="+line, "\n")); err != nil {
		return err
	}
	m.status = line
	return nil
}

func (m *Manager) tell(message string) error {
	if m == nil || m.notify == nil {
		return nil
	}
	return m.notify.send(message)
}

// oneLine keeps a name in a status from becoming a message of its own: a line
// "STOPPING=1" in it would be one.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.ToValidUTF8(s, "?"), "\n")
	if len(s) <= maxStatus {
		return s
	}
	s = s[:maxStatus]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
