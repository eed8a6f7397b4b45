package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/cache"
	"github.com/vendord/vendord/session"
)

// carryVersion changes whenever another vendord would read something else into what
// this one leaves. What is of another version is not read at all: the next daemon
// asks AWS then, as after a stop.
const carryVersion = 1

var (
	errCarryVersion = errors.New("it is of another version")
	errCarryDamaged = errors.New("it is damaged")
	errCarryBoot    = errors.New("it is from before the machine started")
)

// carried is what one daemon leaves to the next.
type carried struct {
	sessions []cache.Carried
	known    apps.Carried
}

// A moment is a time by two clocks. Of credentials that were carried no more is left
// than either leaves: the wall clock can be set back, which must not revive dead keys,
// and the other one knows nothing of AWS's.
type moment struct {
	now   time.Time
	boot  string
	since time.Duration // since the machine started, its sleep included
}

// The form of what is left, in JSON.
type carryForm struct {
	Version  int            `json:"version"`
	Boot     string         `json:"boot"`
	Since    time.Duration  `json:"since_boot_ns"`
	Sessions []carrySession `json:"sessions"`
	Tokens   []carryToken   `json:"tokens"`
	Seen     []apps.Seen    `json:"seen"`
}

type carrySession struct {
	Request   string        `json:"request"` // as session.ParseRequest reads it
	KeyID     string        `json:"key_id"`
	Secret    hidden        `json:"secret"`
	Token     hidden        `json:"token"`
	Expires   time.Time     `json:"expires"`
	Life      time.Duration `json:"life_ns"`
	Left      time.Duration `json:"left_ns"` // when it was written, by every clock
	Skew      time.Duration `json:"skew_ns"`
	RoleARN   string        `json:"role_arn"`
	Principal string        `json:"principal"`
	AccountID string        `json:"account_id"`
	Region    string        `json:"region"`
	TokenUse  int           `json:"token_use"`
	Used      time.Time     `json:"used"`
	Before    time.Time     `json:"before"`
}

type carryToken struct {
	ID         string    `json:"id"`
	App        string    `json:"app"`
	User       string    `json:"user"`
	UID        uint32    `json:"uid"`
	Profile    string    `json:"profile"`
	Hash       string    `json:"hash"`
	Steer      bool      `json:"steer"`
	Exec       bool      `json:"exec"`
	Policy     string    `json:"policy"`
	PolicyARNs string    `json:"policy_arns"`
	Issued     time.Time `json:"issued"`
	Expires    time.Time `json:"expires"`
}

// hidden is a secret on its way: only JSON sees it, as base64.
type hidden []byte

// Format prints no secret, whatever the verb.
func (hidden) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, session.Redacted) }

// encode returns what is carried. The caller wipes it; copies that encoding/json
// keeps in buffers of its own are as much in this process's memory as the sessions.
func (c carried) encode(at moment) ([]byte, error) {
	form := carryForm{Version: carryVersion, Boot: at.boot, Since: at.since, Seen: c.known.Seen}
	for _, s := range c.sessions {
		creds := s.Credentials
		if creds.Left(at.now) <= 0 {
			continue
		}
		secret, token := creds.Reveal()
		form.Sessions = append(form.Sessions, carrySession{Request: s.Request.Canonical(), KeyID: creds.KeyID,
			Secret: hidden(secret), Token: hidden(token), Expires: creds.Expires, Life: creds.Life, Left: creds.Left(at.now), Skew: creds.Skew,
			RoleARN: creds.RoleARN, Principal: creds.Principal, AccountID: creds.AccountID, Region: creds.Region,
			TokenUse: creds.TokenUse, Used: s.Used, Before: s.Before})
	}
	for _, t := range c.known.Tokens {
		form.Tokens = append(form.Tokens, carryToken{ID: t.ID, App: t.App, User: t.User, UID: t.UID, Profile: t.Profile,
			Hash: hex.EncodeToString(t.Hash[:]), Steer: t.Steer, Exec: t.Exec, Policy: t.Policy, PolicyARNs: t.PolicyARNs,
			Issued: t.Issued, Expires: t.Expires})
	}
	defer form.wipe()
	return json.Marshal(form)
}

func (f *carryForm) wipe() {
	for _, s := range f.Sessions {
		clear(s.Secret)
		clear(s.Token)
	}
}

// decodeCarried reads what encode wrote, all of it or nothing: what has expired is
// left out, and anything else odd is an error, which quotes nothing of it.
func decodeCarried(text []byte, at moment) (c carried, err error) {
	var v struct{ Version int }
	if json.Unmarshal(text, &v) != nil {
		return carried{}, errCarryDamaged
	}
	if v.Version != carryVersion {
		return carried{}, errCarryVersion
	}
	var form carryForm
	defer form.wipe()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(&form) != nil {
		return carried{}, errCarryDamaged
	}
	slept := at.since - form.Since
	if slept < 0 || form.Boot != at.boot && form.Boot != "" && at.boot != "" {
		return carried{}, errCarryBoot
	}
	for _, s := range form.Sessions {
		restored, ok := s.restore(at.now, slept)
		if !ok {
			return carried{}, errCarryDamaged
		}
		c.sessions = append(c.sessions, restored)
	}
	c.sessions = slices.DeleteFunc(c.sessions, func(s cache.Carried) bool { return s.Credentials.Left(at.now) <= 0 })
	for _, t := range form.Tokens {
		restored, ok := t.restore()
		if !ok {
			return carried{}, errCarryDamaged
		}
		c.known.Tokens = append(c.known.Tokens, restored)
	}
	c.known.Seen = form.Seen
	return c, nil
}

// restore returns a session as this process counts time. Minted gets a reading of
// this process's monotonic clock, from before its start, by which as much is left as
// the clock of the machine's start leaves.
func (s carrySession) restore(now time.Time, slept time.Duration) (cache.Carried, bool) {
	request, err := session.ParseRequest(s.Request)
	if err != nil || s.KeyID == "" || len(s.Secret) == 0 || len(s.Token) == 0 || s.Left <= 0 || s.Left > s.Life {
		return cache.Carried{}, false
	}
	creds := session.NewCredentials(s.KeyID, string(s.Secret), string(s.Token), s.Expires)
	creds.Minted = now.Add(-slept).Add(-(s.Life - s.Left))
	creds.Life, creds.Skew, creds.TokenUse = s.Life, s.Skew, s.TokenUse
	creds.RoleARN, creds.Principal, creds.AccountID, creds.Region = s.RoleARN, s.Principal, s.AccountID, s.Region
	return cache.Carried{Request: request, Credentials: creds, Used: s.Used, Before: s.Before}, true
}

func (t carryToken) restore() (apps.Token, bool) {
	token := apps.Token{ID: t.ID, App: t.App, User: t.User, UID: t.UID, Profile: t.Profile, Steer: t.Steer, Exec: t.Exec,
		Policy: t.Policy, PolicyARNs: t.PolicyARNs, Issued: t.Issued, Expires: t.Expires}
	n, err := hex.Decode(token.Hash[:], []byte(t.Hash[:min(len(t.Hash), 64)]))
	return token, err == nil && n == 32 && len(t.Hash) == 64
}
