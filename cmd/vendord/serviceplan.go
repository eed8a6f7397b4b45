package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
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
		plan.Service.Needs = serviceNeeds(plan.config, o)
		plan.warnings = append(plan.warnings, checkSources(plan.config, o.Home)...)
		if !p.system {
			plan.warnings = append(plan.warnings, rootsAddresses(plan.config)...)
		}
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
	if err == nil && runtime.GOOS != "linux" { // where it is the kernel's word
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
	plan.loaded(profiles.Load(p.serviceProfiles(plan.path)))
	if plan.config != nil && p.system {
		wrong, doubts := fromOutside(plan.config, serviceUser(serviceState))
		plan.problems, plan.warnings = append(plan.problems, wrong...), append(plan.warnings, doubts...)
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
		told := strings.HasPrefix(w.Problem, "credential:") || w.Key == "profiles" // by missingCredentials, by printNext
		if !told {
			plan.warnings = append(plan.warnings, w)
		}
	}
}

// rootsAddresses are those that a user's service manager cannot put on the machine.
func rootsAddresses(config *profiles.Config) (warnings []error) {
	for _, a := range linkLocal(config) {
		warnings = append(warnings, fail("after each boot: "+netUp(config, false),
			"%s: only root can put it on this machine, and not a service of yours", a))
	}
	return warnings
}

// serviceNeeds is what the configuration needs of the service manager. Credentials
// are where the check of the configuration found them.
func serviceNeeds(config *profiles.Config, o profiles.Options) install.Needs {
	needs := needer{config: config, system: o.System, home: o.Home, is: exists}.needs()
	for _, c := range config.Credentials {
		if c.Path == "" {
			c.Path = credstore + "/" + c.Name
		}
		needs.Credentials = append(needs.Credentials, install.Credential{Name: c.Name, Path: c.Path, Encrypted: c.Encrypted})
	}
	return needs
}

// missingCredentials says which secrets are not where systemd would take them from.
func missingCredentials(needs install.Needs) (wrong []error) {
	for _, c := range needs.Credentials {
		if exists(c.Path) {
			continue
		}
		wrong = append(wrong, fail("install -D -m 600 FILE "+c.Path+", or encrypted: install -d -m 700 "+credstoreEncrypted+
			" && systemd-creds encrypt --name="+c.Name+" FILE "+credstoreEncrypted+"/"+c.Name, "credential %s: neither %s nor %s has it", c.Name, credstore, credstoreEncrypted))
	}
	return wrong
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
