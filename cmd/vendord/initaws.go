package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/sdkenv"
	"github.com/vendord/vendord/session"
)

// first makes a first configuration out of the profiles of the SDKs' files. They are
// read by sdkenv, which takes what any SDK could mean and fails at nothing; whether a
// profile can be a source is then asked of mint, which reads it as the daemon will,
// with the SDK's own parser; and whether a table is right, of profiles. So what is
// printed passes check, and what does not is a comment with their reason.
type first struct {
	options profiles.Options
	files   sdkenv.Files
	known   []sdkenv.Profile
	byName  map[string]*sdkenv.Profile
	unclear bool // there were sections that SDKs would read in different ways
	region  string
	named   bool // the region is of the files
	devices map[string]string
	names   firstNames
	tables  []*firstTable          // in the order in which they are to be
	sources map[string]*firstTable // by what they are made of
	vended  map[string]*firstTable // by SDK profile
	making  map[string]bool        // SDK profiles whose chain is being followed
	left    []string               // what was not taken over, and why
}

// firstTable is one table of the first configuration.
type firstTable struct {
	kind, name string
	about      []string // comments above it
	keys       []firstKey
	needs      *firstTable // that it names, and cannot do without
	temporary  bool        // its credentials are temporary ones for certain
	refused    string      // why it cannot be taken over; "" if it can
}

// firstKey is a key with its value, as TOML has it. One with a reason is a comment.
type firstKey struct {
	name, value string
	optional    bool // the table is right without it
	why         string
}

// mostAsked is how many sources are tried out: for each, the SDK reads all of its
// files. Of more, check says it.
const mostAsked = 200

func newFirst(known []sdkenv.Profile, files sdkenv.Files, o profiles.Options) *first {
	f := &first{options: o, files: files, known: known, byName: map[string]*sdkenv.Profile{}, devices: map[string]string{},
		names: firstNames{map[string]bool{}, map[string]int{}}, sources: map[string]*firstTable{}, vended: map[string]*firstTable{}, making: map[string]bool{}}
	for i := range known {
		f.byName[known[i].Name] = &known[i]
	}
	f.chooseRegion()
	f.chooseDevices()
	for i := range known {
		f.take(&known[i])
	}
	return f
}

// chooseRegion takes that of [default], else the one that most profiles have.
func (f *first) chooseRegion() {
	count := map[string]int{}
	for _, p := range f.known {
		region := p.Settings["region"]
		if _, err := profiles.LoadText("[daemon]\nregion = "+inTOML(region)+"\n", f.options); err != nil {
			continue
		}
		count[region]++
		if p.Name == "default" {
			count[region] += len(f.known)
		}
	}
	f.region = "us-east-1"
	for _, region := range slices.Sorted(maps.Keys(count)) {
		if !f.named || count[region] > count[f.region] {
			f.region, f.named = region, true
		}
	}
}

// chooseDevices finds the sources all of whose roles want a code of one device, for
// an hour at most: their profiles can share one session with MFA.
func (f *first) chooseDevices() {
	mixed := map[string]bool{}
	for _, p := range f.known {
		from := p.Settings["source_profile"]
		if p.Settings["role_arn"] == "" || from == "" || from == p.Name {
			continue
		}
		serial, seconds := p.Settings["mfa_serial"], lifeAsked(p)
		if other, seen := f.devices[from]; seen && other != serial || serial == "" || seconds > 3600 {
			mixed[from] = true
		}
		f.devices[from] = serial
	}
	for from := range mixed {
		delete(f.devices, from)
	}
}

func lifeAsked(p sdkenv.Profile) int {
	n, _ := strconv.Atoi(p.Settings["duration_seconds"])
	return n
}

// take makes what one profile of the SDKs becomes.
func (f *first) take(p *sdkenv.Profile) {
	var t *firstTable
	switch {
	case len(p.Unclear) > 0:
		f.leave(p, "the SDKs do not agree on its "+strings.Join(p.Unclear, ", "))
		return
	case f.hops(p):
		t = f.role(p)
	default:
		t = f.own(p)
	}
	if t.refused != "" {
		f.leave(p, t.refused)
	}
}

func (f *first) leave(p *sdkenv.Profile, why string) {
	f.left = append(f.left, fmt.Sprintf("%q: %s", p.Name, why))
}

// hops reports whether a profile assumes its role with what another one, or the
// machine, has: vendord.toml can then say so itself.
func (f *first) hops(p *sdkenv.Profile) bool {
	from := p.Settings["source_profile"]
	return p.Settings["role_arn"] != "" && (from != "" && from != p.Name ||
		p.Settings["credential_source"] != "" || p.Settings["web_identity_token_file"] != "" && !p.Has["aws_access_key_id"])
}

