package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/near"
	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// The exit statuses of policy explain, and of policy diff for the first two and
// the last.
const (
	policyYes     = 0 // not blocked; nothing differs
	policyNo      = 1 // blocked; something differs
	policyTrouble = 2 // no answer
	policyUnknown = 3 // it depends
)

// explainOptions are what a question comes with.
type explainOptions struct {
	files, identity, context []string
	user, app                string
}

func (p *program) policyExplainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use: "explain PROFILE|--policy FILE ACTION RESOURCE", Short: "Say whether session policies block a request, and which statement decides",
		Long: `Say whether session policies block a request, and which statement decides. "Not
blocked" is not "allowed": what the role allows is known to AWS alone, unless its
policies are given with --identity-policy. Nothing is asked of AWS. What the answer
depends on and is not known here makes it "unknown": context keys are given with
--context, texts of managed policies with policy_documents in the profile, or with
vendord policy fetch.

Exit status: 0 not blocked, 1 blocked, 3 unknown, 2 if there is no answer.`,
		Example: `  vendord policy explain company1-hr-readonly s3:PutObject arn:aws:s3:::company1-hr/x
  vendord policy explain --policy new.json ec2:RunInstances '*' --context aws:RequestedRegion=us-west-1`,
		Args: func(cmd *cobra.Command, args []string) error {
			want, names := 3, "a PROFILE, an ACTION and a RESOURCE"
			if len(o.files) > 0 {
				want, names = 2, "an ACTION and a RESOURCE, beside --policy"
			}
			return between(want, want, names)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return orTrouble(p.policyExplain(cmd.Context(), args, o))
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.files, "policy", nil, "explain the session policy in a `file` (\"-\": stdin), not a profile; several are a union")
	f.StringArrayVar(&o.identity, "identity-policy", nil, "a `file` with a policy of the role or user, which has to let through as well")
	f.StringArrayVar(&o.context, "context", nil, "a context `key=value` of the request; repeated for several values; \"key=\" for none")
	f.StringVar(&o.user, "user", p.user, "the `user` that templates are filled in for")
	f.StringVar(&o.app, "app", profiles.CLI, "the `app` that templates are filled in for")
	return p.completing(cmd, profileNames)
}

func (p *program) policyExplain(ctx context.Context, args []string, o explainOptions) error {
	q, err := p.question(args[len(args)-2], args[len(args)-1], o.context)
	if err != nil {
		return err
	}
	layers, err := p.explained(ctx, args[0], q, o)
	if err != nil {
		return err
	}
	for _, file := range o.identity {
		t, err := p.fileText(file)
		if err != nil {
			return err
		}
		layers[0].identity = append(layers[0].identity, t)
	}
	answer := explain(layers)
	answer.Unmentioned = p.unmentioned(layers, q.Context)
	if p.json {
		_ = p.printJSON(answer)
	} else {
		answer.print(p.stdout)
	}
	return exitError{code: map[policy.Answer]int{policy.NotBlocked: policyYes, policy.Unknown: policyUnknown,
		policy.DeniedExplicitly: policyNo, policy.DeniedImplicitly: policyNo}[answer.Decision]}.orNil()
}

// orTrouble gives an error without an exit status that of no answer.
func orTrouble(err error) error {
	if _, ok := errors.AsType[exitError](err); err == nil || ok {
		return err
	}
	return exitError{policyTrouble, err}
}

// orNil is nil for status 0.
func (e exitError) orNil() error {
	if e.code == 0 && e.err == nil {
		return nil
	}
	return e
}

// explained returns the layers of a profile, or of the files that were named.
func (p *program) explained(ctx context.Context, name string, q policy.Question, o explainOptions) ([]policyLayer, error) {
	if len(o.files) == 0 {
		c := p.configuration(ctx)
		if _, err := c.profile(name); err != nil {
			if regular(name) {
				return nil, fail("for a file: --policy "+name, "profile %q: unknown", name)
			}
			return nil, err
		}
		return p.layers(c, name, profiles.Identity{App: o.app, User: o.user}, q)
	}
	l := policyLayer{question: q}
	for _, file := range o.files {
		t, err := p.fileText(file)
		if err != nil {
			return nil, err
		}
		if strings.Contains(t.text, "{{") {
			p.warn(fail("put it into a profile, and explain that", "%s: its {{templates}} are taken as they stand", file))
		}
		l.session = append(l.session, t)
	}
	return []policyLayer{l}, nil
}

