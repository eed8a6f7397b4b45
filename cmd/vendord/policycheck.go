package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/near"
	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// policyOperations are the operations that take a session policy.
var policyOperations = []string{session.AssumeRole, session.AssumeRoleWithSAML, session.AssumeRoleWithWebIdentity,
	session.GetFederationToken, session.GetScopedCredentials}

func (p *program) policyCheckCommand() *cobra.Command {
	var o policy.Options
	var arns []string
	cmd := &cobra.Command{
		Use: "check FILE|PROFILE|-...", Short: "Check session policies: everything that STS would refuse, or you regret",
		Long: `Check session policies: everything that STS would refuse, and everything that it
takes and you probably did not mean, each finding with its place, its code, what the
code stands for and what to do. An argument is a file, "-" for stdin, or a profile,
whose policy is found where it was written. Where a daemon runs, it is asked how full
the session token of the profile's last session was, which is what AWS limits in the
end. Exit status 1 if there are errors, 0 if there are none or only warnings.`,
		Example: `  vendord policy check policies/*.json
  vendord policy check company1-hr-readonly
  jq .PolicyVersion.Document < version.json | vendord policy check -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{named(cmd, "takes a FILE, a PROFILE or -, or several"), "see: " + cmd.CommandPath() + " --help"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOperation(o.Operation); err != nil {
				return err
			}
			for _, arn := range arns {
				if err := profiles.CheckPolicyARN(arn); err != nil {
					return usageError{"--policy-arn: " + err.Error(), hintOf(err)}
				}
			}
			o.ARNChars = characters(arns...)
			return p.policyCheck(cmd.Context(), args, o)
		},
	}
	cmd.Flags().StringVar(&o.Operation, "operation", session.AssumeRole, "the STS `operation` that files are meant for")
	cmd.Flags().StringArrayVar(&arns, "policy-arn", nil, "an `ARN` that is sent along with files, and counts")
	return p.completing(cmd, profileNames)
}

// checkOperation refuses what is no operation with session policies.
func checkOperation(name string) error {
	switch {
	case slices.Contains(policyOperations, name):
		return nil
	case name == session.GetSessionToken || name == session.SourceItself:
		return usageError{"--operation " + name + ": takes no session policy", "the others are " + strings.Join(policyOperations, ", ")}
	}
	hint := "they are " + strings.Join(policyOperations, ", ")
	if meant := near.Name(name, policyOperations); meant != "" {
		hint = "did you mean " + meant + "?"
	}
	return usageError{"--operation " + name + ": no operation of STS with session policies", hint}
}

// finding is one finding of policy check.
type finding struct {
	File string `json:"file"`
	policy.Finding
	Meaning string `json:"meaning,omitempty"`
}

// checkedPolicy is what policy check says of one argument.
type checkedPolicy struct {
	Name string `json:"name"`
	// Profile says that Name is one, and not a file.
	Profile   bool   `json:"profile"`
	Operation string `json:"operation"`
	// Characters is the size after minifying, ARNCharacters that of the
	// managed policies' ARNs, Limit what they may have together.
	Characters    int `json:"characters"`
	ARNCharacters int `json:"arn_characters"`
	Limit         int `json:"limit"` // 0 for a configuration that is broken
	// TokenUse is how full the session token of the last session was, in
	// percent; nil where nobody knows.
	TokenUse *int `json:"session_token_utilization,omitempty"`
	// Narrowed is false for a profile without session policies; scoped and
	// nothing say what its sessions have then.
	Narrowed bool      `json:"narrowed"`
	Findings []finding `json:"findings"`
	scoped   bool      // narrowed by a scope policy
	nothing  bool      // no permissions, without a session policy
}

func (p *program) policyCheck(ctx context.Context, args []string, o policy.Options) error {
	var checked []checkedPolicy
	var failed []error
	var config *configured // loaded when an argument may be a profile
	for _, arg := range args {
		if looksLikeFile(arg) {
			c, err := p.checkPolicyFile(arg, o)
			checked, failed = append(checked, c...), append(failed, err)
			continue
		}
		if config == nil {
			c := p.configuration(ctx)
			config = &c
		}
		c, err := p.checkNamed(*config, arg, o)
		if broken := len(c) == 1 && c[0].Limit == 0; broken && slices.ContainsFunc(checked, func(o checkedPolicy) bool { return o.Name == c[0].Name }) {
			continue // told once
		}
		checked, failed = append(checked, c...), append(failed, err)
	}
	return p.printCheckedPolicies(checked, errors.Join(failed...))
}

// checkNamed checks a name that can be a file's or a profile's.
func (p *program) checkNamed(config configured, name string, o policy.Options) ([]checkedPolicy, error) {
	profile, isFile, err := p.profileOrFile(config, name)
	switch {
	case isFile:
		return p.checkPolicyFile(name, o)
	case config.err != nil && configExists(config):
		return []checkedPolicy{checkBroken(config)}, nil
	case err != nil:
		return nil, err
	}
	return checkProfilePolicies(config, profile), nil
}

// checkBroken is about a configuration that cannot be loaded, and in which
// nobody's profiles can be looked up: all that is wrong with it is told.
func checkBroken(config configured) checkedPolicy {
	c := checkedPolicy{Name: config.shown(config.path), Narrowed: true, Findings: []finding{}}
	for _, p := range profiles.Problems(config.err) {
		c.Findings = append(c.Findings, finding{File: config.shown(p.File), Meaning: policy.Meaning(p.Code),
			Finding: policy.Finding{Code: p.Code, Level: policy.Error, Line: p.Line, Column: p.Column, Path: p.Key, Problem: p.Problem, Hint: p.Hint}})
	}
	return c
}

// checkPolicyFile checks the policy in a file.
func (p *program) checkPolicyFile(file string, o policy.Options) ([]checkedPolicy, error) {
	text, err := p.readPolicy(file)
	if err != nil {
		return nil, err
	}
	if file == "-" {
		file = stdinName
	}
	c := checkedPolicy{Name: file, Operation: o.Operation, Narrowed: true}
	c.measure(text, o)
	for _, f := range policy.Check(text, o) {
		c.Findings = append(c.Findings, finding{File: file, Finding: f, Meaning: policy.Meaning(f.Code)})
	}
	return []checkedPolicy{c}, nil
}

// checkProfilePolicies checks the policies of a profile where they were
// written: that of its session, and that of its scope if it has one.
func checkProfilePolicies(config configured, profile profiles.Profile) []checkedPolicy {
	o := policy.Options{Operation: profile.Operation, ARNChars: characters(profile.PolicyARNs...), Partition: partition(profile.RoleARN)}
	written, _ := config.Written(profile.Name)
	c := config.checkWritten(written, o)
	c.Name, c.Profile, c.TokenUse = profile.Name, true, config.tokenUse(profile.Name)
	c.Narrowed = profile.Policy != "" || len(profile.PolicyARNs) > 0
	c.scoped, c.nothing = profile.Scope.Policy != "", profile.Operation == session.GetFederationToken
	written, scoped := config.WrittenScope(profile.Name)
	if !scoped {
		return []checkedPolicy{c}
	}
	o.Operation, o.ARNChars = session.GetScopedCredentials, 0
	scope := config.checkWritten(written, o)
	scope.Name, scope.Profile, scope.Narrowed = profile.Name, true, true
	return []checkedPolicy{c, scope}
}

// checkWritten checks one policy of a profile.
func (c configured) checkWritten(written profiles.Written, o policy.Options) checkedPolicy {
	checked := checkedPolicy{Operation: o.Operation}
	checked.measure(written.Text, o)
	if written.Text == nil {
		return checked
	}
	for _, f := range policy.Check(written.Text, o) {
		at := written.Place(f)
		checked.Findings = append(checked.Findings, finding{File: c.shown(at.File), Meaning: policy.Meaning(f.Code),
			Finding: policy.Finding{Code: f.Code, Level: f.Level, Line: at.Line, Column: at.Column, Path: at.Key, Problem: at.Problem, Hint: f.Hint}})
	}
	return checked
}

// tokenUse returns how full the session token of a profile's last session was.
func (c configured) tokenUse(profile string) *int {
	if c.daemon == nil {
		return nil
	}
	var use *int
	var minted int64
	for _, row := range c.daemon.Sessions {
		if row.TokenUse >= 0 && !row.Narrowed && slices.Contains(row.Profiles, profile) && row.Minted.Unix() > minted {
			use, minted = &row.TokenUse, row.Minted.Unix()
		}
	}
	return use
}

// measure counts as STS does.
func (c *checkedPolicy) measure(text []byte, o policy.Options) {
	c.Findings, c.ARNCharacters, c.Limit = []finding{}, o.ARNChars, policy.MaxChars
	if minified, err := policy.Minify(text); err == nil {
		c.Characters = characters(minified)
	}
}

// characters counts as STS does.
func characters(texts ...string) (n int) {
	for _, text := range texts {
		n += utf8.RuneCountInString(text)
	}
	return n
}

// partition returns the partition of an ARN.
func partition(arn string) string {
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
		return parts[1]
	}
	return ""
}

// count returns how many of the findings are errors and warnings.
func (c checkedPolicy) count() (errors, warnings int) {
	for _, f := range c.Findings {
		if f.Level == policy.Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

func (p *program) printCheckedPolicies(checked []checkedPolicy, failed error) error {
	errs, warnings := 0, 0
	for _, c := range checked {
		e, w := c.count()
		errs, warnings = errs+e, warnings+w
		slices.SortStableFunc(c.Findings, func(a, b finding) int {
			return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
	}
	problems := flatten(failed)
	if p.json {
		_ = p.printJSON(map[string]any{"ok": errs+len(problems) == 0, "errors": errs, "warnings": warnings,
			"policies": append([]checkedPolicy{}, checked...), "problems": messages(problems)})
	} else {
		for _, c := range checked {
			c.print(p.stdout)
		}
		p.printError(failed)
		if len(checked) > 1 {
			say(p.stdout, "%s: %s, %s", counted(len(checked), "policy", "policies"), count(errs, "error"), count(warnings, "warning"))
		}
	}
	if errs+len(problems) > 0 {
		return exitError{code: 1}
	}
	return nil
}

// print prints findings in the form that editors jump to, and a summary.
func (c checkedPolicy) print(w io.Writer) {
	for _, f := range c.Findings {
		f.print(w)
	}
	subject := c.Name
	switch {
	case c.Profile && c.Operation == session.GetScopedCredentials:
		subject = "scope of profile " + subject
	case c.Profile:
		subject = "profile " + subject
	}
	say(w, "%s: %s; %s", subject, c.verdict(), c.size())
}

func (f finding) print(w io.Writer) {
	at := f.File
	if f.Line > 0 {
		at += fmt.Sprintf(":%d", f.Line)
	}
	if f.Column > 0 {
		at += fmt.Sprintf(":%d", f.Column)
	}
	path := ""
	if f.Path != "" {
		path = f.Path + ": "
	}
	code := ""
	if f.Code != "" {
		code = " (" + f.Code + ")"
	}
	say(w, "%s: %s: %s%s%s", at, f.Level, path, f.Problem, code)
	if f.Meaning != "" {
		say(w, "    %s: %s", f.Code, f.Meaning)
	}
	if f.Hint != "" {
		say(w, "    hint: %s", f.Hint)
	}
}

func (c checkedPolicy) verdict() string {
	errors, warnings := c.count()
	switch {
	case !c.Narrowed && c.nothing:
		return "no session policy, and no permissions without one"
	case !c.Narrowed && c.scoped:
		return "no session policy, narrowed by its scope"
	case !c.Narrowed:
		return "no session policy, nothing is narrowed"
	case errors+warnings == 0:
		return "ok"
	case errors == 0:
		return "ok, with " + count(warnings, "warning")
	}
	return count(errors, "error") + ", " + count(warnings, "warning")
}

// size says how much of what STS takes the policies are.
func (c checkedPolicy) size() string {
	arns := ""
	if c.ARNCharacters > 0 {
		arns = fmt.Sprintf(" and %d of policy ARNs", c.ARNCharacters)
	}
	text := fmt.Sprintf("%d characters after minifying%s, of %d for %s", c.Characters, arns, c.Limit, c.Operation)
	switch {
	case c.Limit == 0:
		return "no profile of it can be checked before that is mended"
	case !c.Narrowed:
		text = "0 characters"
	}
	if c.TokenUse != nil {
		text += fmt.Sprintf("; the last session's token is %d %% of AWS's limit", *c.TokenUse)
	}
	return text
}

// counted is count for nouns that have another plural.
func counted(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}
