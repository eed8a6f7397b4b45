package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
)

func (p *program) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", GroupID: "look", Args: exactly(0, ""),
		Short: "List the profiles and apps that you may use",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.askStatus(cmd.Context())
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(map[string]any{"profiles": s.Profiles, "apps": s.Apps})
			}
			return p.printList(s)
		},
	}
}

func (p *program) printList(s control.Status) error {
	if len(s.Profiles)+len(s.Apps) == 0 {
		say(p.stderr, "nothing that %s may use; an operator gives you an app's token: vendord token issue APP --user %s", s.You, s.You)
		return nil
	}
	rows := [][]string{{"PROFILE", "SESSIONS OF", "SESSION POLICY", "LIFE", "REGION"}}
	for _, r := range s.Profiles {
		life := "the source's"
		if r.Duration > 0 {
			life = inWords(r.Duration)
		}
		rows = append(rows, []string{r.Name, dash(cmp.Or(r.RoleARN, r.Who)), r.Policy, life, r.Region})
	}
	if err := table(p.stdout, rows); err != nil || len(s.Apps) == 0 {
		return err
	}
	fmt.Fprintln(p.stdout)
	rows = [][]string{{"APP", "PROFILES", "CURRENT", "TOKENS"}}
	for _, r := range s.Apps {
		tokens := fmt.Sprint(r.Tokens)
		if r.Kernel {
			tokens = "none: by " + r.Recognised
		}
		rows = append(rows, []string{r.Name, strings.Join(r.Profiles, ", "), r.Current, tokens})
	}
	return table(p.stdout, rows)
}
