package profiles

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/peer"
)

// The user database is asked by a few at a time, and not for longer than a person
// waits for a reload: it can be a directory on the network, and down.
const (
	lookups         = 8
	lookupsPatience = 5 * time.Second
)

// errSlow is the answer of a user database that gives none.
var errSlow = errors.New("the user database does not answer")

// somebody is a user or group that the file names.
type somebody struct {
	group bool
	name  string // as the file has it
}

// identified is what the user database says of somebody.
type identified struct {
	id   uint32
	name string // as the kernel's number will be named
	err  error
}

// people asks for all users and groups that apps name.
func (l *loader) people() {
	wanted := make(map[somebody]bool)
	for _, app := range l.file.Apps {
		if app.Match.has("user") && app.Match.User != "nobody" {
			wanted[somebody{name: app.Match.User}] = true
		}
		if app.Match.has("group") {
			wanted[somebody{group: true, name: app.Match.Group}] = true
		}
	}
	delete(wanted, somebody{})
	delete(wanted, somebody{group: true})
	if len(wanted) > 0 && l.machine.CanTell(peer.Users) {
		l.ask(wanted)
	}
}

// ask puts the answers of those who are wanted into known. Who is not in it when
// patience ends has errSlow.
func (l *loader) ask(wanted map[somebody]bool) {
	type answer struct {
		somebody
		identified
	}
	work := make([]somebody, 0, len(wanted))
	for who := range wanted {
		work = append(work, who)
		l.known[who] = identified{err: errSlow}
	}
	machine, answers := l.machine, make(chan answer, len(work)) // a late answer blocks nobody
	var next, stopped atomic.Int64
	for range min(lookups, len(work)) {
		go func() {
			for i := next.Add(1) - 1; i < int64(len(work)) && stopped.Load() == 0; i = next.Add(1) - 1 {
				answers <- answer{work[i], machine.identify(work[i])}
			}
		}()
	}
	patience := time.NewTimer(lookupsPatience)
	defer patience.Stop()
	for range work {
		select {
		case a := <-answers:
			l.known[a.somebody] = a.identified
		case <-patience.C:
			stopped.Store(1)
			return
		}
	}
}

// identify asks for one.
func (m Machine) identify(who somebody) (i identified) {
	if who.group {
		if i.id, i.err = m.GroupID(who.name); i.err == nil {
			i.name = m.GroupName(i.id)
		}
		return i
	}
	i.id, i.err = m.UserID(who.name)
	// A name is kept as it is written: root can have two.
	if i.name = who.name; i.err == nil && strings.HasPrefix(who.name, "#") {
		i.name = m.UserName(i.id)
	}
	return i
}

// identified returns the number and the name of somebody; ok is false where there
// is none. What is wrong is reported at the key.
func (l *loader) identified(at path, who somebody) (id uint32, name string, ok bool) {
	kind := "user"
	if who.group {
		kind = "group"
	}
	found := l.known[who]
	switch {
	case !who.group && who.name == "nobody", errors.Is(found.err, peer.ErrNobody):
		l.wrong(at, "give the program a "+kind+" of its own", "%s cannot be recognised: everybody of another user namespace looks the same", who.name)
		return 0, "", false
	case !l.machine.CanTell(peer.Users): // and reported
		return 0, who.name, false
	case found.err == nil:
		return found.id, found.name, true
	case strings.HasPrefix(who.name, "#"):
		l.wrong(at, `write "#1234", or a name`, "%q is no number of a %s", shortened(who.name), kind)
	case isUnknown(found.err):
		l.doubt(at, l.meant(who), "there is no %s %q: nobody matches", kind, shortened(who.name))
	case errors.Is(found.err, errSlow):
		l.doubt(at, "vendord reload asks again", "%v: nobody matches", found.err)
	default:
		l.doubt(at, "vendord reload asks again", "%v: nobody matches", found.err)
	}
	return 0, who.name, false
}

// meant is the hint for somebody who is not there.
func (l *loader) meant(who somebody) string {
	var names []string
	if !who.group {
		for _, account := range l.accounts() {
			names = append(names, account.Name)
		}
	}
	if l.compared += len(names); l.compared <= maxCompared {
		if hint := suggest(who.name, names, ""); strings.HasPrefix(hint, "did you mean") {
			return hint
		}
	}
	return "once there is one: vendord reload"
}

// accounts returns the users that are known here, read once.
func (l *loader) accounts() []Account {
	if l.users == nil {
		l.users = append([]Account{}, l.machine.Accounts()...)
	}
	return l.users
}
