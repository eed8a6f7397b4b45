package apps

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/profiles"
)

// version is that of the token file. It changes when an older vendord would
// read too much or too little into it. Version 1 had no users' numbers. Version 2,
// in which nobody could choose a profile, is still read, and withoutPaths is written as
// long as there is no id in a path: so one can go back to an older vendord.
const (
	version      = 4
	withoutPaths = 3
)

// document is the token file. It ends in its closing bracket and no newline,
// so that no part of it is a document.
type document struct {
	Version int                `json:"version"`
	Current map[string]current `json:"current"`
	Tokens  []record           `json:"tokens"`
}

// current is a use in the file, and in version 2 a profile's name.
type current struct {
	Profile string     `json:"profile"`
	Until   *time.Time `json:"until,omitempty"`
	Back    string     `json:"back,omitempty"`
	Stay    bool       `json:"stay,omitempty"`
}

type record struct {
	Token
	UID  *uint32 `json:"uid"` // to tell root from a field that was left out
	Hash string  `json:"hash"`
}

var (
	errNewer = errors.New("written by a newer vendord")
	errOlder = errors.New("written by an older vendord, whose tokens were good for any user")
)

// kept is what outlives the process: tokens, and the profile that each of their
// apps uses, which "cli" is none of, or that somebody chose for an app. Without
// that an edit that lists another profile first would give it, after a restart, to
// an agent that is running.
type kept struct {
	current map[string]use
	tokens  []Token
}

// encode returns the token file, the oldest token first.
func (k kept) encode() []byte {
	slices.SortFunc(k.tokens, byIssue)
	d := document{Version: withoutPaths, Current: make(map[string]current), Tokens: []record{}}
	for app, u := range k.current {
		c := current{Profile: u.profile, Back: u.back, Stay: u.stay}
		if !u.until.IsZero() {
			c.Until = &u.until
		}
		d.Current[app] = c
	}
	for _, t := range k.tokens {
		if t.Path {
			d.Version = version
		}
		d.Tokens = append(d.Tokens, record{t, &t.UID, hex.EncodeToString(t.Hash[:])})
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		panic(err) // strings, and times that admit bounded: cannot fail
	}
	return text
}

// parseKept reads what encode wrote, and nothing else. A token that was left
// out as unreadable would be one that somebody relies on, and one with a field
// left out might be good for more than was meant.
func parseKept(text []byte) (kept, error) {
	// The version first: a newer file is no damaged one. This also finds
	// what is cut short, and text after the end.
	var v struct{ Version int }
	if err := json.Unmarshal(text, &v); err != nil {
		return kept{}, jsonError(err)
	}
	switch {
	case v.Version > version:
		return kept{}, fmt.Errorf("version %d: %w", v.Version, errNewer)
	case v.Version == 1:
		return kept{}, fmt.Errorf("version 1: %w", errOlder)
	case v.Version < 2:
		return kept{}, fmt.Errorf("version %d was never written", v.Version)
	}
	d, err := read(text, v.Version)
	if err != nil {
		return kept{}, jsonError(err)
	}
	switch {
	case d.Tokens == nil:
		return kept{}, errors.New("no tokens, not even none")
	case d.Current == nil:
		return kept{}, errors.New("no current profiles, not even none")
	}
	if v.Version <= withoutPaths && slices.ContainsFunc(d.Tokens, func(r record) bool { return r.Path }) {
		return kept{}, errors.New("ids in paths, which its version has none of")
	}
	tokens, err := fromRecords(d.Tokens)
	if err != nil {
		return kept{}, err
	}
	k := kept{make(map[string]use), tokens}
	for app, c := range d.Current {
		u := use{profile: c.Profile, back: c.Back, stay: c.Stay}
		if c.Until != nil {
			u.until = c.Until.Round(0).UTC()
		}
		k.current[app] = u
	}
	return k, k.check()
}

// read reads the document of a version.
func read(text []byte, version int) (d document, err error) {
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if version != 2 {
		return d, strict.Decode(&d)
	}
	var second struct {
		Version int               `json:"version"`
		Current map[string]string `json:"current"`
		Tokens  []record          `json:"tokens"`
	}
	if err := strict.Decode(&second); err != nil {
		return d, err
	}
	d.Tokens = second.Tokens
	if second.Current != nil {
		d.Current = make(map[string]current)
	}
	for app, profile := range second.Current {
		d.Current[app] = current{Profile: profile}
	}
	return d, nil
}

// check refuses a file in which an app of a token has no current profile, which
// would begin with the first listed, or an app without tokens has one that nobody
// chose, or a use that Use can not have stored.
func (k kept) check() error {
	used := make(map[string]bool)
	for i, t := range k.tokens {
		if t.App == profiles.CLI {
			continue
		}
		if used[t.App] = true; k.current[t.App].base() == "" {
			return fmt.Errorf("token %d: its app has no current profile", i+1)
		}
	}
	for app, u := range k.current {
		lasting := u.until.IsZero()
		switch {
		case app == "" || app == profiles.CLI || !used[app] && !u.stay && lasting:
			return fmt.Errorf("app %q has a current profile and no token", app)
		case u.profile == "" || u.until.Year() > 9000 || lasting && u.back != "" || u.stay && u.base() == "":
			return fmt.Errorf("app %q: its current profile does not fit", app)
		}
	}
	return nil
}

func fromRecords(records []record) ([]Token, error) {
	tokens := make([]Token, 0, len(records))
	ids, hashes := make(map[string]bool), make(map[[32]byte]bool)
	for i, r := range records {
		t, err := r.token()
		if err != nil {
			return nil, fmt.Errorf("token %d: %w", i+1, err)
		}
		if ids[t.ID] || hashes[t.Hash] {
			return nil, fmt.Errorf("token %d: its id or hash is another's too", i+1)
		}
		ids[t.ID], hashes[t.Hash] = true, true
		tokens = append(tokens, t)
	}
	return tokens, nil
}

// token returns the token of a record that Issue can have stored.
func (r record) token() (Token, error) {
	t := r.Token
	n, err := hex.Decode(t.Hash[:], []byte(r.Hash[:min(len(r.Hash), 64)]))
	switch {
	case err != nil || n != len(t.Hash) || len(r.Hash) != 64 || t.Hash == [32]byte{}:
		return t, errors.New("its hash is not 64 hexadecimal digits")
	case !wellFormedID(t.ID):
		return t, errors.New("its id is not eight of a-z and 2-7")
	case t.App == "" || (t.App == profiles.CLI) != (t.Profile != ""):
		return t, errors.New("its app and profile do not fit")
	case t.User == "" && !t.Steer || checkUser(t.User) != nil:
		return t, errors.New("its user is not a user's name")
	case r.UID == nil:
		return t, errors.New("its user has no number")
	case t.Held:
		return t, errors.New("it was held, not stored")
	case (t.Adopted || t.Path) && t.App == profiles.CLI || t.Adopted && t.Path || t.Rotated != "" && !wellFormedID(t.Rotated):
		return t, errors.New("it cannot have been issued like that")
	case !t.Issued.Before(t.Expires) || t.Expires.UTC().Year() > 9000 || t.Expires.Sub(t.Issued) > maxLife:
		return t, errors.New("its times do not fit")
	}
	t.UID = *r.UID
	t.Issued, t.Expires = t.Issued.UTC(), t.Expires.UTC()
	return t, nil
}

// jsonError is what a decoder says, less its own name.
func jsonError(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}
