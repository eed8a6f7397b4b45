package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

func (p *program) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check [FILE]", GroupID: "daemon", Args: between(0, 1, "a FILE at most"),
		Short: "Check the whole configuration and every session policy, without the network",
		Long: `Check the whole configuration and every session policy, without the network:
every error at once, warnings apart, for each profile what its session policy lets
through, for each app how its programs are recognised, and for each address that the
daemon would listen at which apps' programs can ask there, and whether they reach it
now. Exit status 1 if the daemon would refuse the configuration.

That of the system's service is looked at as the service will see it: its user may
read what everybody may, no home directory, and what systemd hands over, from
/etc/credstore.encrypted or /etc/credstore.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				p.config = args[0]
			}
			return p.check()
		},
	}
}

// checkedProfile is what check says of one profile.
type checkedProfile struct {
	Name        string `json:"name"`
	Operation   string `json:"operation"`
	RoleARN     string `json:"role_arn,omitempty"`
	SessionName string `json:"session_name,omitempty"`
	Life        string `json:"life"`
	// Narrowed says that it has session policies, Scoped that it has a scope
	// policy. A scope that only shortens its sessions is neither.
	Narrowed bool `json:"narrowed"`
	// Protected says that only vendord exec may have it.
	Protected   bool                `json:"protected,omitempty"`
	Scoped      bool                `json:"scoped,omitempty"`
	Policy      string              `json:"policy"`
	Allows      []policy.Permission `json:"lets_through,omitempty"`
	Managed     []string            `json:"policy_arns,omitempty"`
	ScopeAllows []policy.Permission `json:"scope_lets_through,omitempty"`
}

// checkedApp is what check says of one app.
type checkedApp struct {
	Name     string   `json:"name"`
	Profiles []string `json:"profiles"`
	// Select says that its programs may ask for any of Profiles by name.
	Select bool `json:"select,omitempty"`
	// Recognised says in words by what its programs are recognised.
	Recognised string `json:"recognised"`
}

func (p *program) check() error {
	options := p.checkOptions(p.configPath())
	config, err := profiles.Load(options)
	if err != nil {
		if p.json {
			_ = p.printJSON(map[string]any{"ok": false, "errors": profiles.Problems(err)})
			return exitError{code: 1}
		}
		return err
	}
	warnings := []error{}
	for _, w := range config.Warnings {
		warnings = append(warnings, w)
	}
	warnings = append(warnings, checkSources(config, options.Home)...)
	if ofSystem(options.Path) && byService() {
		wrong, doubts := fromOutside(config, options.UID)
		if len(wrong) > 0 && unitInstalled() {
			return p.refuse(config.Path, wrong)
		}
		warnings = slices.Concat(warnings, wrong, doubts, unfit(config, "/etc/systemd/system/vendord.socket", "sudo vendord service install"))
	}
	checked := []checkedProfile{}
	for _, name := range slices.Sorted(maps.Keys(config.Profiles)) {
		checked = append(checked, checkProfile(config.Profiles[name]))
	}
	apps := []checkedApp{}
	for _, name := range slices.Sorted(maps.Keys(config.Apps)) {
		app := config.Apps[name]
		apps = append(apps, checkedApp{Name: name, Profiles: app.Profiles, Select: app.Select, Recognised: recognised(app, false).by})
	}
	endpoints := checkEndpoints(config, options.System)
	if p.json {
		return p.printJSON(map[string]any{"ok": true, "warnings": messages(warnings), "profiles": checked, "apps": apps, "endpoints": endpoints})
	}
	for _, w := range warnings {
		p.warn(w)
	}
	for _, c := range config.Credentials {
		if words := credentialInWords(c); words != "" {
			say(p.stdout, "%s", words)
		}
	}
	for _, c := range checked {
		p.printChecked(config, c)
	}
	for _, a := range apps {
		p.printCheckedApp(a)
	}
	for _, e := range endpoints {
		p.printCheckedEndpoint(e)
	}
	doubtful := ""
	if len(warnings) > 0 {
		doubtful = ", with " + count(len(warnings), "warning")
	}
	say(p.stdout, "%s: %s, %s, %s: ok%s", config.Path, count(len(config.Sources), "source"),
		count(len(config.Profiles), "profile"), count(len(config.Apps), "app"), doubtful)
	return nil
}

// refuse says what is wrong with a configuration that loads, for its service.
func (p *program) refuse(file string, wrong []error) error {
	if !p.json {
		return errors.Join(wrong...)
	}
	var problems []profiles.Problem
	for _, err := range wrong {
		problems = append(problems, profiles.Problem{File: file, Problem: err.Error(), Hint: hintOf(err)})
	}
	_ = p.printJSON(map[string]any{"ok": false, "errors": problems})
	return exitError{code: 1}
}

// ofSystem reports whether a configuration is the machine's, whoever looks at it and
// from where: with the rules of user mode, its apps would be something else.
func ofSystem(path string) bool {
	whole, err := filepath.Abs(path)
	return err == nil && whole == profiles.Find(true, nil, "")
}

// toldOf reports whether a source's own table has a warning, such as that its file
// is not there.
func toldOf(config *profiles.Config, source string) bool {
	return slices.ContainsFunc(config.Warnings, func(w profiles.Problem) bool {
		return strings.HasPrefix(w.Key, "sources."+source+".")
	})
}

func checkProfile(profile profiles.Profile) checkedProfile {
	c := checkedProfile{Name: profile.Name, Operation: profile.Operation, RoleARN: profile.RoleARN, SessionName: profile.SessionName,
		Life: lifeInWords(profile), Policy: policyInWords(profile), Managed: profile.PolicyARNs, Protected: profile.Protected,
		Narrowed: profile.Policy != "" || len(profile.PolicyARNs) > 0, Scoped: profile.Scope.Policy != "",
		Allows: letsThrough(profile.Policy), ScopeAllows: letsThrough(profile.Scope.Policy)}
	return c
}

// letsThrough is what a policy that has been checked lets through at most.
func letsThrough(text string) []policy.Permission {
	document, err := policy.Parse([]byte(text))
	if text == "" || err != nil {
		return nil
	}
	return document.LetsThrough()
}

// printChecked says in words what a profile's sessions may do at most.
func (p *program) printChecked(config *profiles.Config, c checkedProfile) {
	profile := config.Profiles[c.Name]
	say(p.stdout, "profile %s: %s, for %s", c.Name, identityInWords(profile), c.Life)
	if way := wayInWords(config, profile); way != "" {
		say(p.stdout, "  %s", way)
	}
	if c.Protected {
		say(p.stdout, "  protected: only vendord exec may have it")
	}
	who := whoAllows(profile)
	switch {
	case c.Narrowed:
		say(p.stdout, "  its session policy only narrows what the %s may do; it lets through, if the %s allows it:", who, who)
		p.printAllowed(c.Allows)
		for _, arn := range c.Managed {
			say(p.stdout, "    what %s allows", arn)
		}
	case !c.Scoped || profile.Operation == session.GetFederationToken:
		say(p.stdout, "  no session policy: its programs may do %s", unnarrowed(profile))
		return
	}
	if !c.Scoped {
		return
	}
	if c.Narrowed {
		who = "session" // which the two above narrow
	}
	say(p.stdout, "  its scope policy only narrows what the %s may do; it lets through, if the %s allows it:", who, who)
	p.printAllowed(c.ScopeAllows)
}

// printCheckedApp says in words who is an app, and what it may have.
func (p *program) printCheckedApp(a checkedApp) {
	say(p.stdout, "app %s: recognised by %s", a.Name, a.Recognised)
	switch {
	case len(a.Profiles) == 1:
		say(p.stdout, "  gets %s", a.Profiles[0])
	case a.Select:
		say(p.stdout, "  gets %s, may ask for %s", a.Profiles[0], strings.Join(a.Profiles[1:], ", "))
	default:
		say(p.stdout, "  gets %s, may be given %s (vendord use)", a.Profiles[0], strings.Join(a.Profiles[1:], ", "))
	}
}

func (p *program) printAllowed(allowed []policy.Permission) {
	for _, a := range allowed {
		condition := ""
		if a.Conditional {
			condition = "  (under a condition)"
		}
		say(p.stdout, "    %s on %s%s", a.Action, a.Resource, condition)
	}
}

func messages(errs []error) []string {
	out := []string{}
	for _, e := range errs {
		s := e.Error()
		if hint := hintOf(e); hint != "" {
			s += " (hint: " + hint + ")"
		}
		out = append(out, s)
	}
	return out
}

// count returns "1 profile", "3 profiles".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strings.Join([]string{fmt.Sprint(n), noun}, " ")
}