// own is the source of a profile that has credentials itself, or a way to them.
func (f *first) own(p *sdkenv.Profile) *firstTable {
	if t := f.sources["sdk "+p.Name]; t != nil {
		return t
	}
	t := &firstTable{kind: "sources", name: f.names.free("sources", p.Name)}
	f.sources["sdk "+p.Name] = t
	t.renamed(p.Name)
	t.add("profile", p.Name)
	if f.files.Config != filepath.Join(f.options.Home, ".aws", "config") {
		t.add("config_file", f.files.Config)
	}
	if f.files.Credentials != filepath.Join(f.options.Home, ".aws", "credentials") {
		t.add("credentials_file", f.files.Credentials)
	}
	f.addRegion(t, p)
	what := ""
	switch {
	case p.Has["aws_access_key_id"] || p.Has["aws_secret_access_key"]:
		what = "Keys."
		if serial := f.devices[p.Name]; serial != "" && p.Settings["role_arn"] == "" {
			what = "Keys. One code of the MFA device is good for all roles, for twelve hours: vendord login " + t.name
			t.add("mfa_serial", serial)
		}
	case p.Has["sso_session"] || p.Has["sso_start_url"] || p.Has["sso_account_id"]:
		what, t.temporary = "IAM Identity Center: vendord login "+t.name, true
	case p.Has["login_session"]:
		what, t.temporary = "Signed in to by: aws login", true
	case p.Has["web_identity_token_file"]:
		what, t.temporary = "A token of an identity provider.", true
	case p.Has["credential_process"]:
		what = "Its credential_process."
	default:
		t.refused = "it has no credentials, and no way to any"
		return t
	}
	t.about = append(t.about, what)
	if f.try(t); t.refused == "" && (t.temporary || p.Settings["role_arn"] != "") {
		f.asItIs(p, t)
	}
	return t
}

// asItIs makes the profile that vends a source's own temporary credentials.
func (f *first) asItIs(p *sdkenv.Profile, source *firstTable) {
	t := &firstTable{kind: "profiles", name: f.names.free("profiles", p.Name), needs: source}
	t.about = []string{"The session of this source as it is. No session policy can narrow it."}
	t.keys = []firstKey{{name: "source", value: inTOML(source.name)}, {name: "operation", value: inTOML(session.SourceItself)}}
	f.try(t)
}

// try keeps a table that vendord takes, and notes why not of one that it does not.
func (f *first) try(t *firstTable) {
	for range len(t.keys) + 1 { // each round turns a key into a comment, or ends it
		config, err := profiles.LoadText(f.with(t), f.options)
		if err == nil {
			f.tryOut(t, config)
			break
		}
		if t.blame(profiles.Problems(err)); t.refused != "" {
			break
		}
	}
	if t.refused == "" {
		f.tables = append(f.tables, t)
	}
}

// tryOut has the SDK read the profile of a source.
func (f *first) tryOut(t *firstTable, config *profiles.Config) {
	source := config.Sources[t.name]
	if t.kind != "sources" || source.Type != session.SharedConfig || len(f.sources) > mostAsked {
		return
	}
	if err := mint.CheckSource(source, f.options.Home); err != nil {
		t.refused = strings.TrimPrefix(err.Error(), fmt.Sprintf("source %q: ", t.name))
	}
}

// with is the least configuration that has a table.
func (f *first) with(t *firstTable) string {
	text := ""
	for at := t; at != nil; at = at.needs {
		text = at.String() + text
	}
	return "[daemon]\nregion = " + inTOML(f.region) + "\n" + text
}

// blame makes comments of the keys that problems are about, or refuses the table.
func (t *firstTable) blame(problems []profiles.Problem) {
	for _, p := range problems {
		at := slices.IndexFunc(t.keys, func(k firstKey) bool { return k.optional && p.Key == t.path()+"."+k.name })
		if at < 0 || t.keys[at].why != "" {
			t.refused = strings.TrimPrefix(strings.TrimPrefix(p.Key, t.path())+": ", ".") + p.Problem
			return
		}
		t.keys[at].why = p.Problem
	}
}

func (t *firstTable) path() string { return t.kind + "." + tableName(t.name) }

func (t *firstTable) add(name, value string) {
	t.keys = append(t.keys, firstKey{name: name, value: inTOML(value)})
}

func (t *firstTable) has(name string) bool {
	return slices.ContainsFunc(t.keys, func(k firstKey) bool { return k.name == name })
}

// renamed says what a table is made of, where its name does not.
func (t *firstTable) renamed(from string) {
	if t.name != from {
		t.about = append(t.about, fmt.Sprintf("Profile %q of the SDKs' files.", from))
	}
}
