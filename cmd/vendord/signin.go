package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

// loginPatience bounds a login, whatever the portal says of it.
const loginPatience = 20 * time.Minute

// login begins what a name wants a person for. The portal comes first, where
// nobody is signed in there: a code would go to a session that cannot be made.
func (d *daemon) login(ctx context.Context, q control.LoginSpec) (control.Login, func(context.Context) (control.LoggedIn, error), error) {
	w, err := d.wants(q.Name)
	if err != nil || d.gate.locked() {
		return control.Login{}, nil, cmp.Or(err, errLocked())
	}
	if w.portal != nil && len(w.codes) > 0 {
		if _, known, err := d.logins.Token(ctx, *w.portal); known && err == nil {
			w.portal = nil
		}
	}
	switch {
	case w.portal != nil:
		return d.beginLogin(ctx, w, q)
	case len(w.codes) > 0:
		return control.Login{Kind: control.MFA, Source: w.codes[0].Source.Name, Subject: w.codes[0].MFASerial}, nil, nil
	}
	message, err := d.nothing(w.source)
	return control.Login{Kind: control.Nothing, Source: w.source.Name, Message: message}, nil, err
}

func (d *daemon) beginLogin(ctx context.Context, w want, q control.LoginSpec) (control.Login, func(context.Context) (control.LoggedIn, error), error) {
	in := *w.portal
	p, err := d.logins.Start(ctx, in, login.Options{Port: q.Port})
	if err != nil {
		return control.Login{}, nil, err
	}
	began := control.Login{Kind: p.Method, ID: p.ID, Source: w.source.Name, Subject: portalInWords(in),
		URL: p.URL, UserCode: p.UserCode, Expires: p.Expires, Joined: p.Joined}
	return began, func(ctx context.Context) (control.LoggedIn, error) {
		ctx, done := context.WithTimeout(ctx, loginPatience)
		defer done()
		ctx, done = d.gate.while(ctx)
		defer done()
		if err := d.logins.Wait(ctx, p.ID); err != nil {
			if !p.Joined {
				d.logins.Cancel(p.ID)
			}
			if d.gate.locked() {
				err = errLocked()
			}
			return control.LoggedIn{}, err
		}
		return d.arrived(ctx, w, in, p.Method)
	}, nil
}

// finishLogin brings what a browser brought back.
func (d *daemon) finishLogin(ctx context.Context, id, code, state string) error {
	if d.gate.locked() {
		return errLocked()
	}
	err := d.logins.Finish(ctx, id, code, state)
	if d.gate.locked() { // meanwhile: what came has missed the wiping
		_, wiping := d.logins.Wipe(context.WithoutCancel(ctx))
		return errors.Join(errLocked(), wiping)
	}
	return err
}

// arrived wakes what waited for a login. One that came while vendord was being
// locked is wiped like those before.
func (d *daemon) arrived(ctx context.Context, w want, in session.SignIn, kind string) (control.LoggedIn, error) {
	if d.gate.locked() {
		_, err := d.logins.Wipe(context.WithoutCancel(ctx))
		return control.LoggedIn{}, errors.Join(errLocked(), err)
	}
	k := d.known(in)
	return control.LoggedIn{Kind: kind, Source: w.source.Name, Subject: portalInWords(in), Expires: k.Expires,
		Renews: k.Renewable, Kept: keptInWords(k), Sessions: d.wake(d.signedInTo(in))}, nil
}

// wake has every session that descends from such a request tried again: those
// of programs with live tokens now, the others when they are asked for. It
// returns how many there are.
func (d *daemon) wake(such func(session.Request) bool) int {
	which := descends(such)
	d.cache.Retry(which)
	woken := map[session.Key]bool{}
	for _, g := range d.book.Grants() {
		if which(g.Session.Value()) {
			woken[g.Session] = true
		}
	}
	keys := slices.Collect(maps.Keys(woken))
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), commandPatience)
		defer cancel()
		_ = d.cache.Warm(ctx, keys) // status shows what fails
	}()
	for _, st := range d.cache.Status() {
		if which(st.Request) && !such(st.Request) {
			woken[st.Request.Key()] = true
		}
	}
	return len(woken)
}

// code has the session that waits for a code minted with one, and says what AWS
// made of it.
func (d *daemon) code(ctx context.Context, name, code string) (control.LoggedIn, error) {
	w, err := d.wants(name)
	if err != nil {
		return control.LoggedIn{}, err
	}
	if len(w.codes) == 0 {
		return control.LoggedIn{}, fail("run: vendord login "+name, "login: nothing of %s takes an MFA code", name)
	}
	r := w.codes[0]
	withdraw := d.logins.Offer(r.MFASerial, code)
	defer withdraw()
	creds, err := d.gate.Renew(ctx, r.Key(), commandPatience)
	if err != nil {
		return control.LoggedIn{}, err
	}
	sessions := d.wake(func(other session.Request) bool { return other == r })
	return control.LoggedIn{Kind: control.MFA, Source: r.Source.Name, Subject: r.MFASerial, Expires: creds.Expires,
		Kept: "memory alone", Sessions: sessions}, nil
}
