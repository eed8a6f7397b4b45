package install_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows/svc/mgr"

	"github.com/vendord/vendord/install"
)

// TestMain is the service too: what Windows starts is this program.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, install.WindowsFlag) {
		if err := install.RunWindows(serveForTest); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serveForTest ends by itself, before or after it was ready, where its configuration
// is of that name, and else when it is told to.
func serveForTest(ctx context.Context, ready func()) error {
	line := strings.Join(os.Args, " ")
	if strings.Contains(line, "early.toml") {
		return errors.New("ended early")
	}
	ready()
	if strings.Contains(line, "late.toml") {
		time.Sleep(200 * time.Millisecond)
		return errors.New("ended late")
	}
	<-ctx.Done()
	return nil
}

// TestServiceControlManager installs, starts, stops and removes a service, and sees
// that one which ends by itself does not stay shown as running.
func TestServiceControlManager(t *testing.T) {
	scm, err := mgr.Connect()
	if err != nil {
		t.Skip("not an administrator: ", err)
	}
	scm.Disconnect()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := install.Host{System: true}
	m := install.NewWindows(host)
	for _, row := range []struct {
		config string
		starts bool
		want   install.Phase // some time after the start
	}{
		{`C:\a b\stays.toml`, true, install.Running},
		{`C:\early.toml`, false, install.Failed},
		{`C:\late.toml`, true, install.Failed},
	} {
		t.Run(row.config, func(t *testing.T) {
			w, err := install.Service{System: true, Binary: self, Config: row.config}.Windows()
			if err != nil {
				t.Fatal(err)
			}
			if os.Getenv("WINEPREFIX") != "" {
				w.Account = "" // wine knows no virtual accounts
			}
			if err := install.Create(host, w, self); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if r, err := m.Uninstall(context.Background(), false); err != nil || len(r.Gone) == 0 {
					t.Errorf("uninstall: got %+v and %v", r, err)
				}
				if st, err := m.State(context.Background()); err != nil || st.Phase != install.Absent {
					t.Errorf("state after uninstall: got %+v and %v, want absent", st, err)
				}
			}()
			if err := m.Start(t.Context()); (err == nil) != row.starts {
				t.Errorf("start: got %v, want success: %t", err, row.starts)
			}
			st, err := m.State(t.Context())
			for end := time.Now().Add(5 * time.Second); st.Phase != row.want && time.Now().Before(end); st, err = m.State(t.Context()) {
				time.Sleep(50 * time.Millisecond)
			}
			if err != nil || st.Phase != row.want || st.Binary != self || !st.Enabled {
				t.Errorf("state: got %+v and %v, want %s, of %s", st, err, row.want, self)
			}
		})
	}
}
