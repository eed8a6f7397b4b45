package main

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

func (p *program) policyDiffCommand() *cobra.Command {
	var user, app string
	cmd := &cobra.Command{
		Use: "diff A B", Args: exactly(2, "two FILEs or PROFILEs"), Short: "Say what one session policy lets through and another does not",
		Long: `Say what the session policies A let through and B do not, and the other way round:
"-" is A's alone, "+" is B's. Each is a file, "-" for stdin, or a profile with all its
session policies, scope policy included. Patterns are compared, so that nothing is
left out; what may be a difference and may be none is marked "perhaps".

Exit status, as diff has it: 0 if both let the same through, 1 if not, or perhaps
not, 2 if they cannot be compared.`,
		Example: `  vendord policy diff company1-hr-readonly new.json
  git show HEAD:policy.json | vendord policy diff - policy.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return orTrouble(p.policyDiff(cmd.Context(), args[0], args[1], profiles.Identity{App: app, User: user}))
		},
	}
	cmd.Flags().StringVar(&user, "user", p.user, "the `user` that templates are filled in for")
	cmd.Flags().StringVar(&app, "app", profiles.CLI, "the `app` that templates are filled in for")
	return p.completing(cmd, profileNames)
}

// policyDiffAnswer is what policy diff prints as JSON.
type policyDiffAnswer struct {
	A string `json:"a"`
	B string `json:"b"`
	policy.Difference
}

func (p *program) policyDiff(ctx context.Context, a, b string, who profiles.Identity) error {
	if a == "-" && b == "-" {
		return usageError{"policy diff: stdin can be one of the two", "name a file"}
	}
	config := p.configuration(ctx)
	sideA, err := p.side(config, a, who)
	if err != nil {
		return err
	}
	sideB, err := p.side(config, b, who)
	if err != nil {
		return err
	}
	d := policy.Diff(namedOf(sideA), namedOf(sideB))
	if p.json {
		_ = p.printJSON(policyDiffAnswer{a, b, d})
	} else {
		printDifference(p.stdout, a, b, d)
	}
	if d.Same {
		return nil
	}
	return exitError{code: policyNo}
}

// side returns the policies of one argument.
func (p *program) side(config configured, arg string, who profiles.Identity) ([]policyText, error) {
	if looksLikeFile(arg) {
		t, err := p.fileText(arg)
		return []policyText{t}, err
	}
	profile, isFile, err := p.profileOrFile(config, arg)
	switch {
	case isFile:
		t, err := p.fileText(arg)
		return []policyText{t}, err
	case err != nil:
		return nil, err
	}
	layers, err := p.layers(config, profile.Name, who, policy.Question{Action: "sts:GetCallerIdentity", Resource: "*"})
	if err != nil {
		return nil, err
	}
	l := layers[0]
	switch {
	case len(l.scope) > 0 && len(l.session) > 0:
		// The two are an intersection, and a union is what is compared.
		return nil, fail("compare its files one by one", "profile %q: has a session policy and a scope, which cannot be compared as one", arg)
	case len(l.scope) > 0:
		return l.scope, nil
	case !l.narrows():
		everything, _ := policy.Parse([]byte(everything))
		return []policyText{{Named: policy.Named{Name: "profile " + arg + withoutPolicy, Document: everything}}}, nil
	}
	return l.session, nil
}

// withoutPolicy follows the name of a profile that everything stands for.
const withoutPolicy = ", which has no session policy"

// everything is what a profile without session policies lets through.
const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

func printDifference(w io.Writer, a, b string, d policy.Difference) {
	if d.Same {
		say(w, "%s and %s let the same through", a, b)
		return
	}
	say(w, "--- %s", a)
	say(w, "+++ %s", b)
	printChanges(w, "-", d.OnlyA)
	printChanges(w, "+", d.OnlyB)
	for _, name := range append(d.UnreadA, d.UnreadB...) {
		say(w, "no text at hand: %s (vendord policy fetch, or policy_documents in the profile)", name)
	}
	if d.Incomplete {
		say(w, "there may be more: the policies are too large to compare, or differ in too much to list")
	}
	if len(d.OnlyA)+len(d.OnlyB) == 0 {
		say(w, "whether they let the same through cannot be told")
	}
}

func printChanges(w io.Writer, sign string, changes []policy.Change) {
	for _, c := range changes {
		perhaps, condition := "", ""
		if !c.Certain {
			perhaps = "perhaps "
		}
		if c.Conditional {
			condition = " (under a condition)"
		}
		// A line break in a policy must not make a line of its own: who
		// reviews one would read what its author wrote for a difference.
		say(w, "%s %s%s on %s%s", sign, perhaps, session.Visible(c.Action), session.Visible(c.Resource), condition)
		by := c.AllowedBy.Policy
		if !strings.HasSuffix(by, withoutPolicy) {
			by += ", " + statementName(c.AllowedBy)
		}
		say(w, "    %s; %s", by, c.Reason)
		if c.DeniedBy != nil {
			say(w, "    denied by %s, %s", c.DeniedBy.Policy, statementName(*c.DeniedBy))
		}
		if c.Example != nil && c.Example.Resource != c.Resource {
			say(w, "    for example %s on %s%s", c.Example.Action, session.Visible(c.Example.Resource), session.Visible(contextInWords(c.Example.Context)))
		}
	}
}

// contextInWords is the context of an example, as flags of explain.
func contextInWords(context map[string][]string) string {
	var b strings.Builder
	for _, key := range sortedKeys(context) {
		for _, value := range context[key] {
			b.WriteString(" --context " + key + "=" + value)
		}
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
