package systemd_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/systemd"
	"github.com/vendord/vendord/systemd/systemdtest"
)

func TestStoreReplaces(t *testing.T) {
	manager := systemdtest.New(t, false)
	m := open(t, "NOTIFY_SOCKET="+manager.Address())
	if !m.Stores() {
		t.Fatal("Stores: got false, want true")
	}
	for _, step := range []struct {
		do   func() error
		want []string
	}{
		{func() error { return m.Store("sessions", []byte("1")) }, []string{"sessions.1"}},
		{func() error { return m.Store("held", nil) }, []string{"sessions.1", "held.1"}},
		{func() error { return m.Store("sessions", []byte("2")) }, []string{"held.1", "sessions.2"}},
		{func() error { return m.Forget("sessions") }, []string{"held.1"}},
		{func() error { return m.Forget("sessions") }, []string{"held.1"}},
		{func() error { return m.Store("sessions", []byte("3")) }, []string{"held.1", "sessions.1"}},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		// The manager has done it when the call returns.
		if got := manager.Stored(); !slices.Equal(got, step.want) {
			t.Errorf("the store: got %q, want %q", got, step.want)
		}
	}
}

// There is no moment in which a crash finds nothing.
func TestTheNewIsThereBeforeTheOldGoes(t *testing.T) {
	manager := systemdtest.New(t, false)
	m := open(t, "NOTIFY_SOCKET="+manager.Address())
	for range 2 {
		if err := m.Store("sessions", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"FDSTORE=1\nFDPOLL=0\nFDNAME=sessions.1", "FDSTORE=1\nFDPOLL=0\nFDNAME=sessions.2", "FDSTOREREMOVE=1\nFDNAME=sessions.1"}
	if got := manager.Heard(); !slices.Equal(got, want) {
		t.Errorf("the manager heard %q, want %q", got, want)
	}
}

func TestWhatCannotBeStored(t *testing.T) {
	manager := systemdtest.New(t, false)
	m := open(t, "NOTIFY_SOCKET="+manager.Address())
	for name, row := range map[string]struct {
		name string
		size int
		want string
	}{
		"a name that is a message": {"a\nSTOPPING=1", 1, `descriptor store: "a\nSTOPPING=1" is no name`},
		"no name":                  {"", 1, `descriptor store: "" is no name`},
		"too much":                 {"a", 64<<20 + 1, "descriptor store: a: 67108865 bytes are more than the 67108864 that are kept"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := m.Store(row.name, make([]byte, row.size)); err == nil || err.Error() != row.want {
				t.Errorf("Store: got %v, want %q", err, row.want)
			}
		})
	}
	if none := open(t, "NOTIFY_SOCKET="+manager.Address(), "FDSTORE=0"); none.Stores() || none.Store("a", nil) != nil {
		t.Error("a manager that keeps nothing: something is stored")
	}
	if heard := manager.Heard(); heard != nil {
		t.Errorf("the manager heard %q, want nothing", heard)
	}
}

// A manager that hangs must not make the daemon hang, nor believe that something is
// gone which is not.
func TestAManagerThatDoesNotAnswer(t *testing.T) {
	manager := systemdtest.New(t, false)
	m := open(t, "NOTIFY_SOCKET="+manager.Address())
	if err := m.Store("sessions", nil); err != nil {
		t.Fatal(err)
	}
	manager.Deaf(true)
	began := time.Now()
	err := m.Forget("sessions")
	if want := "the service manager has not answered within a second"; err == nil || err.Error() != want {
		t.Errorf("Forget: got %v, want %q", err, want)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("Forget: took %s, want a second", took)
	}
	manager.Deaf(false)
	if err := m.Forget("sessions"); err != nil || len(manager.Stored()) != 0 {
		t.Errorf("Forget again: got %v and %q, want it gone", err, manager.Stored())
	}
}

func TestParse(t *testing.T) {
	whole := slices.Concat(systemd.Header(7, []byte("data")), []byte("data"))
	change := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1
		return b
	}
	for name, row := range map[string]struct {
		number uint64
		text   []byte
		want   string
	}{
		"whole":                 {7, whole, "data"},
		"nothing stored":        {7, systemd.Header(7, nil), ""},
		"another number":        {8, whole, "error: damaged"},
		"cut in the data":       {7, whole[:len(whole)-1], "error: damaged"},
		"cut in the header":     {7, whole[:20], "error: no header of this version"},
		"empty":                 {7, nil, "error: no header of this version"},
		"wrong magic":           {7, change(0), "error: no header of this version"},
		"another version":       {7, change(14), "error: no header of this version"},
		"forged number":         {7, change(23), "error: damaged"},
		"forged length":         {7, change(24), "error: damaged"},
		"forged length, by one": {7, change(31), "error: damaged"},
		"another sum":           {7, change(40), "error: damaged"},
		"other data":            {7, change(len(whole) - 1), "error: damaged"},
		"more data":             {7, append(bytes.Clone(whole), 0), "error: damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := systemd.Parse(row.number, row.text)
			got := string(data)
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != row.want || err == nil && data == nil {
				t.Errorf("parse: got %q, want %q", got, row.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(uint64(7), slices.Concat(systemd.Header(7, []byte("data")), []byte("data")))
	f.Add(uint64(0), systemd.Header(0, nil))
	f.Add(uint64(1), []byte("vendord store 1\n"))
	f.Fuzz(func(t *testing.T, number uint64, text []byte) {
		data, err := systemd.Parse(number, text)
		if err == nil && !bytes.Equal(text, slices.Concat(systemd.Header(number, data), data)) {
			t.Errorf("parse: took %q for whole", text)
		}
	})
}

func FuzzNames(f *testing.F) {
	for _, name := range []string{"sessions.17", "a-b.0", ".1", "a.", "a.01", "a.-1", "a.99999999999999999999", "A.1", "vendord.socket", "a:b.1"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, number, ours := systemd.ParseFDName(s)
		if ours && (systemd.FDName(name, number) != s || strings.ContainsAny(s, ":\n=")) {
			t.Errorf("parse %q: got %q, %d, which is %q", s, name, number, systemd.FDName(name, number))
		}
	})
}

// memory is sealed memory with a text in it.
func memory(t *testing.T, text []byte) *os.File {
	t.Helper()
	f, err := systemd.Sealed("test", text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}
