package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vendord/vendord/install"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/sdkenv"
)

// copyTo is where a system service's program is copied to.
const copyTo = "/usr/local/bin/vendord"

// servicePlan is a plan of install, with what is worth saying of it.
type servicePlan struct {
	install.Plan
	path     string           // of the configuration
	config   *profiles.Config // nil where it is at fault
	warnings []error
	problems []error
}

// newServicePlan looks at all that an install needs, and collects what is wrong.
func (p *program) newServicePlan(facts install.Facts) *servicePlan {
	plan := &servicePlan{}
	plan.Service = install.Service{System: p.system, User: p.user, Home: p.home}
	plan.Ready = p.serviceReady
	p.planProgram(plan, facts)
	p.planConfig(plan, facts)
	if plan.config != nil {
		o := p.serviceProfiles(plan.path)
		plan.Service.Needs = needer{plan.config, p.system, o.Home, o.Credentials, exists}.needs()
	}
	if p.system {
		plan.problems = append(plan.problems, missingCredentials(plan.Service.Needs)...)
	}
	return plan
}

// planProgram settles what the service runs. A machine's is a copy of this program
// that root alone can change, or this one, if it belongs to the system already.
func (p *program) planProgram(plan *servicePlan, facts install.Facts) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		plan.problems = append(plan.problems, fail("call it by its whole path", "this program's own file: %w", err))
		return
	}
	plan.Service.Binary, plan.Service.Copied = self, facts.Copied && self == copyTo
	switch {
	case p.system && !ofDistribution(self) && self != copyTo:
		plan.Service.Binary, plan.Copy, plan.Service.Copied = copyTo, self, true
	case !p.system && builtToRun(self):
		plan.problems = append(plan.problems, fail("build it where it stays: go build -o ~/.local/bin/ ./cmd/vendord",
			"program %s: go run removes it when it ends", self))
	}
}

// ofDistribution reports whether a program is where packages put theirs.
func ofDistribution(path string) bool {
	for _, place := range []string{"/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/lib/", "/usr/libexec/", "/opt/"} {
		if strings.HasPrefix(path, place) {
			return true
		}
	}
	return false
}

// builtToRun reports whether a program is what "go run" made for itself.
func builtToRun(path string) bool {
	return strings.Contains(path, string(filepath.Separator)+"go-build")
}

// planConfig reads the configuration that the service will have: the one named, that
// of the last install, or its mode's own, which is written where there is none.
func (p *program) planConfig(plan *servicePlan, facts install.Facts) {
	named := p.config
	if named == "" {
		named = facts.Config
	}
	plan.path, plan.Wrote = p.serviceConfig(), facts.First
	if named != "" {
		whole, err := filepath.Abs(named)
		if err != nil {
			plan.problems = append(plan.problems, fail("name it by its whole path", "%s: %w", named, err))
			return
		}
		if plan.path = whole; whole != p.serviceConfig() {
			plan.Service.Config = whole
		}
	}
	if _, err := os.Stat(plan.path); errors.Is(err, fs.ErrNotExist) && plan.Service.Config == "" {
		p.planFirst(plan)
		return
	}
	config, err := profiles.Load(p.serviceProfiles(plan.path))
	plan.loaded(config, err)
	if p.system && err == nil {
		plan.problems = append(plan.problems, unreadable(plan.path)...)
	}
}

// planFirst has a first configuration written.
func (p *program) planFirst(plan *servicePlan) {
	text, err := p.firstConfiguration(p.system, sdkenv.FindFiles(p.getenv, p.home))
	if err != nil {
		plan.problems = append(plan.problems, err)
		return
	}
	plan.First = install.File{Path: plan.path, Mode: 0o644, Text: text}
	if !p.system {
		plan.First.Mode = 0o600
	}
	plan.Wrote = install.Sum(text)
	plan.loaded(profiles.LoadText(text, p.serviceProfiles(plan.path)))
}

func (plan *servicePlan) loaded(config *profiles.Config, err error) {
	if err != nil {
		plan.problems = append(plan.problems, flatten(err)...)
		return
	}
	plan.config = config
	for _, w := range config.Warnings {
		plan.warnings = append(plan.warnings, w)
	}
}

// missingCredentials says which secrets are not where systemd would take them from.
func missingCredentials(needs install.Needs) (wrong []error) {
	for _, c := range needs.Credentials {
		if exists(c.Path) {
			continue
		}
		wrong = append(wrong, fail("install -D -m 600 FILE "+c.Path+", or encrypted: systemd-creds encrypt --name="+
			c.Name+" FILE "+credstoreEncrypted+"/"+c.Name, "credential %s: neither %s nor %s has it", c.Name, credstore, credstoreEncrypted))
	}
	return wrong
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// unreadable says why a system service, which has a user of its own and is in no
// group, could not read a file: root, who looks, can read everything.
func unreadable(path string) []error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o001 == 0 {
			return []error{fail("chmod o+x "+dir+", or keep it in /etc/vendord", "%s: the service's user may not enter %s", path, dir)}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o004 == 0 {
		return []error{fail("chmod o+r "+path+" (it has no secrets)", "%s: the service's user may not read it", path)}
	}
	return nil
}