// question checks what was asked, and warns where it was probably not meant.
func (p *program) question(action, resource string, given []string) (policy.Question, error) {
	q := policy.Question{Action: action, Resource: resource, Context: map[string][]string{}}
	switch service, name, ok := strings.Cut(action, ":"); {
	case !ok || service == "" || name == "":
		return q, usageError{fmt.Sprintf("action %q: has no service", action), "write service:Action, such as s3:GetObject"}
	case strings.ContainsAny(action, "*?"):
		return q, usageError{fmt.Sprintf("action %q: a question is about one action", action), "vendord policy diff compares patterns"}
	case resource != "*" && strings.Count(resource, ":") < 5:
		return q, usageError{fmt.Sprintf("resource %q: not an ARN", resource), `write the whole ARN, such as arn:aws:s3:::bucket/key, or "*" for actions that have none`}
	}
	if hint, unknown := policy.UnknownAction(action); unknown {
		p.warn(fail(hint, "action %s: not known here; AWS may have it", action))
	}
	if resource != "*" && strings.ContainsAny(resource, "*?") {
		p.warn(fail("ask about one resource", "resource %s: * and ? stand for themselves in a question", resource))
	}
	for _, pair := range given {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return q, usageError{fmt.Sprintf("--context %q: not key=value", pair), "such as --context aws:RequestedRegion=us-west-1"}
		}
		// In whatever case: with two spellings, one would be given in vain.
		for earlier := range q.Context {
			if strings.EqualFold(earlier, key) {
				key = earlier
			}
		}
		if value == "" && q.Context[key] == nil {
			q.Context[key] = []string{} // known to be absent
			continue
		}
		q.Context[key] = append(q.Context[key], value)
	}
	return q, nil
}

// unmentioned returns the context keys that were given in vain, and warns of
// each: who misspelt one would take the answer for one about it.
func (p *program) unmentioned(layers []policyLayer, given map[string][]string) []string {
	var all []policy.Named
	for _, l := range layers {
		all = slices.Concat(all, namedOf(l.session), namedOf(l.scope), namedOf(l.identity))
	}
	mentioned, problem := policy.ContextKeys(all...), "no statement mentions it, so the answer does not depend on it"
	if slices.ContainsFunc(all, func(n policy.Named) bool { return n.Document == nil }) {
		problem = "no statement whose text is at hand mentions it"
	}
	var unmentioned []string
	for _, key := range sortedKeys(given) {
		if slices.ContainsFunc(mentioned, func(m string) bool { return strings.EqualFold(m, key) }) {
			continue
		}
		hint := "leave it out"
		if meant := near.Name(key, mentioned); meant != "" {
			hint = "did you mean " + meant + "?"
		}
		p.warn(fail(hint, "context key %s: %s", key, problem))
		unmentioned = append(unmentioned, key)
	}
	return unmentioned
}

// explainedStatement is a statement with where it was written and its text.
type explainedStatement struct {
	At   string          `json:"at"`
	Text json.RawMessage `json:"text,omitempty"`
}

// explainedLayer is what one layer says.
type explainedLayer struct {
	Title    string              `json:"title,omitempty"`
	Action   string              `json:"action"`
	Resource string              `json:"resource"`
	Context  map[string][]string `json:"context"`
	policy.Explanation
	// Statements and NearStatements go with By and Near, one for one.
	Statements     []explainedStatement `json:"statements,omitempty"`
	NearStatements []explainedStatement `json:"near_statements,omitempty"`
	Notes          []string             `json:"notes,omitempty"`
	narrows, whole bool                 // whole: identity policies were given
	profile, who   string
	step           bool // of a chain
}

// explainedAnswer is the answer to a question: every layer has to let it
// through.
type explainedAnswer struct {
	Decision policy.Answer    `json:"decision"`
	Layers   []explainedLayer `json:"layers"`
	// Unmentioned are the context keys that were given and that no statement
	// at hand mentions, misspelt perhaps.
	Unmentioned []string `json:"unmentioned,omitempty"`
}

// explain asks every layer. What is certain to be denied in one is denied,
// whatever is unknown in another.
func explain(layers []policyLayer) explainedAnswer {
	order := []policy.Answer{policy.NotBlocked, policy.Unknown, policy.DeniedImplicitly, policy.DeniedExplicitly}
	a := explainedAnswer{Decision: policy.NotBlocked}
	for _, l := range layers {
		e := l.explain()
		if slices.Index(order, e.Decision) > slices.Index(order, a.Decision) {
			a.Decision = e.Decision
		}
		a.Layers = append(a.Layers, e)
	}
	return a
}

