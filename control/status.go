package control

import (
	"time"

	"github.com/vendord/vendord/session"
)

// The modes of a daemon.
const (
	UserMode   = "user"
	SystemMode = "system"
)

// Status is how a daemon is doing, as far as the caller may see it. Config,
// Changed, Warnings, Record and Refusals are for who may steer.
type Status struct {
	// Version is the daemon's own, as `vendord version` prints it.
	Version string `json:"version"`
	// Summary is how it is, in one line.
	Summary string `json:"summary"`
	// Mode is UserMode or SystemMode.
	Mode    string    `json:"mode"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Config is the path of the configuration; Changed says that it, or a
	// file that it names, differs on disk from what was loaded.
	Config  string `json:"config,omitempty"`
	Changed bool   `json:"changed,omitempty"`
	// URL is the vending address.
	URL string `json:"url"`
	// Endpoints are those of [endpoints] that the caller may ask at.
	Endpoints []EndpointRow `json:"endpoints,omitempty"`
	// You is the name of who asks, and Steer whether they may steer.
	You      string   `json:"you"`
	Steer    bool     `json:"steer"`
	Warnings []string `json:"warnings,omitempty"`
	// Locked says that nothing is vended until somebody unlocks.
	Locked bool `json:"locked,omitempty"`
	// Record is how the record of who got what is kept; nil for who may not steer.
	Record *RecordState `json:"record,omitempty"`
	// Logins are the people's that the daemon keeps, for who may steer.
	Logins   []LoginRow   `json:"logins,omitempty"`
	Apps     []AppRow     `json:"apps,omitempty"`
	Profiles []ProfileRow `json:"profiles,omitempty"`
	Sessions []SessionRow `json:"sessions,omitempty"`
	// Refusals are the latest, newest first.
	Refusals []RefusalRow `json:"refusals,omitempty"`
}

// EndpointRow is one address of [endpoints].
type EndpointRow struct {
	// Kind is that of the configuration: ecs, eks or imds.
	Kind string `json:"kind"`
	// URL is where it is asked, without a path.
	URL string `json:"url"`
	// App is the one app that is answered there, "" for every one.
	App string `json:"app,omitempty"`
	// Unreachable says why nobody reaches it, or is empty.
	Unreachable string `json:"unreachable,omitempty"`
	// Unserved says that the service manager holds no socket for it.
	Unserved bool `json:"unserved,omitempty"`
}

// RecordState is how the record is doing.
type RecordState struct {
	// File is its path, "-" for standard output, or empty; Journal says that
	// systemd's journal has it, and Required that nothing is vended unrecorded.
	File     string `json:"file,omitempty"`
	Journal  bool   `json:"journal,omitempty"`
	Required bool   `json:"required,omitempty"`
	// Lines and Lost count the lines since the daemon started, JournalLost those
	// that a file has and the journal does not.
	Lines       uint64 `json:"lines"`
	Lost        uint64 `json:"lost"`
	JournalLost uint64 `json:"journal_lost,omitempty"`
	// Failing is why it cannot be written, or empty; Since is when that began.
	// JournalFailing is the same of a journal beside a file.
	Failing        string    `json:"failing,omitempty"`
	Since          time.Time `json:"since,omitzero"`
	JournalFailing string    `json:"journal_failing,omitempty"`
	// Trouble is what is wrong although it is written, such as a file that cannot
	// be renamed, or empty.
	Trouble string `json:"trouble,omitempty"`
}

// RefusalRow is requests that got no credentials, of one caller for one reason,
// as far as they are remembered: one failure of one program is up to five of them.
type RefusalRow struct {
	Time    time.Time `json:"time"`
	App     string    `json:"app,omitempty"`
	User    string    `json:"user,omitempty"`
	Message string    `json:"message"`
	Hint    string    `json:"hint,omitempty"`
	// Times is how many are remembered; Time is the last one's.
	Times int `json:"times"`
}

// NoSource is the name of a login that no source asks for any more. No source can
// have it: names have no spaces.
const NoSource = "no source"

// LoginRow is somebody who is, or was, signed in.
type LoginRow struct {
	// Name is the source that asks for it, Subject what is signed in to.
	Name    string `json:"name"`
	Subject string `json:"subject"`
	// Until is the end of what AWS gave; zero if that is not known. Renews
	// says that the daemon gets the next by itself.
	Until  time.Time `json:"until,omitzero"`
	Renews bool      `json:"renews,omitempty"`
	// Kept says in words where the login is kept.
	Kept string `json:"kept,omitempty"`
	// Pending says that a login has begun; Problem is why somebody has to
	// sign in, or why the login is not kept better.
	Pending bool   `json:"pending,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// Strength is how much it takes to be taken for an app's program.
type Strength string

// The strengths.
const (
	// Boundary: another user, or what only root could join.
	Boundary Strength = "boundary"
	// Convenience: whatever runs as the same user can bring it about.
	Convenience Strength = "convenience"
	// ByToken: as good as where the token is kept.
	ByToken Strength = "token"
)

// AppRow is one app.
type AppRow struct {
	Name     string   `json:"name"`
	Profiles []string `json:"profiles"`
	// Current is the profile that it uses now. Until is when it goes back to Back
	// by itself, zero if it does not.
	Current string    `json:"current"`
	Until   time.Time `json:"until,omitzero"`
	Back    string    `json:"back,omitempty"`
	// Select says that its programs may ask for any of Profiles by name.
	Select bool `json:"select,omitempty"`
	// Tokens counts its live tokens.
	Tokens int `json:"tokens"`
	// Recognised says in words by what its programs are recognised, Strength how
	// good that is, and Meaning why.
	Recognised string   `json:"recognised,omitempty"`
	Strength   Strength `json:"strength,omitempty"`
	Meaning    string   `json:"meaning,omitempty"`
	// Kernel says that the kernel alone recognises them, and they have no tokens.
	Kernel bool `json:"kernel,omitempty"`
	// Unlike says why no program of who asks is one of them, where the user or the group
	// of its match is enough to tell.
	Unlike string `json:"unlike,omitempty"`
}

// ProfileRow is one profile.
type ProfileRow struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	// Operation is STS's, as vendord.toml names it.
	Operation string `json:"operation,omitempty"`
	RoleARN   string `json:"role_arn,omitempty"`
	// Who says in words whose sessions they are where they are no role's.
	Who    string `json:"who,omitempty"`
	Region string `json:"region,omitempty"`
	// Policy says in words what narrows the profile: "inline + 1
	// managed", or "none: not narrowed".
	Policy string `json:"policy"`
	// Duration is how long a session lasts; 0 as long as the source's do.
	Duration time.Duration `json:"duration_ns,omitempty"`
	Extends  string        `json:"extends,omitempty"`
}

// SessionRow is one session of the cache; its fields are those of
// session.Status, with the profiles and apps that lead to it.
type SessionRow struct {
	Profiles []string `json:"profiles"`
	Apps     []string `json:"apps"`
	Narrowed bool     `json:"narrowed,omitempty"` // only tokens with policies of their own lead to it
	// Parent says in words what the session is where nobody is given it: it
	// signs the requests for those of its Profiles.
	Parent string `json:"parent,omitempty"`
	// Login is the command that it needs a person for, or empty.
	Login       string         `json:"login,omitempty"`
	State       string         `json:"state"`
	RoleARN     string         `json:"role_arn,omitempty"`
	SessionName string         `json:"session_name,omitempty"`
	Principal   string         `json:"principal,omitempty"`
	KeyID       string         `json:"key_id,omitempty"`
	Minted      time.Time      `json:"minted,omitzero"`
	Expires     time.Time      `json:"expires,omitzero"`
	Used        time.Time      `json:"used,omitzero"`
	Next        time.Time      `json:"next,omitzero"`
	TokenUse    int            `json:"token_use"`
	Mints       int            `json:"mints"`
	Failures    int            `json:"failures"`
	Last        *session.Error `json:"last,omitempty"`
}
