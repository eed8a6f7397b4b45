package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
)

// completing fills in a command's first argument from what the daemon has.
// Without a daemon there is nothing to offer, and no error: the shell would
// print it over what is being typed.
func (p *program) completing(cmd *cobra.Command, names func(control.Status) []string) *cobra.Command {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && !several(cmd) {
			return nil, cobra.ShellCompDirectiveDefault // of exec: files and commands
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
		defer cancel()
		status, err := p.askStatus(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if cmd.Parent() != nil && cmd.Parent().Name() == "policy" {
			return names(status), cobra.ShellCompDirectiveDefault // where no profile fits, files
		}
		return names(status), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// completingFlag fills in the value of a flag from what the daemon has.
func (p *program) completingFlag(cmd *cobra.Command, flag string, names func(control.Status) []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
		defer cancel()
		status, err := p.askStatus(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(status), cobra.ShellCompDirectiveNoFileComp
	})
}

// profilesOf returns what completes the profiles of an app, or of all apps.
func profilesOf(app *string) func(control.Status) []string {
	return func(s control.Status) (names []string) {
		for _, row := range s.Apps {
			if *app != "" && row.Name != *app {
				continue
			}
			for _, name := range row.Profiles {
				names = addNew(names, name)
			}
		}
		return names
	}
}

// several reports whether a command takes more than one of what its first
// argument is.
func several(cmd *cobra.Command) bool {
	switch cmd.Name() {
	case "diff", "fetch":
		return true
	case "check":
		return cmd.Parent().Name() == "policy"
	}
	return false
}

func profileNames(s control.Status) (names []string) {
	for _, row := range s.Profiles {
		names = append(names, row.Name)
	}
	return names
}

func appNames(s control.Status) (names []string) {
	for _, row := range s.Apps {
		names = append(names, row.Name)
	}
	return names
}

// tokenAppNames are the apps that tokens can be issued for.
func tokenAppNames(s control.Status) (names []string) {
	for _, row := range s.Apps {
		if !row.Kernel {
			names = append(names, row.Name)
		}
	}
	return names
}

func appAndProfileNames(s control.Status) []string { return append(appNames(s), profileNames(s)...) }

func sourceNames(s control.Status) (names []string) {
	for _, row := range s.Profiles {
		names = addNew(names, row.Source)
	}
	return names
}

func sourceAndProfileNames(s control.Status) []string {
	return append(sourceNames(s), profileNames(s)...)
}
