package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/link"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
)

// netForce takes an address over as --force does, where a unit calls `net up`.
const netForce = "VENDORD_NET_FORCE"

func (p *program) netCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "net", GroupID: "daemon", Args: exactly(0, "one of up, down and status"),
		Short: "Put the addresses that AWS's SDKs ask on this machine",
		Long: `Put AWS's link-local addresses that [endpoints] names on this machine's loopback
link: 169.254.169.254, 169.254.170.2 and their like. They stay until they are taken
away, or the machine restarts; an installed service puts them there at each boot.
It takes root, or CAP_NET_ADMIN. Without --config, the configuration is the machine's
for root, and for who has none of their own. Of the machine's, up takes those away that
are not named any more; of another it takes nothing away, since they may be somebody
else's.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	force := p.getenv(netForce) != "" && p.getenv(netForce) != "0"
	up := &cobra.Command{
		Use: "up", Short: "Put the addresses there", Args: exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.netUp(cmd.Context(), force) },
	}
	up.Flags().BoolVar(&force, "force", force, "even where a metadata service of this machine's own answers ($"+netForce+")")
	var used bool
	down := &cobra.Command{
		Use: "down", Short: "Take away the addresses that vendord put there, and nobody listens at", Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return p.netDown(used) },
	}
	down.Flags().BoolVar(&used, "force", false, "even where somebody listens")
	cmd.AddCommand(up, down,
		&cobra.Command{Use: "status", Short: "Show how each address stands: exit status 0 if all are there", Args: exactly(0, ""),
			RunE: func(*cobra.Command, []string) error { return p.netStatus() }})
	return cmd
}

// netRow is an address, and what of the configuration names it.
type netRow struct {
	link.Address
	Endpoints []string `json:"endpoints"`
}

// netConfig reads the configuration whose addresses are meant. Of a user's, nothing but
// a few addresses of a fixed list is used: it may be theirs even for root, who reads it
// with their rights.
func (p *program) netConfig() (*profiles.Config, error) {
	p.system = p.system || p.config == "" && netOfSystem(p.uid, p.configPath(), profiles.Find(true, nil, "")) || ofSystem(p.configPath())
	if p.system {
		return profiles.Load(p.serviceProfiles(p.configPath()))
	}
	o := p.profileOptions()
	owner, ok := ownerOf(o.Path)
	if !ok || p.uid != 0 || owner == 0 {
		return profiles.Load(o)
	}
	o.UID = owner
	var c *profiles.Config
	var err error
	if no := asOwner(o.Path, owner, func() { c, err = profiles.Load(o) }); no != nil {
		return nil, no
	}
	return c, err
}

// netOfSystem reports whether the machine's configuration is meant where none is named:
// root's is that, and so is a user's who has none of their own, as with the daemon that
// they ask.
func netOfSystem(uid int, own, system string) bool {
	if uid == 0 {
		return true
	}
	_, mine := os.Stat(own)
	_, machines := os.Stat(system)
	return errors.Is(mine, fs.ErrNotExist) && machines == nil
}

// linkLocal lists the addresses that no machine has by itself, each once.
func linkLocal(c *profiles.Config) (all []netip.Addr) {
	for _, e := range c.Endpoints {
		if at := e.Listen.Addr(); !at.IsLoopback() && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

func netRows(c *profiles.Config) ([]netRow, error) {
	all, err := link.Status(linkLocal(c))
	rows := make([]netRow, len(all))
	for i, a := range all {
		rows[i].Address = a
		for _, e := range c.Endpoints {
			if e.Listen.Addr() == a.Addr && !slices.Contains(rows[i].Endpoints, e.Key()) {
				rows[i].Endpoints = append(rows[i].Endpoints, e.Key())
			}
		}
	}
	return rows, err
}

func (p *program) netUp(ctx context.Context, force bool) error {
	config, err := p.netConfig()
	if err != nil {
		return err
	}
	before, err := netRows(config)
	if err != nil {
		return err
	}
	want, wrong := linkLocal(config), []error{}
	for _, answer := range metadataServices(ctx, before) {
		if force {
			p.warn(answer.asError())
			continue
		}
		want = slices.DeleteFunc(want, func(a netip.Addr) bool { return a == answer.at })
		wrong = append(wrong, answer.asError())
	}
	put := link.Add // what a user's file does not name may be the machine's service's, or another user's
	if p.system {
		put = link.Up
	}
	done, err := put(want)
	wrong = append(wrong, netError("net up", netUp(config, p.system), err))
	rows, err := netRows(config)
	if err != nil {
		return errors.Join(append(wrong, err)...)
	}
	return errors.Join(append([]error{p.printUp(config, rows, done)}, wrong...)...)
}

// printUp says what was done.
func (p *program) printUp(config *profiles.Config, rows []netRow, done link.Change) error {
	if p.json {
		return p.printJSON(map[string]any{"addresses": rows, "added": inText(done.Added), "removed": inText(done.Removed)})
	}
	for _, row := range rows {
		if !row.Here() {
			continue
		}
		said := "there already"
		if row.State == link.Given {
			said += ", by somebody else"
		}
		if slices.Contains(done.Added, row.Addr) {
			said = "added"
		}
		say(p.stdout, "%s: %s", row.Addr, said)
	}
	for _, a := range done.Removed {
		say(p.stdout, "%s: removed, no endpoint names it", a)
	}
	if len(rows) == 0 {
		say(p.stderr, "%s names no link-local address: there is nothing to add", config.Path)
	}
	return nil
}

// netDown needs no configuration: what is vendord's is marked. Where somebody listens the
// address stays, unless that is asked for in so many words: programs would ask the network,
// and take what answers there. It may be a user's daemon, while the machine's service ends.
func (p *program) netDown(force bool) error {
	own, err := link.Ours()
	if err != nil {
		return netError("net down", bySudo("net", "down"), err)
	}
	used, err := listenersAt(own)
	if err != nil && !force {
		return fail("--force takes the addresses away whoever listens", "net down: not done: %w", err)
	}
	unused := slices.DeleteFunc(slices.Clone(own), func(a netip.Addr) bool {
		return !force && slices.ContainsFunc(used, func(l listenerAt) bool { return l.at.Addr() == a })
	})
	done, err := link.Down(unused)
	if err != nil {
		return netError("net down", bySudo("net", "down"), err)
	}
	if p.json {
		err = p.printJSON(map[string]any{"removed": inText(done.Removed)})
	}
	for _, a := range done.Removed {
		if !p.json {
			say(p.stdout, "%s: removed", a)
		}
	}
	if len(own) == 0 && !p.json {
		say(p.stderr, "no address of vendord's is on this machine")
	}
	wrong := []error{err}
	for _, l := range used {
		if !force {
			wrong = append(wrong, fail("stop it first (the machine's service: sudo vendord service stop); --force takes the address away all the same",
				"net down: %s: %s listens there", l.at, l.by))
			continue
		}
		p.warn(fail("net up brings it back, without a restart", "%s: %s listens there still, and nobody reaches it", l.at, l.by))
	}
	return errors.Join(wrong...)
}

// listenerAt is somebody who listens at an address of vendord's.
type listenerAt struct {
	at netip.AddrPort
	by peer.Holder
}

// listenersAt finds who listens at addresses, as far as that can be known.
func listenersAt(all []netip.Addr) (found []listenerAt, err error) {
	for _, a := range all {
		ports, err := peer.ListenersAt(a)
		if err != nil {
			return nil, err
		}
		for _, at := range ports {
			by, _ := peer.Listener(at) // or it is gone by now
			found = append(found, listenerAt{at, by})
		}
	}
	return found, nil
}

func (p *program) netStatus() error {
	config, err := p.netConfig()
	if err != nil {
		return err
	}
	rows, err := netRows(config)
	if err != nil {
		return err
	}
	missing := slices.ContainsFunc(rows, func(r netRow) bool { return !r.Here() })
	switch {
	case p.json:
		err = p.printJSON(map[string]any{"addresses": append([]netRow{}, rows...), "up": !missing})
	case len(rows) == 0:
		say(p.stderr, "%s names no link-local address", config.Path)
	default:
		err = p.printNetRows(rows, netUp(config, p.system))
	}
	if err == nil && missing {
		return exitError{code: 1}
	}
	return err
}

// printNetRows shows how the addresses stand, and what to do about those that are not
// there.
func (p *program) printNetRows(rows []netRow, up string) error {
	words := map[link.State]string{link.Missing: "missing", link.Own: "there", link.Given: "there, by somebody else",
		link.Taken: "taken: link ", link.Routed: "routed elsewhere: "}
	lines := [][]string{{"ADDRESS", "STATE", "ENDPOINT"}}
	var problems []error
	free := false
	for _, r := range rows {
		lines = append(lines, []string{r.Addr.String(), words[r.State] + r.By, strings.Join(r.Endpoints, ", ")})
		problems = append(problems, r.Refusal())
		free = free || r.State == link.Missing
	}
	if err := table(p.stdout, lines); err != nil {
		return err
	}
	for _, problem := range flatten(errors.Join(problems...)) {
		p.warn(problem)
	}
	if free {
		fmt.Fprintf(p.stderr, "hint: %s\n", visible(up))
	}
	return nil
}

// netError puts the command before what keeps it from being done. That somebody has not
// the right is said once, with how to run it as somebody who has.
func netError(command, asRoot string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return fail(asRoot, "%s: needs root, or CAP_NET_ADMIN", command)
	}
	var all []error
	for _, e := range flatten(err) {
		all = append(all, fail(hintOf(e), "%s: %w", command, e))
	}
	return errors.Join(all...)
}

func inText(all []netip.Addr) []string {
	texts := make([]string, len(all))
	for i, a := range all {
		texts[i] = a.String()
	}
	return texts
}
