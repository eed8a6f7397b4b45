package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// loginPatience bounds a login, whatever the portal says of it.
const loginPatience = 20 * time.Minute

// sourceOrProfile is what login and logout are given the name of.
const sourceOrProfile = "source or profile"

// want is what a source, or a profile, wants a person for: a sign-in, codes of
// MFA devices, both or neither.
type want struct {
	source session.Source // where the lineage begins
	portal *session.SignIn
	codes  []session.Request // those that wait for one first
}

// wants finds out what a name stands for and what it wants.
func (d *daemon) wants(name string) (want, error) {
	requests, err := d.requestsOf(name)
	if err != nil {
		return want{}, err
	}
	var w want
	for _, r := range requests {
		w.source = origin(r).Source
		for ancestor := range lineage(r) {
			if typed(ancestor) && !slices.Contains(w.codes, ancestor) {
				w.codes = append(w.codes, ancestor)
			}
		}
	}
	if w.source.Name == "" { // no profile uses it
		w.source = d.book.Config().Sources[name]
	}
	if in, ok, err := mint.SignInOf(w.source, d.options.config.Home); err != nil {
		return want{}, err
	} else if ok {
		w.portal = &in
	}
	d.waitingFirst(w.codes)
	return w, nil
}

// requestsOf returns what the sessions of a profile, or those that begin with a
// source, are asked for with; those of who runs vendord first.
func (d *daemon) requestsOf(name string) ([]session.Request, error) {
	config := d.book.Config()
	_, isSource := config.Sources[name]
	_, isProfile := config.Profiles[name]
	if !isSource && !isProfile {
		known := map[string]bool{}
		for _, n := range slices.Concat(slices.Collect(maps.Keys(config.Sources)), slices.Collect(maps.Keys(config.Profiles))) {
			known[n] = true
		}
		return nil, d.notLoaded(unknownName(sourceOrProfile, name, known))
	}
	if isSource { // of two with one name: one command, one identity
		isProfile = false
	}
	var own, others []session.Request
	for _, g := range d.reachable() {
		r := g.Session.Value()
		begins := func(r session.Request) bool { return r.Source.Name == name }
		if !(isProfile && g.Profile == name) && !(isSource && descends(begins)(r)) {
			continue
		}
		if g.App == profiles.CLI && g.User == d.options.user {
			own = append(own, r)
		} else {
			others = append(others, r)
		}
	}
	return append(own, others...), nil
}

// waitingFirst puts first those that failed because nobody typed a code, and
// then those that have nothing.
func (d *daemon) waitingFirst(codes []session.Request) {
	rank := map[session.Key]int{}
	for _, st := range d.cache.Status() {
		switch {
		case st.Last != nil && st.Last.Class == session.Person:
			rank[st.Request.Key()] = -1
		case st.KeyID != "":
			rank[st.Request.Key()] = 1
		}
	}
	slices.SortStableFunc(codes, func(a, b session.Request) int { return cmp.Compare(rank[a.Key()], rank[b.Key()]) })
}

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

// nothing says why there is nothing to sign in to.
func (d *daemon) nothing(s session.Source) (string, error) {
	command, found, err := mint.LoginCommand(s, d.options.config.Home)
	switch {
	case err != nil:
		return "", err
	case found:
		return "", fail("run: "+command, "source %q: its sign-in is the AWS CLI's", s.Name)
	}
	return fmt.Sprintf("nothing to sign in to: source %s %s", s.Name, ownKeys(s)), nil
}

func ownKeys(s session.Source) string {
	switch s.Type {
	case session.WebIdentity, session.SAML:
		return "brings its own proof"
	case session.IMDS:
		return "is this machine's role"
	case session.Container:
		return "is this container's role"
	}
	return "has keys of its own"
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

// portalInWords names what is signed in to.
func portalInWords(in session.SignIn) string { return in.StartURL }

// known returns what is known of a login; where it is shared makes no other.
func (d *daemon) known(in session.SignIn) (found login.Known) {
	for _, k := range d.logins.Known() {
		if sameLogin(k.SignIn, in) {
			found = k
		}
	}
	return found
}

func sameLogin(a, b session.SignIn) bool {
	a.Share, b.Share = false, false
	return a == b
}

// keptInWords says where a login is kept, and whether it could be better.
func keptInWords(k login.Known) (words string) {
	switch k.Kept {
	case login.InKeyring:
		words = "the keyring"
	case login.InFile:
		words = "the state directory"
	case login.InMemory:
		words = "memory, until vendord ends"
	case login.InShared:
		return "~/.aws/sso/cache"
	}
	if k.Shared {
		words += " and ~/.aws/sso/cache"
	}
	return words
}

// signedInTo returns whether a request begins with an identity of a portal. It
// asks the disk once for each source.
func (d *daemon) signedInTo(in session.SignIn) func(session.Request) bool {
	known := map[session.Source]bool{}
	return func(r session.Request) bool {
		if r.Parent != "" {
			return false
		}
		same, ok := known[r.Source]
		if !ok {
			other, is, err := mint.SignInOf(r.Source, d.options.config.Home)
			same = err == nil && is && sameLogin(other, in)
			known[r.Source] = same
		}
		return same
	}
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

// portals returns whether a request begins with an identity of any portal.
func (d *daemon) portals() func(session.Request) bool {
	known := map[session.Source]bool{}
	return func(r session.Request) bool {
		is, ok := known[r.Source]
		if !ok && r.Parent == "" {
			_, is, _ = mint.SignInOf(r.Source, d.options.config.Home)
			known[r.Source] = is
		}
		return is && r.Parent == ""
	}
}

// asking returns what says which command a failed session wants a person to
// run, or "" if it is none of vendord's.
func (d *daemon) asking() func(r session.Request, profile string) string {
	portal := d.portals()
	return func(r session.Request, profile string) string {
		for ancestor := range lineage(r) {
			switch {
			case typed(ancestor) && ancestor.Operation == session.GetSessionToken && ancestor.RoleARN == "":
				return "vendord login " + ancestor.Source.Name
			case typed(ancestor):
				return "vendord login " + profile
			case portal(ancestor):
				return "vendord login " + ancestor.Source.Name
			}
		}
		return ""
	}
}

// loginRows are for status.
func (d *daemon) loginRows() (rows []control.LoginRow) {
	config := d.book.Config()
	for _, k := range d.logins.Known() {
		row := control.LoginRow{Name: control.NoSource, Subject: portalInWords(k.SignIn), Until: k.Expires, Renews: k.Renewable,
			Kept: keptInWords(k), Pending: k.Pending, Problem: k.Problem}
		for _, name := range slices.Backward(slices.Sorted(maps.Keys(config.Sources))) {
			if in, ok, err := mint.SignInOf(config.Sources[name], d.options.config.Home); err == nil && ok && sameLogin(in, k.SignIn) {
				row.Name = name
			}
		}
		rows = append(rows, row)
	}
	return rows
}
