package login

import (
	"context"
	"slices"
	"time"

	"github.com/vendord/vendord/session"
)

const (
	// codeLife is how long a code that nobody took is kept: the window in which
	// AWS takes one is about as long.
	codeLife = time.Minute
	// maxCodes is how many are kept at once, one for each device.
	maxCodes = 16
)

// offer is a code that a person typed.
type offer struct {
	serial string
	code   secret
	until  time.Time
	timer  *time.Timer
}

// Offer keeps a code for the one mint that asks for its device's next, for a
// minute or until it is withdrawn. A newer one replaces it; what is no code is
// not kept.
func (l *Logins) Offer(serial, code string) (withdraw func()) {
	if !session.IsMFACode(code) || serial == "" {
		return func() {}
	}
	o := &offer{serial: serial, code: hide(code), until: l.now().Add(codeLife)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(func(other *offer) bool { return other.serial == serial })
	l.codes = append(l.codes, o)
	if len(l.codes) > maxCodes {
		oldest := l.codes[0]
		l.drop(func(other *offer) bool { return other == oldest })
	}
	withdraw = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.drop(func(other *offer) bool { return other == o })
	}
	o.timer = time.AfterFunc(codeLife, withdraw)
	return withdraw
}

// Code hands out the code that a person offered for the device of a request,
// once. It does not wait for one: where there is none, the error is of class
// Person.
func (l *Logins) Code(_ context.Context, r session.Request) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	var found *offer
	for _, o := range l.codes {
		if o.serial == r.MFASerial && now.Before(o.until) {
			found = o
		}
	}
	if found == nil {
		return "", &session.Error{Class: session.Person, Public: "MFA device " + quote(r.MFASerial) + ": a code is needed",
			Hint: "run: vendord login " + session.Visible(r.Source.Name)}
	}
	l.drop(func(o *offer) bool { return o == found })
	return found.code.text(), nil
}

// drop forgets codes. Called with the lock.
func (l *Logins) drop(which func(*offer) bool) {
	for _, o := range l.codes {
		if which(o) && o.timer != nil {
			o.timer.Stop()
		}
	}
	l.codes = slices.DeleteFunc(l.codes, which)
}
