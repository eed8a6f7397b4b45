package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/keyring"
	"github.com/vendord/vendord/session"
)

// types has somebody type a code.
func (s *inputStage) types(code string) error {
	s.typed = code
	_, err := s.client.Code(s.Context(), "bad", code)
	return s.told(err)
}

// shows is what the device shows when this code is over: AWS takes each once.
func (s *inputStage) shows() string {
	s.clock.advance(time.Minute)
	return totp(s.clock.Now())
}

// badCodes are of a source with an MFA device, which a person reads out.
func badCodes() (rows []badInput) {
	mfa := func(serial string) string { return theUser + "\nmfa_serial = \"" + serial + "\"" }
	const needed = `MFA device "` + mfaSerial + `": a code is needed`
	row := func(name, code, says, hint string, spoil func(*inputStage)) {
		rows = append(rows, badInput{name: "MFA code " + name, source: mfa(mfaSerial), class: session.Person, code: code, says: says, hint: hint, how: byLogin,
			asleep: true, login: func(s *inputStage) { s.must(s.types(s.shows())) }, spoil: spoil, mend: func(s *inputStage) { s.must(s.types(s.shows())) }})
	}
	row("is not there", "", needed, "run: vendord login bad", func(*inputStage) {})
	// What was typed wrong is told to who typed it, and costs what lives nothing.
	typed := func(code func(*inputStage) string, says string) func(*inputStage) {
		return func(s *inputStage) {
			if err := s.types(code(s)); err == nil || !strings.Contains(err.Error(), says) {
				s.Errorf("login with a bad code: got %v, want %q", err, says)
			}
		}
	}
	const notTaken = "AWS does not take the code of its MFA device " + mfaSerial
	row("is wrong", "", needed, "run: vendord login bad", typed(func(s *inputStage) string { s.shows(); return wrongTOTP(s.clock.Now()) }, notTaken))
	row("is used again", "", needed, "run: vendord login bad", typed(func(s *inputStage) string { return s.typed }, "that MFA code has been used"))
	row("is not six digits", "", needed, "run: vendord login bad", typed(func(*inputStage) string { return "123 456" }, "code: not six digits"))
	return append(rows, otherDevice())
}

// wrongTOTP is a code that the device shows neither now nor before or after.
func wrongTOTP(now time.Time) string {
	for n := 0; ; n++ {
		code := fmt.Sprintf("%06d", n)
		near := false
		for step := -5; step <= 5; step++ {
			near = near || code == totp(now.Add(time.Duration(step)*30*time.Second))
		}
		if !near {
			return code
		}
	}
}

// otherDevice is a serial number in vendord.toml that is not the device's.
func otherDevice() badInput {
	const other = "arn:aws:iam::629470240201:mfa/johns-old-phone"
	source := func(serial string) string {
		return theUser + "\nmfa_serial = \"" + serial + "\"\nmfa_command" + theScript
	}
	good := func(s *inputStage) {
		s.write("vendord.toml", s.config(source(mfaSerial), ""))
		s.script(prints(s.shows()))
	}
	return badInput{name: "MFA device of somebody else", source: source(mfaSerial), class: session.Person, code: "AccessDenied", how: byReload,
		says: `source "bad": AWS does not take the code of its MFA device ` + other, hint: "mfa_command must print a code of that device",
		setup: good, mend: good, another: true, spoil: func(s *inputStage) {
			s.write("vendord.toml", s.config(source(other), ""))
			s.script("echo $((100000 + 1$(date +%N) % 900000))\n") // never the same twice
			s.reload()
		}}
}

const portalSource = "profile = \"portal\"\nconfig_file = \"portal-config\"\ncredentials_file = \"aws-credentials\""

func (s *inputStage) portalConfig(account, role string) {
	s.write("portal-config", "[profile portal]\nsso_session = acme\nsso_account_id = "+account+"\nsso_role_name = "+role+
		"\n[sso-session acme]\nsso_region = eu-west-1\nsso_start_url = "+portalURL+"\nsso_registration_scopes = sso:account:access\n")
}

// signIn is vendord login, with a person who says yes.
func (s *inputStage) signIn() {
	s.must(s.bad.Load().SignIn(fakeaws.ApproveSignIn, "jane"))
	w, err := s.client.Login(s.Context(), control.LoginSpec{Name: "bad"})
	if err != nil {
		s.Fatalf("login: %v", err)
	}
	defer w.Close()
	s.must(s.bad.Load().Decide(fakeaws.ApproveSignIn, w.UserCode, "jane"))
	if _, err := w.Wait(s.Context()); err != nil {
		s.Fatalf("login: %v", err)
	}
}

