package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/session"
)

// narrowing is what exec adds to a profile's session policies for one command.
type narrowing struct {
	file  string
	arns  []string
	given func(flag string) bool
}

func (n *narrowing) flags(cmd *cobra.Command) {
	n.given = cmd.Flags().Changed
	cmd.Flags().StringVar(&n.file, "policy-file", "", "narrow what the command gets by the session policy in a `file`")
	cmd.Flags().StringArrayVar(&n.arns, "policy-arn", nil, "narrow it by a managed policy, by its `ARN`; may be repeated")
}

// narrowed adds the policies to what a token is asked for. What is wrong with
// the file is told here, where its author is; whether the profile can be
// narrowed at all is for the daemon to say.
func (p *program) narrowed(spec control.TokenSpec, n narrowing) (control.TokenSpec, error) {
	spec.PolicyARNs = session.List(n.arns)
	switch {
	case n.file == "" && n.given("policy-file"): // a variable that was not set must not mean: all that the profile has
		return spec, fail("name a file, or leave the flag out for all that the profile has", "--policy-file: the name is empty")
	case n.file == "":
		return spec, nil
	case n.file == "-":
		return spec, fail("write the policy into a file", "--policy-file -: stdin is the command's")
	}
	if info, err := os.Stat(n.file); err == nil && !info.Mode().IsRegular() {
		return spec, fail("write the policy into a file", "--policy-file %s: not a regular file", n.file)
	}
	text, err := p.readPolicy(n.file)
	if err != nil {
		return spec, err
	}
	if p.refused(n.file, policy.Check(text, policy.Options{ARNChars: characters(n.arns...)})) {
		return spec, fail("mend it, and run the command again", "%s: STS would refuse the policy; nothing was started", n.file)
	}
	spec.Policy, err = policy.Minify(text)
	return spec, err
}

// refused prints findings, and reports whether one is an error.
func (p *program) refused(file string, findings []policy.Finding) (refused bool) {
	for _, f := range findings {
		refused = refused || f.Level == policy.Error
		finding{File: file, Finding: f, Meaning: policy.Meaning(f.Code)}.print(p.stderr)
	}
	return refused
}
