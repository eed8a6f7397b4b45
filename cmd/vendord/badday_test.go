package main

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/session"
)

// TestBadDays plays each bad day twice: over sessions that live, from the
// middle of their renewal on until they nearly end, and then for hours over
// ones that have ended. 50 programs ask all the time, and what each answer must
// be is judged as it comes (see crowd).
func TestBadDays(t *testing.T) {
	t.Parallel() // with TestCanarySignIns: both mostly wait
	var days sync.WaitGroup
	stages := make(chan struct{}, 14) // many: they mostly wait, whatever -parallel says
	for _, d := range badDays() {
		stages <- struct{}{}
		days.Go(func() {
			defer func() { <-stages }()
			t.Run(d.name, d.play)
		})
	}
	days.Wait()
}

// timeout is an attempt's 15 s, and a little for a busy machine.
const timeout = 60 * time.Second

func (d badDay) play(t *testing.T) {
	s := setBadStage(t, d.named)
	defer s.judge()
	s.calm = !d.slow && (d.class != session.Retry || d.calls == 1)

	s.clock.advance(26 * time.Minute) // fresh to the last: an hour's session is renewed at 27 to 28 minutes
	before := s.sessions()
	tried, asked, steps, began := s.attempts(), s.aws.asked.Load(), s.steps, time.Now()
	d.begin(s)
	s.pass(31*time.Minute, time.Minute)
	d.show(s, before, 0)
	living := s.gather(2 * programs)
	if odd, n := living.others("200"); len(odd) > 0 && !d.over || n < programs {
		t.Errorf("GET with living credentials: got %d times 200, and %q", n, odd)
	}
	tried, asked = s.attempts()-tried, s.aws.asked.Load()-asked
	d.bounded(s, tried, asked, s.steps-steps, 31*time.Minute, time.Since(began))
	d.mend(s, before)

	well := s.crowd.part()
	s.clock.advance(26 * time.Minute)
	before = s.sessions()
	d.begin(s)
	s.pass(4*time.Minute, time.Minute) // the renewal begins, and fails
	s.pass(35*time.Minute, 5*time.Minute)
	s.calmDown()
	s.clock.advance(2 * time.Hour)        // all is over now, for hours
	s.pass(2*time.Minute, 20*time.Second) // and what was signed before is forgotten
	if !d.slow {
		d.show(s, before, 20*time.Second)
	}
	s.crowd.part()
	began, lately, called := time.Now(), s.attempts(), s.aws.asked.Load()
	over := s.gather(2 * programs)
	lately, called = s.attempts()-lately, s.aws.asked.Load()-called
	d.refused(s, over, lately, time.Since(began))
	d.mend(s, before)
	s.crowd.part()
	if odd, n := s.gather(programs / 2).others("200"); len(odd) > 0 || n == 0 {
		t.Errorf("GET afterwards: got %d times 200, and %q", n, odd)
	}
	t.Logf("living: %v; %d attempts, %d calls in 31 min; mended: %v", living, tried, asked, well)
	median, most, plain := over.wait()
	t.Logf("over: %v, median %v, most %v (plain %v); %d attempts, %d calls in %v", over, median.Round(time.Millisecond),
		most.Round(time.Millisecond), plain.Round(time.Millisecond), lately, called, time.Since(began).Round(time.Millisecond))
}

// show waits until status tells what is wrong, while time goes on in steps. A
// call that was signed before a long jump of the clock is one that AWS refuses
// for its clock; a minute later that is forgotten.
func (d badDay) show(s *badStage, before []control.SessionRow, step time.Duration) {
	s.Helper()
	if d.class == 0 {
		s.renewed("nothing wrong", before)
		return
	}
	s.until("status: "+d.class.String()+": "+d.says, timeout, func(r control.SessionRow) bool {
		if step > 0 {
			s.calmDown()
			s.clock.advance(step)
		}
		return r.Last != nil && r.Last.Class == d.class && strings.Contains(r.Last.Public, d.says)
	})
	s.Logf("status: %s: %s", s.sessions()[0].State, lastOf(s.sessions()[0]))
}