// badSignIns are of IAM Identity Center.
func badSignIns() (rows []badInput) {
	const reader, source, refuses = "629470240201", `source "bad": `, `source "bad": SSO at http://127.0.0.1:`
	row := func(b badInput) {
		b.name, b.source, b.profile, b.action = "Identity Center "+b.name, portalSource, `operation = "source"`, "/federation/credentials"
		b.setup, b.login = func(s *inputStage) { s.portalConfig(reader, "Reader") }, (*inputStage).signIn
		rows = append(rows, b)
	}
	portal := func(account, role string) func(*inputStage) {
		return func(s *inputStage) { s.portalConfig(account, role) }
	}
	row(badInput{name: "sign-in revoked", class: session.Person, code: "InvalidGrantException", says: `sso-session "acme": its login has expired`, hint: "run: vendord login bad",
		how: byLogin, spoil: func(s *inputStage) { s.bad.Load().Revoke("jane") }, mend: (*inputStage).signIn})
	row(badInput{name: "sign-in over", class: session.Person, says: `sso-session "acme": its login has expired`, hint: "run: vendord login bad", how: byLogin,
		code: "InvalidGrantException", spoil: func(s *inputStage) { s.bad.Load().Revoke("jane"); s.clock.advance(2 * time.Hour) }, over: true, mend: (*inputStage).signIn})
	row(badInput{name: "access token expires", heals: true, spoil: func(*inputStage) {}, mend: func(*inputStage) {}})
	rows[len(rows)-1].login = func(s *inputStage) {
		s.become(func(w *fakeaws.State) { w.IdentityCenters[0].TokenLifetime = 1200 })
		s.signIn()
	}
	row(badInput{name: "does not give the account", class: session.Administrator, code: "ForbiddenException", says: refuses, hint: "must be given that role", how: byReload, another: true,
		spoil: func(s *inputStage) { s.portalConfig("111122223333", "Reader"); s.reload() }, mend: portal(reader, "Reader")})
	row(badInput{name: "does not give the role", class: session.Administrator, code: "ForbiddenException", says: refuses, hint: "must be given that role", how: byReload, another: true,
		spoil: func(s *inputStage) { s.portalConfig(reader, "Administrator"); s.reload() }, mend: portal(reader, "Reader")})
	row(badInput{name: "portal down", class: session.Retry, code: "InternalServerException", says: "SSO at http://127.0.0.1:",
		spoil: func(s *inputStage) {
			s.bad.Load().Inject(fakeaws.Fault{Operation: "GetRoleCredentials", Kind: fakeaws.ServerError})
		}, mend: func(s *inputStage) { s.bad.Load().Clear() }})
	return rows
}

// badKeyrings are what a keyring does, in the words of package keyring; that the
// real ones do is tested on a desktop of its own (conformance/keyring).
func badKeyrings() (rows []badInput) {
	row := func(name string, class session.Class, says, hint string, entry func() (string, error)) {
		set := func(s *inputStage, to func() (string, error)) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.entry = to
		}
		var was func() (string, error)
		rows = append(rows, badInput{name: "keyring " + name, source: `type = "keyring"`, keyring: true, class: class, says: `source "bad": ` + says, hint: hint, how: byReload,
			spoil: func(s *inputStage) { was = s.entry; set(s, entry) }, mend: func(s *inputStage) { set(s, was) }})
	}
	fails := func(class session.Class, cause error, hint string) func() (string, error) {
		return func() (string, error) {
			return "", &session.Error{Class: class, Err: cause, Public: `keyring entry "source/bad": ` + cause.Error(), Hint: hint}
		}
	}
	holds := func(text string) func() (string, error) { return func() (string, error) { return text, nil } }
	const none, add = "its entry in the keyring holds no keys", "run: vendord source add bad"
	row("locked", session.Person, `keyring entry "source/bad": the keyring is locked`, "unlock it", fails(session.Person, keyring.ErrLocked, "unlock it, as a rule by logging in to the desktop"))
	row("absent", session.Configuration, `keyring entry "source/bad": there is no keyring`, "it needs a login session with a keyring", fails(session.Configuration, keyring.ErrAbsent, "it needs a login session with a keyring"))
	row("entry missing", session.Person, `keyring entry "source/bad": there is no such entry`, add, fails(session.Person, keyring.ErrNotFound, add))
	row("does not work", session.Retry, `keyring entry "source/bad": the keyring does not work`, "", fails(session.Retry, errors.New("the keyring does not work"), ""))
	row("entry is no JSON", session.Person, none, add, holds("AKIAI44QH8DHBEXAMPLE "+secondKey.Secret))
	row("entry is half", session.Person, none, add, holds(`{"AccessKeyId":"AKIAI44QH8DHBEXAMPLE","SecretAccessKey":"`))
	row("entry is empty", session.Person, none, add, holds(""))
	row("entry has half of a key", session.Person, none, add, holds(`{"AccessKeyId":"","SecretAccessKey":"`+secondKey.Secret+`"}`))
	row("entry has a line break in its key", session.Person, "its secret key is empty or has characters that no key has", "a line break may have been copied along",
		holds(`{"AccessKeyId":"AKIAI44QH8DHBEXAMPLE","SecretAccessKey":"`+secondKey.Secret+`\n"}`))
	return rows
}
