package main

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/session"
)

// A badInput is one thing that a daemon is given and that is wrong, and what
// comes of it: for who has to mend it, for the program and its user, and next.
type badInput struct {
	name            string
	source, profile string            // of vendord.toml; the source's default has keys of John's
	setup           func(*inputStage) // writes the files of the source; nothing is wrong yet
	login           func(*inputStage) // what a person does at first
	spoil           func(*inputStage) // makes it wrong
	mend            func(*inputStage) // and right again
	how             mending           // what else is needed for that
	class           session.Class     // in status
	code            string            // of AWS, there
	says            string            // the message's beginning: in status, in the answer, in the SDK's error
	hint            string            // a part of what it advises

	action  string        // that gives what is vended; "": AssumeRole
	life    time.Duration // of the session; 0: an hour
	asleep  bool          // a renewal while the session lives does not meet it
	hangs   bool          // the attempt goes on
	stale   bool          // it is wrong in another way soon, and made anew
	heals   bool          // the daemon gets over it by itself: nobody is ever refused
	another bool          // it is another session: the one that lives is not asked for any more
	over    bool          // by then nothing lives
	keyring bool          // the stage's own
}

// mending is what ends a failure that is remembered.
type mending string

const (
	byReload mending = "vendord reload"
	byTime   mending = "" // the next attempt comes by itself
	byLogin  mending = "vendord login"
)

func (b badInput) gives() string { return cmp.Or(b.action, "AssumeRole") }

// remembered is for how long a failure is remembered at most, and a little more.
func (b badInput) remembered() time.Duration {
	if b.class == session.Retry {
		return 31 * time.Second
	}
	return 11 * time.Minute
}

// classAnswers is what the endpoint answers for a class.
var classAnswers = map[session.Class]string{session.Configuration: misconfigured, session.Person: needsLogin,
	session.Administrator: denied, session.Retry: later}

// TestBadInput plays every row: all is well, the input goes bad under a living
// session, then there is none, and then it is mended. All the while another
// profile is asked for, and everything that is said is searched for secrets.
func TestBadInput(t *testing.T) {
	sandbox(t)
	rows := slices.Concat(badAssertions(), badWebTokens(), badCommands(), badCodes(), badSignIns(), badKeyrings(), badKeys(), badRoles(), badScopes(), badUsers())
	var sdk chain
	var playing sync.WaitGroup
	stages := make(chan struct{}, 8) // many: they mostly wait, whatever -parallel says
	for _, row := range rows {
		stages <- struct{}{}
		playing.Go(func() {
			defer func() { <-stages }()
			t.Run(row.name, func(t *testing.T) { row.play(t, &sdk) })
		})
	}
	playing.Wait()
}

func (b badInput) play(t *testing.T, sdk *chain) {
	s := setInputStage(t, b)
	b.says = strings.ReplaceAll(b.says, "DIR", s.dir)
	defer s.search()
	if b.login != nil {
		b.login(s)
	}
	first, err := sdk.patiently(s, "bad-app")
	if err != nil {
		t.Fatalf("before anything is wrong: %v", err)
	}
	done := s.watch()
	b.spoil(s)
	b.whileItLives(s, first)
	done()
	s.daemon.cache.Retain(nothing)
	defer s.watch()()
	if b.stale {
		b.spoil(s)
	}
	if !b.heals {
		b.refused(s, sdk)
		b.bounded(s)
	}
	b.mended(s, sdk)
}

// whileItLives lets the time of the renewal come: it fails, and what lives is
// handed out all the same.
func (b badInput) whileItLives(s *inputStage, first string) {
	s.Helper()
	if b.hangs || b.another || b.over {
		return
	}
	s.clock.advance(cmp.Or(b.life, time.Hour)/2 + time.Minute)
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		status, d := s.get("bad-app")
		if status != http.StatusOK || !b.heals && !b.asleep && d.AccessKeyID != first {
			s.Fatalf("GET while %s lives: got HTTP %d %s %s %q, want that key", first, status, d.AccessKeyID, d.Code, d.Message)
		}
		row, _ := s.session()
		if b.heals && row.Last != nil {
			s.Fatalf("status while %s lives: got %v, want none", first, row.Last)
		}
		if b.asleep || row.Last != nil || b.heals && d.AccessKeyID != first {
			return
		}
		if time.Since(began) > timeout {
			s.Fatalf("status while %s lives: no failure is shown", first)
		}
	}
}

