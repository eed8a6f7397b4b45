package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vendord/vendord/sdkenv"
	"github.com/vendord/vendord/session"
)

// role is the profile of a role that is assumed with another's identity.
func (f *first) role(p *sdkenv.Profile) *firstTable {
	if t := f.vended[p.Name]; t != nil {
		return t
	}
	if f.making[p.Name] {
		return &firstTable{refused: "its profiles go round in a circle"}
	}
	f.making[p.Name] = true
	defer delete(f.making, p.Name)
	t := &firstTable{kind: "profiles", needs: f.sourceOf(p)}
	f.vended[p.Name] = t
	if t.refused = t.needs.refused; t.refused != "" {
		return t
	}
	t.name = f.names.free("profiles", p.Name)
	t.renamed(p.Name)
	t.add("source", t.needs.name)
	t.add("role_arn", p.Settings["role_arn"])
	if id := p.Settings["external_id"]; id != "" {
		t.add("external_id", id)
	}
	if serial := p.Settings["mfa_serial"]; serial != "" && !t.needs.has("mfa_serial") {
		t.about = append(t.about, "Wants a code for each of its sessions. With mfa_serial in the source instead, one is good for all.")
		t.add("mfa_serial", serial)
	}
	f.addLife(t, p)
	f.addSessionName(t, p)
	f.addRegion(t, p)
	f.try(t)
	return t
}

// addLife adds duration_seconds.
func (f *first) addLife(t *firstTable, p *sdkenv.Profile) {
	text := p.Settings["duration_seconds"]
	if text == "" {
		return
	}
	k := firstKey{name: "duration", value: inTOML(text), optional: true}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n >= 0 {
		k.value = inTOML(asDuration(n))
		if n > 3600 && (t.needs.temporary || t.needs.has("mfa_serial")) {
			k.why = "a role that is assumed with temporary credentials lasts an hour at most"
		}
	}
	t.keys = append(t.keys, k)
}

// asDuration writes seconds as people do.
func asDuration(seconds int64) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case seconds > 0 && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case seconds > 0 && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", seconds)
}

// addSessionName adds role_session_name. AWS takes no braces there, so what looks like
// a template is none, and would become somebody's name here.
func (f *first) addSessionName(t *firstTable, p *sdkenv.Profile) {
	name := p.Settings["role_session_name"]
	if name == "" {
		return
	}
	k := firstKey{name: "session_name", value: inTOML(name), optional: true}
	if strings.Contains(name, "{{") {
		k.why = "no session of AWS can be called so"
	}
	t.keys = append(t.keys, k)
}

func (f *first) addRegion(t *firstTable, p *sdkenv.Profile) {
	if region := p.Settings["region"]; region != "" && region != f.region {
		t.keys = append(t.keys, firstKey{name: "region", value: inTOML(region), optional: true})
	}
}

// sourceOf is the source that a role is assumed with.
func (f *first) sourceOf(p *sdkenv.Profile) *firstTable {
	from := p.Settings["source_profile"]
	if from == "" || from == p.Name {
		return f.machine(p)
	}
	other := f.byName[from]
	switch {
	case other == nil:
		return &firstTable{refused: fmt.Sprintf("its source_profile %q is not there", from)}
	case len(other.Unclear) > 0:
		return &firstTable{refused: fmt.Sprintf("its source_profile %q is not clear", from)}
	case !f.hops(other):
		t := f.own(other)
		if t.refused != "" {
			return &firstTable{refused: fmt.Sprintf("its source_profile %q: %s", from, t.refused)}
		}
		return t
	}
	if t := f.sources["chain "+from]; t != nil {
		return t
	}
	parent := f.role(other)
	if parent.refused != "" {
		return &firstTable{refused: fmt.Sprintf("its source_profile %q was not taken over", from)}
	}
	t := &firstTable{kind: "sources", name: f.names.free("sources", parent.name), needs: parent, temporary: true,
		about: []string{"A role chain: the session of profile " + parent.name + "."}}
	t.add("type", session.ParentProfile)
	t.add("profile", parent.name)
	f.sources["chain "+from] = t
	f.try(t)
	return t
}

// machine is the source of a role that the machine, or a token, stands for.
func (f *first) machine(p *sdkenv.Profile) *firstTable {
	kinds := map[string]string{"ec2instancemetadata": session.IMDS, "ecscontainer": session.Container, "environment": session.Environment}
	words := map[string]string{session.IMDS: "The role of this EC2 instance.", session.Container: "The role of this container.",
		session.Environment: "The variables AWS_ACCESS_KEY_ID and so on that vendord is started with."}
	from := p.Settings["credential_source"]
	kind := kinds[strings.ToLower(from)]
	switch {
	case from != "" && kind == "":
		return &firstTable{refused: fmt.Sprintf("its credential_source %q is none that is known", from)}
	case from == "":
		return f.token(p)
	case f.sources[kind] == nil:
		t := &firstTable{kind: "sources", name: f.names.free("sources", cmp.Or(map[string]string{session.IMDS: "machine"}[kind], kind)),
			about: []string{words[kind]}, temporary: kind != session.Environment}
		t.add("type", kind)
		f.sources[kind] = t
		f.try(t)
	}
	return f.sources[kind]
}

// token is the source of a role that a token in a file stands for.
func (f *first) token(p *sdkenv.Profile) *firstTable {
	path := p.Settings["web_identity_token_file"]
	if !filepath.IsAbs(path) {
		return &firstTable{refused: fmt.Sprintf("its web_identity_token_file %q is not a whole path", path)}
	}
	if t := f.sources["token "+path]; t != nil {
		return t
	}
	t := &firstTable{kind: "sources", name: f.names.free("sources", p.Name), about: []string{"A token of an identity provider."}}
	t.add("type", session.WebIdentity)
	t.add("token_file", path)
	f.sources["token "+path] = t
	f.try(t)
	return t
}