// bounded holds the number of attempts, and of the calls that they made,
// against what the cache promises: one attempt at a time for a session, then a
// pause of a second at least (by the stage's clock, which goes in steps), or of
// 1, 2, 4, 8 and then 10 minutes where a person has to act. mint makes three
// calls of an attempt at most.
func (d badDay) bounded(s *badStage, tried int, asked int64, steps int, passed, real time.Duration) {
	s.Helper()
	most := 2 * (steps + int(real/time.Second) + 2)
	switch d.class {
	case session.Configuration, session.Person, session.Administrator:
		most = 2 * (6 + int(passed/(10*time.Minute)))
	case 0:
		most = 4
	}
	calls := int64(3)
	// The stage's clock can go on by minutes while a call is under way, which
	// mint takes for a sleep, and asks again where it otherwise would not.
	if d.calls != 0 && d.class != session.Retry {
		calls = int64(d.calls)
	}
	if tried > most || asked > calls*int64(tried+2) { // two may be under way
		s.Errorf("STS: got %d attempts and %d calls in %v, want %d and %d each at most", tried, asked, passed, most, calls)
	}
}

// refused holds the answers once nothing lives against what they should be.
func (d badDay) refused(s *badStage, over *tally, tried int, real time.Duration) {
	s.Helper()
	if d.class == 0 {
		if odd, _ := over.others("200"); len(odd) > 0 {
			s.Errorf("GET: got %q, want 200 alone", odd)
		}
		return
	}
	odd, n := over.others(d.answer)
	if len(odd) > 0 || n < programs {
		s.Errorf("GET with nothing left: got %d times %s, and %q", n, d.answer, odd)
	}
	over.mu.Lock() // the programs go on asking
	said := over.said[d.answer]
	over.mu.Unlock()
	if !strings.Contains(said, d.says) && !strings.Contains(said, "still asking AWS") {
		s.Errorf("GET with nothing left: got message %q, want %q in it", said, d.says)
	}
	s.Logf("message: %s", said)
	// Nobody is left to hang: 0.8 s is the server's patience, and the rest is for
	// a machine that is busy with other tests, as which a stranger's wait tells.
	if median, most, plain := over.wait(); median > 2*time.Second+2*plain || most > 10*time.Second+4*plain {
		s.Errorf("GET with nothing left: took %v, and %v at most, where a stranger waited %v", median, most, plain)
	}
	if most := 2 * (int(real/time.Second) + 2); tried > most {
		s.Errorf("STS: got %d attempts in %v, want %d at most", tried, real, most)
	}
}

// mend ends the bad day: within a minute every session is a new one, by itself
// or, where somebody had to act, once they say so.
func (d badDay) mend(s *badStage, before []control.SessionRow) {
	s.Helper()
	d.end(s)
	if d.class != session.Retry && d.class != 0 {
		if _, err := s.client.Reload(s.Context()); err != nil {
			s.Errorf("Reload: %v", err)
		}
	}
	s.pass(time.Minute, 5*time.Second)
	s.renewed("a new session", before)
}

// judge ends a day with what the crowd found.
func (s *badStage) judge() {
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	for _, offence := range s.crowd.offences {
		s.Error(offence)
	}
}

// TestSleepWhileAWSAnswers closes the laptop between an answer and its being
// read. Timers stand still in such a sleep, so that no timeout notices, and the
// answer's Date is then hours behind the clock, which is no reason to believe
// that AWS's clock is: what it brought has expired.
func TestSleepWhileAWSAnswers(t *testing.T) {
	s := setBadStage(t, false)
	defer s.judge()
	s.calm = true
	s.clock.advance(26 * time.Minute)
	s.aws.nap.Store(int64(2 * time.Hour))
	s.pass(4*time.Minute, time.Minute) // somebody asks, and the renewal begins
	for began := time.Now(); s.aws.nap.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > timeout {
			t.Fatal("AWS: not asked, so this test shows nothing")
		}
	}
	s.pass(time.Minute, 10*time.Second)
	s.crowd.part()
	s.gather(2 * programs)
	s.until("a living session", timeout, func(r control.SessionRow) bool { return r.Expires.After(s.clock.Now()) })
}