// refused asks when nothing lives: what the SDK's user reads, what the endpoint
// says, and what status shows, are one message.
func (b badInput) refused(s *inputStage, sdk *chain) {
	s.Helper()
	ask := sdk.patiently
	if b.hangs {
		ask = sdk.program
	}
	_, err := ask(s, "bad-app")
	if err == nil {
		s.Fatal("SDK: got credentials, want an error")
	}
	s.Logf("SDK: %v", err)
	status, d := s.answer("bad-app")
	said, hint, _ := strings.Cut(d.Message, "; hint: ") // both may be cut
	if got, want := fmt.Sprintf("%d %s", status, d.Code), classAnswers[b.class]; got != want {
		s.Errorf("GET: got %s %q, want %s", got, d.Message, want)
	}
	if !strings.Contains(err.Error(), d.Code+": "+said) || hint != "" && !strings.Contains(err.Error(), "; hint: "+hint[:len(hint)/2]) {
		s.Errorf("SDK: got %q, want %q in it", err, d.Message)
	}
	row, _ := s.session()
	if b.hangs {
		if !strings.Contains(d.Message, b.says) || row.Last != nil {
			s.Errorf("GET: got %q, and in status %v, want %q", d.Message, row.Last, b.says)
		}
		return
	}
	if row.Last == nil || row.Last.Class != b.class || row.Last.Code != b.code || !strings.HasPrefix(row.Last.Public, b.says) || !strings.Contains(row.Last.Hint, b.hint) {
		s.Fatalf("status: got %v, want %v %q %q, hint with %q", lastOf(row), b.class, b.code, b.says, b.hint)
	}
	if !begins(row.Last.Public, said) || row.Last.Hint != "" && !begins(row.Last.Hint, hint) {
		s.Errorf("GET: got message %q, want as much as fits of %q and %q", d.Message, row.Last.Public, row.Last.Hint)
	}
}

// begins reports whether a text that may have been cut is the beginning of
// another, and enough of it to tell.
func begins(whole, part string) bool {
	part, cut := strings.CutSuffix(part, "…")
	return whole == part || cut && len(part) > 60 && strings.HasPrefix(whole, part)
}

// bounded asks many times at once, and then again when the failure is forgotten.
func (b badInput) bounded(s *inputStage) {
	s.Helper()
	_, before := s.session()
	began := time.Now()
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() { s.get("bad-app") })
	}
	asking.Wait()
	_, after := s.session()
	if most := 1 + int(time.Since(began)/time.Second); b.class != session.Retry && after > before || after-before > most {
		s.Errorf("20 programs at once: got %d attempts, want %d at most", after-before, most)
	}
	if b.hangs {
		return
	}
	pause := b.remembered()
	s.clock.advance(pause)
	if b.stale {
		b.spoil(s)
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, now := s.session(); now > after {
			break
		}
		if s.get("bad-app"); time.Since(began) > timeout {
			s.Errorf("after %v: no other attempt is made", pause)
			return
		}
	}
	if row, _ := s.session(); row.Last == nil || row.Last.Class != b.class {
		s.Errorf("after %v: got %+v, want the same failure", pause, row.Last)
	}
}

// mended makes it right: the next program gets its credentials.
func (b badInput) mended(s *inputStage, sdk *chain) {
	s.Helper()
	if b.how == byTime {
		s.clock.advance(b.remembered())
	}
	b.mend(s)
	if b.how == byReload {
		s.reload()
	}
	if _, err := sdk.patiently(s, "bad-app"); err != nil {
		s.Errorf("mended, and %s: %v", cmp.Or(b.how, "some time later"), err)
	}
	if row, _ := s.session(); row.Last != nil {
		s.Errorf("mended: status still shows %+v", row.Last)
	}
}

// search looks for secrets in all that was said, and at whose keys were vended.
func (s *inputStage) search() {
	s.Helper()
	if err := s.daemon.audit.Flush(); err != nil {
		s.Error(err)
	}
	everything := ""
	for where, text := range map[string]string{"the log": s.log.String(), "the record": s.record.String(), "what was answered": s.said.String()} {
		if len(text) < 100 {
			s.Errorf("%s has %d bytes: this test shows nothing", where, len(text))
		}
		everything += "\n" + where + ":\n" + text
	}
	for _, leak := range s.birds.leaks(everything) {
		s.Errorf("canary: %s", leak)
	}
	if len(s.vended) < 2 {
		s.Errorf("the program was handed %q, want keys before and after", s.vended)
	}
}
