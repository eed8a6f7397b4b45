package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often one caller may be refused before that is no longer worth an answer
// of its own and a line in the record. One failure of one program is up to six
// requests (JavaScript's SDK: five, the last one without its token; as of
// 2026-11), and a program that starts twenty of them makes a mistake twenty times
// over; beyond that it is a loop, or somebody who tries tokens or fills a disk.
const (
	refusedBurst = 100
	refusedEvery = 100 * time.Millisecond
	mostCallers  = 1024 // told apart
	mostRemote   = 512  // of those, from other networks
	// mostStrangers of them are users who have nothing here, all of whom together
	// are worth as much as strangersWorth.
	mostStrangers, strangersWorth = 256, 2
)

// refusedCaller is who was refused: a party, and for callers who were recognised the
// app, so that nobody can spend what belongs to somebody's programs, or have their
// refusals left out of the record.
type refusedCaller struct {
	party
	app string
}

// refusals counts refused requests by caller. Requests that are granted are
// none of its business: a client that is right is not told to slow down because
// of another that is wrong.
type refusals struct {
	mu      sync.Mutex // guards the rest
	callers map[refusedCaller]*account
	remote  int // of callers
	// strangers are those of them who are users without anything here, and together
	// is what all of these have.
	strangers int
	together  account
}

// account is one caller's. It starts full: refused is what comes too often.
type account struct {
	limiter  *rate.Limiter
	unspoken uint64 // refusals that were not recorded since the last that was
	told     bool   // the record has the first of those
	stranger bool
}

func newRefusals() *refusals {
	return &refusals{callers: make(map[refusedCaller]*account),
		together: account{limiter: rate.NewLimiter(strangersWorth*rate.Every(refusedEvery), strangersWorth*refusedBurst)}}
}

// verdict is what a refusal is worth.
type verdict struct {
	// tooMany says that the caller was refused too often lately.
	tooMany bool
	// record says whether there is a line for it, and unspoken how many
	// refusals before it have none.
	record   bool
	unspoken uint64
}

// count counts a refusal.
func (r *refusals) count(who refusedCaller, now time.Time) verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accountLocked(who, false, now).spend(now)
}

// countStranger counts a refusal of a user who has nothing here. One person can be
// 65,536 of those, so they have one account together as well; it is larger than that
// of any of them, or one who asks in a loop would keep all others off the record.
func (r *refusals) countStranger(uid uint32, now time.Time) verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.accountLocked(refusedCaller{party: party{uid: uid}}, true, now).spend(now)
	if v.tooMany {
		return v
	}
	all := r.together.spend(now)
	if !all.record {
		r.together.unspoken += v.unspoken
		return all
	}
	all.unspoken += v.unspoken
	return all
}

// accountLocked returns a caller's account.
func (r *refusals) accountLocked(who refusedCaller, stranger bool, now time.Time) *account {
	if of := r.callers[who]; of != nil {
		return of
	}
	if r.fullLocked(who, stranger) {
		r.forgetLocked(now)
	}
	if r.fullLocked(who, stranger) {
		who, stranger = refusedCaller{party: party{uid: nobody}}, false // all that came too late, together
	}
	of := r.callers[who]
	if of == nil {
		of = &account{limiter: rate.NewLimiter(rate.Every(refusedEvery), refusedBurst), stranger: stranger}
		r.callers[who] = of
		if who.addr.IsValid() {
			r.remote++
		}
		if stranger {
			r.strangers++
		}
	}
	return of
}

// spend takes one refusal from an account.
func (a *account) spend(now time.Time) verdict {
	if a.limiter.AllowN(now, 1) {
		v := verdict{record: true, unspoken: a.unspoken}
		a.unspoken, a.told = 0, false
		return v
	}
	if !a.told {
		a.told = true
		return verdict{tooMany: true, record: true}
	}
	a.unspoken++
	return verdict{tooMany: true}
}

// fullLocked reports whether there is no room for one more like who. Whoever has
// a network's addresses is not to have all that there is.
func (r *refusals) fullLocked(who refusedCaller, stranger bool) bool {
	return len(r.callers) >= mostCallers || who.addr.IsValid() && r.remote >= mostRemote || stranger && r.strangers >= mostStrangers
}

// forgetLocked forgets the callers who were not refused for so long that
// nothing is held against them.
func (r *refusals) forgetLocked(now time.Time) {
	for who, of := range r.callers {
		if of.limiter.TokensAt(now) >= refusedBurst {
			delete(r.callers, who)
			if who.addr.IsValid() {
				r.remote--
			}
			if of.stranger {
				r.strangers--
			}
		}
	}
}