func (l policyLayer) explain() explainedLayer {
	x := policy.Explain(l.inputs(), l.question)
	if l.barred != "" && x.Decision != policy.DeniedExplicitly {
		x = policy.Explanation{Decision: policy.DeniedImplicitly, Reason: l.barred}
	}
	e := explainedLayer{Title: l.title, Action: l.question.Action, Resource: l.question.Resource, Context: l.question.Context,
		Explanation: x, narrows: l.narrows(), whole: len(l.identity) > 0, profile: l.profile, who: cmp.Or(l.who, "role"), step: l.step}
	for _, d := range x.By {
		e.Statements = append(e.Statements, l.find(d.Place))
	}
	for _, n := range x.Near {
		e.NearStatements = append(e.NearStatements, l.find(n.Place))
	}
	for _, t := range slices.Concat(l.session, l.scope, l.identity) {
		if t.note != "" {
			e.Notes = append(e.Notes, t.note)
		}
	}
	return e
}

// find returns what there is to show of a statement.
func (l policyLayer) find(at policy.Place) explainedStatement {
	for _, t := range map[policy.Layer][]policyText{policy.SessionLayer: l.session, policy.ScopeLayer: l.scope, policy.IdentityLayer: l.identity}[at.Layer] {
		if t.Name == at.Policy {
			return explainedStatement{At: t.place(at.Statement, at.Line), Text: t.statement(at.Statement)}
		}
	}
	return explainedStatement{At: at.Policy}
}

// print says it in words: the answer first.
func (a explainedAnswer) print(w io.Writer) {
	if len(a.Layers) > 1 {
		say(w, "%s, all in all: every session of the chain has to let its part through", inWordsOf(a.Decision))
	}
	for _, l := range a.Layers {
		if len(a.Layers) > 1 {
			say(w, "\n%s: %s on %s", l.Title, l.Action, l.Resource)
		}
		l.print(w)
	}
}

func (l explainedLayer) print(w io.Writer) {
	switch {
	case l.Decision == policy.NotBlocked && !l.narrows && !l.whole:
		say(w, "not blocked by the session policy: there is none, and nothing narrows what the %s may do", l.who)
	case l.Decision == policy.NotBlocked:
		say(w, "not blocked by the session policy: %s", l.Reason)
	default:
		say(w, "%s: %s", inWordsOf(l.Decision), l.Reason)
	}
	for i, d := range l.By {
		say(w, "  %s: %s %s", l.Statements[i].At, statementName(d.Place), does(d))
		say(w, "    %s", l.Statements[i].Text)
	}
	for i, n := range l.Near {
		if slices.ContainsFunc(l.By, func(d policy.Deciding) bool { return d.Place == n.Place }) {
			continue // said above
		}
		would := "would let it through"
		if n.Effect == "Deny" {
			would = "would deny it"
		}
		say(w, "  nearly: %s: %s %s, but %s", l.NearStatements[i].At, statementName(n.Place), would, missed(n, l.Resource))
	}
	for _, key := range l.Missing {
		key = session.Visible(key)
		say(w, "  not known: %s (--context %s=VALUE, or %s= if the request has none)", key, key, key)
	}
	for _, name := range l.Unread {
		say(w, "  no text at hand: %s (vendord policy fetch %s, or policy_documents there)", name, cmp.Or(l.profile, "PROFILE"))
	}
	for _, note := range l.Notes {
		say(w, "  %s", note)
	}
	if l.Decision == policy.NotBlocked && !l.whole && !l.step {
		say(w, "  whether AWS allows it is for the %s's own policies to say, which are not known here", l.who)
	}
}

// inWordsOf says an answer as people do. Nothing here is ever "allowed".
func inWordsOf(a policy.Answer) string {
	if a == policy.NotBlocked {
		return "not blocked by the session policy"
	}
	return strings.ReplaceAll(string(a), "-", " ")
}

// does says what a statement that decides does, or may do.
func does(d policy.Deciding) string {
	depending := ""
	if len(d.DependsOn) > 0 {
		depending = ", depending on " + session.Visible(strings.Join(d.DependsOn, ", "))
	}
	switch {
	case d.Effect == "Deny" && depending != "":
		return "denies it" + depending
	case d.Effect == "Deny":
		return "denies it"
	}
	return "lets it through" + depending
}

// missed says what keeps a statement from applying.
func missed(n policy.NearMiss, resource string) string {
	var failed []string
	for _, f := range n.Failed {
		problem := f.Problem
		if i := slices.IndexFunc(f.Wanted, func(wanted string) bool { return strings.HasPrefix(resource, wanted+"/") }); f.Part == "resource" && i >= 0 {
			problem += ": what is below it ends in /*"
		}
		failed = append(failed, problem)
	}
	return strings.Join(failed, ", and ")
}

// statementName is how people find a statement: its place, and its Sid.
func statementName(at policy.Place) string {
	name := fmt.Sprintf("Statement[%d]", at.Statement)
	if at.Sid != "" {
		name += " (" + at.Sid + ")"
	}
	return name
}
