package audit

import (
	"encoding/json"
	"slices"
	"time"
)

// maxHolders bounds the programs that are told apart: each new process of a
// script is one.
const maxHolders = 10_000

// Holder is a program that had a key, as far as it is known.
type Holder struct {
	App       string      `json:"app"`
	User      string      `json:"user,omitempty"`
	UID       json.Number `json:"uid,omitempty"`
	PID       int         `json:"pid,omitempty"`
	Exe       string      `json:"exe,omitempty"`
	Unit      string      `json:"unit,omitempty"`
	Container string      `json:"container,omitempty"`
	From      string      `json:"from,omitempty"`
	TokenID   string      `json:"token,omitempty"`
	How       string      `json:"how,omitempty"`
}

// Had is when, and how often, a program got a key.
type Had struct {
	Holder
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Times int       `json:"times"`
}

// KeyUse is what a record says of an access key id: whose it was.
type KeyUse struct {
	Key         string    `json:"key"`
	Profiles    []string  `json:"profiles"`
	RoleARN     string    `json:"role,omitempty"`
	SessionName string    `json:"session,omitempty"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Expires     time.Time `json:"expires"`
	Times       int       `json:"times"`
	Programs    []Had     `json:"programs"`
	// More counts the times of programs beyond ten thousand.
	More int `json:"more,omitempty"`

	index map[Holder]int
}

// Add adds a line of the key.
func (k *KeyUse) Add(l *Line) {
	if k.Times == 0 {
		k.Key, k.First, k.index = l.KeyID, l.Time, make(map[Holder]int)
	}
	k.Times++
	k.Last, k.Expires, k.RoleARN, k.SessionName = l.Time, l.Expires, l.RoleARN, l.SessionName
	if !slices.Contains(k.Profiles, l.Profile) && len(k.Profiles) < maxHolders {
		k.Profiles = append(k.Profiles, l.Profile)
	}
	who := Holder{l.App, l.User, l.UID, l.PID, l.Exe, l.Unit, l.Container, l.From, l.TokenID, l.How}
	i, known := k.index[who]
	if !known && len(k.Programs) >= maxHolders {
		k.More++
		return
	}
	if !known {
		i = len(k.Programs)
		k.index[who] = i
		k.Programs = append(k.Programs, Had{Holder: who, First: l.Time})
	}
	k.Programs[i].Last = l.Time
	k.Programs[i].Times++
}
