package server

import (
	"net/netip"
	"testing"
	"time"
)

// spend has a caller refused so often that they are not listened to any more.
func spend(r *refusals, who refusedCaller, now time.Time) {
	for range refusedBurst {
		r.count(who, now)
	}
}

// Each caller has an account of their own: a stranger of the same user, another
// app, another user can neither use it up, so that programs get no reason, nor
// have its refusals left out of the record.
func TestRefusalsAreCountedByCaller(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	one, two := party{uid: 501}, party{uid: 502}
	here, there := party{nobody, netip.MustParseAddr("172.18.0.2")}, party{nobody, netip.MustParseAddr("172.18.0.3")}
	callers := []refusedCaller{{one, ""}, {one, "a"}, {one, "b"}, {two, "a"}, {party{uid: nobody}, ""}, {here, ""}, {there, ""}, {here, "a"}}
	for _, busy := range callers {
		r := newRefusals()
		spend(r, busy, now)
		for _, who := range callers {
			if got, want := r.count(who, now).tooMany, who == busy; got != want {
				t.Errorf("%v after a hundred refusals of %v: too many %v, want %v", who, busy, got, want)
			}
		}
	}
}

// The first that is too many has a line, the next that is not says how many
// had none.
func TestRefusalsThatHaveNoLineAreCounted(t *testing.T) {
	r, who, now := newRefusals(), refusedCaller{party{uid: 501}, ""}, time.Unix(1_800_000_000, 0)
	spend(r, who, now)
	for i, want := range []verdict{{tooMany: true, record: true}, {tooMany: true}, {tooMany: true}} {
		if got := r.count(who, now); got != want {
			t.Errorf("refusal %d too many: got %+v, want %+v", i+1, got, want)
		}
	}
	now = now.Add(refusedEvery)
	if got, want := r.count(who, now), (verdict{record: true, unspoken: 2}); got != want {
		t.Errorf("when one is allowed again: got %+v, want %+v", got, want)
	}
	now = now.Add(refusedEvery)
	if got, want := r.count(who, now), (verdict{record: true}); got != want {
		t.Errorf("and then: got %+v, want %+v", got, want)
	}
}

// A user who has nothing here and asks in a loop does not keep the refusals of others
// like that off the record; as many users, all one person's, do no more than two.
func TestStrangersAreCountedApartAndTogether(t *testing.T) {
	r, now := newRefusals(), time.Unix(1_800_000_000, 0)
	for range 10 * refusedBurst {
		r.countStranger(501, now)
	}
	if got := r.countStranger(502, now); got != (verdict{record: true}) {
		t.Errorf("another, after a thousand refusals of one: got %+v, want a line", got)
	}
	lines := refusedBurst + 2
	for uid := range uint32(5_000) {
		if r.countStranger(1_000+uid, now).record {
			lines++
		}
	}
	if want := 2*refusedBurst + 3; lines > want {
		t.Errorf("of 5,002 users at once: got %d lines, want %d at most", lines, want)
	}
	if len(r.callers) > mostStrangers+1 {
		t.Errorf("got %d accounts, want %d and one for all others", len(r.callers), mostStrangers)
	}
	if got := r.count(refusedCaller{party{uid: 503}, ""}, now); got != (verdict{record: true}) {
		t.Errorf("somebody who has something here: got %+v, want a line", got)
	}
	if got := r.countStranger(9_999, now.Add(time.Minute)); !got.record || got.unspoken == 0 {
		t.Errorf("a minute later: got %+v, want a line that counts those without one", got)
	}
}

// Who comes as many callers, in a user namespace say, fills no memory, and those
// who were quiet are forgotten.
func TestRefusalsAreBounded(t *testing.T) {
	r, now := newRefusals(), time.Unix(1_800_000_000, 0)
	for uid := range uint32(3 * mostCallers) {
		r.count(refusedCaller{party{uid: uid}, ""}, now)
	}
	if got := len(r.callers); got != mostCallers+1 {
		t.Errorf("got %d callers, want %d and all others as one", got, mostCallers)
	}
	spend(r, refusedCaller{party{uid: 1}, ""}, now)
	later := now.Add(refusedEvery)
	r.count(refusedCaller{party{uid: 1 << 20}, ""}, later)
	if got := r.callers[refusedCaller{party{uid: 1 << 20}, ""}]; got == nil {
		t.Error("a newcomer: not told apart when others were quiet for long enough")
	}
	if !r.count(refusedCaller{party{uid: 1}, ""}, later).record || !r.count(refusedCaller{party{uid: 1}, ""}, later).tooMany {
		t.Error("a caller who was not quiet was forgotten")
	}
}
