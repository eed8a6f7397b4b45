package login_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

const serial = "arn:aws:iam::629470240201:mfa/john"

func wants(serial string) session.Request {
	return session.Request{Source: session.Source{Name: "john"}, MFASerial: serial}
}

func wantNoCode(t *testing.T, l *login.Logins, serial string) {
	t.Helper()
	_, err := l.Code(t.Context(), wants(serial))
	wantError(t, "Code", err, session.Person, fmt.Sprintf("MFA device %q: a code is needed", serial), "run: vendord login john")
}

func TestCodes(t *testing.T) {
	l, _ := newLogins(t, newCenter(), login.Config{})
	wantNoCode(t, l, serial)
	t.Run("is handed out once", func(t *testing.T) {
		l.Offer(serial, "123456")
		var got atomic.Int32
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if code, err := l.Code(t.Context(), wants(serial)); err == nil && code == "123456" {
					got.Add(1)
				}
			})
		}
		group.Wait()
		if got.Load() != 1 {
			t.Errorf("Code: handed out %d times", got.Load())
		}
	})
	t.Run("is for its device", func(t *testing.T) {
		defer l.Offer(serial, "123456")()
		wantNoCode(t, l, "arn:aws:iam::629470240201:mfa/jane")
	})
	t.Run("is withdrawn", func(t *testing.T) {
		l.Offer(serial, "123456")()
		wantNoCode(t, l, serial)
	})
	t.Run("is replaced, and only it is withdrawn", func(t *testing.T) {
		withdraw := l.Offer(serial, "111111")
		l.Offer(serial, "222222")
		withdraw()
		if code, err := l.Code(t.Context(), wants(serial)); code != "222222" || err != nil {
			t.Errorf("Code: got %q, %v, want the newer", code, err)
		}
	})
	for _, text := range []string{"", "12345", "1234567", "12345a", "١٢٣٤٥٦", "123456\n"} {
		t.Run(fmt.Sprintf("%q is none", text), func(t *testing.T) {
			l.Offer(serial, text)
			wantNoCode(t, l, serial)
		})
	}
	t.Run("none is forgotten for a crowd", func(t *testing.T) {
		for i := range 1000 {
			l.Offer(fmt.Sprint(i), "123456")
		}
		wantNoCode(t, l, "983")
		if _, err := l.Code(t.Context(), wants("999")); err != nil {
			t.Errorf("Code of the newest: %v", err)
		}
	})
}

func TestCodeIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asleep time.Duration
		l, _ := newLogins(t, newCenter(), login.Config{Now: func() time.Time { return time.Now().Add(asleep) }})
		l.Offer(serial, "123456")
		time.Sleep(61 * time.Second)
		wantNoCode(t, l, serial)
		l.Offer(serial, "123456")
		asleep = 2 * time.Minute
		wantNoCode(t, l, serial)
	})
}
