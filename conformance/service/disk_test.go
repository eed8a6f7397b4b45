//go:build machine

package service_test

import (
	"os"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// small mounts a small disk where a directory of the daemon's is, once it has been
// installed and stopped, and starts it again on that.
func small(m *machine.Machine, dir string) (umount func()) {
	m.Do("systemctl stop vendord.service")
	m.Do("cp -a " + dir + " /tmp/moved")
	m.Do("mount -t tmpfs -o size=128k,mode=700 small " + dir)
	_, _ = m.Type("cp -a /tmp/moved/. " + dir + " && chown --reference=/tmp/moved " + dir + " && rm -r /tmp/moved")
	m.Do("systemctl start vendord.service")
	return func() {
		m.Do("systemctl stop vendord.service")
		m.Do("umount " + dir)
	}
}

// TestFullDisk: without room for its state the daemon goes on with what it has, says
// what it cannot keep, and starts again.
func TestFullDisk(t *testing.T) {
	m := installed(t)
	const state = "/var/lib/private/vendord"
	defer small(m, state)()
	m.Scene("full: who has credentials keeps getting them, and a token that cannot be kept is not given out", func(t *testing.T, m *machine.Machine) {
		_, _ = m.Type("cat /dev/zero >" + state + "/full")
		m.Fails("vendord token issue jane --user jane", "no space left on device")
		vends(t, m)
	})
	m.Scene("full, and started again", func(t *testing.T, m *machine.Machine) {
		m.Do("systemctl restart vendord")
		vends(t, m)
	})
	m.Scene("room again: nothing has to be done", func(t *testing.T, m *machine.Machine) {
		_ = os.Remove(state + "/full")
		m.Do("vendord token issue jane --user jane")
		vends(t, m)
	})
	m.Scene("read-only, and started again: it goes on, or says why not", func(t *testing.T, m *machine.Machine) {
		since := m.Now()
		m.Do("systemctl stop vendord.service")
		m.Do("mount -o remount,ro " + state)
		_, err := m.Type("systemctl start vendord.service")
		t.Logf("systemctl start: %v\n%s", err, m.Journal(since))
		if err == nil {
			vends(t, m)
			m.Fails("vendord token issue jane --user jane", "read-only file system")
		} else {
			m.Says("the journal", m.Journal(since), "read-only file system")
		}
		m.Do("systemctl stop vendord.service")
		m.Do("mount -o remount,rw " + state)
		_, _ = m.Type("systemctl reset-failed vendord.service vendord.socket")
		m.Do("systemctl start vendord.service")
		vends(t, m)
	})
}

func vends(t *testing.T, m *machine.Machine) {
	t.Helper()
	if a := m.As("load"); a.Status != 200 {
		t.Errorf("got %+v, want credentials", a)
	}
}

// TestFullRecord: where everything has to be on record and cannot be, nothing is
// vended; with room again it is.
func TestFullRecord(t *testing.T) {
	m := machine.Bare(t, users...)
	m.Configure("", apps)
	m.Do("sed -i s/^.audit.$/[audit]\\nrequired=true/ /etc/vendord/vendord.toml")
	m.Do(install)
	const logs = "/var/log/private/vendord"
	defer small(m, logs)()
	vends(t, m)
	_, _ = m.Type("cat /dev/zero >" + logs + "/full")
	refused := false
	for range 200 { // until what is left of the last block is full as well
		if a := m.As("load"); a.Status == 503 {
			refused = true
			break
		}
	}
	if !refused {
		t.Error("full: got credentials, want 503")
	}
	m.Fails("vendord status --check")
	t.Log(m.Property("vendord.service", "StatusText"))
	_ = os.Remove(logs + "/full")
	m.Within("credentials", func() bool { return m.As("load").Status == 200 })
}
