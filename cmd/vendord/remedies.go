package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/server"
)

// remedies finds the one change that would let a refused program through.
type remedies struct {
	config *profiles.Config
	system bool
	own    int // the user who runs vendord
	login  func(audit.Event) string
}

// remedy is for the refusals of a message. Where the hint says all that there is to
// say, it has no fix.
type remedy struct {
	message *regexp.Regexp
	fix     func(r remedies, e audit.Event, parts []string) *control.Fix
}

func said(message string) *regexp.Regexp { return regexp.MustCompile(`^` + message + `$`) }

// remedyTable has the messages of apps and server. A program's own mistakes, and what
// mends itself, have hints that say everything.
var remedyTable = []remedy{
	{said(`caller: not recognised`), remedies.newApp},
	{said(`caller: the token's app does not recognise it`), remedies.match},
	{said(`caller: more than one app matches it`), remedies.ambiguous},
	{said(`caller: its user is not known here(, and the token is one user's)?`), remedies.from},
	{said(`caller: the token's app is not for callers from there`), remedies.from},
	{said(`token: of another user`), remedies.token},
	{said(`token: of no user, and the caller's is known here`), remedies.token},
	{said(`token: expired .*`), remedies.token},
	{said(`token: not recognised`), remedies.token},
	{said(`token: none was sent`), remedies.noToken},
	{said(`token: (damaged, its checksum does not match|not one of vendord's|has a space or a line break in it)`), remedies.tokenFile},
	{said(`token: an id for a path, and good for nothing in a header`), remedies.id},
	{said(`id: (none in the path|not recognised|expired .*|not one of vendord's|damaged, its checksum does not match|a token, which .*)`), remedies.id},
	{said(`path: has no id`), remedies.id},
	{said(`token: not for this path, whose id says who you are`), remedies.tokenBesideID},
	{said(`token: not for this path, .*`), remedies.otherPath},
	{said(`session token: missing`), remedies.metadataV1},
	{said(`profile "([^"]+)": not (?:the one this (?:token|app) has now|one of this app's)`), remedies.use},
	{said(`(?:app|profile) "[^"]+": user "[^"]+" has no right to it any more`), remedies.token},
	{said(`app "([^"]+)": its profile "[^"]+" is gone from the configuration`), remedies.first},
	{said(`profile "([^"]+)": protected.*`), remedies.exec},
	{said(`app "[^"]+": more than (\d+) requests a second`), remedies.raise},
	{said(`vendord is locked`), func(remedies, audit.Event, []string) *control.Fix {
		return &control.Fix{Does: "let vendord vend again", Command: "vendord unlock"}
	}},

	{said(`caller: (this path .*|gone, or .*|its name and groups are not known now|too many of its connections .*|refused too often lately)`), nil},
	{said(`app "[^"]+": too many users, one after another`), nil},
	{said(`(app|profile) "[^"]+": gone from the configuration`), nil},
	{said(`app "[^"]+": recognised by the kernel now, its tokens are good for nothing`), nil},
	{said(`token: more than one Authorization header`), nil},
	{said(`profile: changed while AWS was asked`), nil},
	{said(`token: not of the app whose port this is`), nil},
	{said(`session token: not good, .*`), nil},
	{said(`role: not the one that this program has`), nil},
	{said(`(method: only GET is answered|path: nothing is here)`), remedies.metadataElsewhere},
	{said(`(method|path|host|body|header): .*`), nil},
	{said(`vendord: internal error`), nil},
	{said(`client: left before the answer`), nil},
}

// of returns the fix for a refusal, or nil.
func (r remedies) of(e audit.Event) *control.Fix {
	for _, one := range remedyTable {
		parts := one.message.FindStringSubmatch(e.Message)
		switch {
		case parts == nil:
		case one.fix == nil:
			return nil
		default:
			return one.fix(r, e, parts)
		}
	}
	if command := r.loginOf(e); command != "" {
		return &control.Fix{Does: "sign in", Command: command}
	}
	return nil // AWS said why, and the hint what to do
}

func (r remedies) loginOf(e audit.Event) string {
	if e.Code != "LoginNeeded" {
		return ""
	}
	return r.login(e)
}

// What apps says of who is not recognised for something else than its rule.
var (
	matchesBoth = regexp.MustCompile(`^app "([^"]+)": it matches, and has to show a token as well$`)
	othersPort  = regexp.MustCompile(`^app "([^"]+)": it matches, and asks at the port of app "([^"]+)"$`)
)

// newApp makes an app of this very caller.
func (r remedies) newApp(e audit.Event, _ []string) *control.Fix {
	if parts := matchesBoth.FindStringSubmatch(e.Near); parts != nil {
		return &control.Fix{Does: "issue it a token, to show at /v1/credentials", Command: "vendord token issue " + parts[1] + forUser(e)}
	}
	if parts := othersPort.FindStringSubmatch(e.Near); parts != nil {
		return &control.Fix{Does: fmt.Sprintf("it is app %q: have it ask at an address that is not app %q's own", parts[1], parts[2])}
	}
	match, name := r.matchOf(e)
	if match == "" {
		return nil
	}
	return &control.Fix{Does: relayed(e) + "have an app for it, with the profile that it is to have, and: vendord reload",
		TOML: fmt.Sprintf("[apps.%s]\nprofiles = [%s]\nmatch = %s\n", r.free(name), r.onlyProfile(), match)}
}

// match lets an app's rule recognise this very caller.
func (r remedies) match(e audit.Event, _ []string) *control.Fix {
	match, _ := r.matchOf(e)
	if match == "" || e.App == "" {
		return nil
	}
	return &control.Fix{Does: relayed(e) + "if that is the program that is meant, have the app match it, and: vendord reload",
		TOML: fmt.Sprintf("[apps.%s]\nmatch = %s\n", e.App, match)}
}

// relayed is what comes before advice to let root's connections in: most relays,
// such as docker-proxy and ssh -L, are root's, and ask for whoever reaches them.
func relayed(e audit.Event) string {
	if e.UID != "0" {
		return ""
	}
	return "it may be a relay (docker-proxy, ssh -L): then whoever reaches it is let in too. Best run it as another user; else "
}

// matchOf returns a match that recognises a caller as narrowly as is known, and a
// name for an app.
func (r remedies) matchOf(e audit.Event) (match, name string) {
	if e.UID == "" || e.User == "" {
		return "", ""
	}
	keys := []string{"user = " + strconv.Quote(e.User)}
	name = e.User
	isOwn := !r.system && e.UID.String() == strconv.Itoa(r.own)
	ofSystem := strings.HasSuffix(e.Unit, ".service") && !strings.HasPrefix(e.Unit, "user@")
	switch {
	case e.Container != "":
		if ofSystem { // which may have named the container's control group
			keys = append(keys, "unit = "+strconv.Quote(e.Unit))
		}
		keys = append(keys, "container = "+strconv.Quote(e.Container))
		name = "container-" + shortID(e.Container)
	case ofSystem && !isOwn:
		keys = append(keys, "unit = "+strconv.Quote(e.Unit))
		name = strings.TrimSuffix(e.Unit, ".service")
	case isOwn && filepath.IsAbs(e.Exe):
		keys = []string{"exe = " + strconv.Quote(e.Exe)}
		name = path.Base(e.Exe)
	}
	return "{ " + strings.Join(keys, ", ") + " }", name
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// free makes of a name one that an app can have, and that nothing has.
func (r remedies) free(name string) string {
	name = cmp.Or(strings.Trim(notInNames.ReplaceAllString(name, "-"), "-"), "program")
	name = name[:min(len(name), 40)]
	for n, base := 2, name; ; n++ {
		_, app := r.config.Apps[name]
		_, profile := r.config.Profiles[name]
		if !app && !profile && name != profiles.CLI {
			return name
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// onlyProfile is the profile that can be meant, if there is only one. To guess
// among several would be to suggest rights.
func (r remedies) onlyProfile() string {
	var names []string
	for name, p := range r.config.Profiles {
		if !p.Protected {
			names = append(names, name)
		}
	}
	if len(names) == 1 {
		return strconv.Quote(names[0])
	}
	return `"PROFILE"`
}

// ambiguous says which two apps have to be told apart; near has their names. Where both
// have a port of their own, they are, there.
func (r remedies) ambiguous(e audit.Event, _ []string) *control.Fix {
	if e.Near == "" {
		return nil
	}
	var ports []string
	for _, of := range r.config.Endpoints {
		if of.App != "" && strings.Contains(e.Near, strconv.Quote(of.App)) {
			ports = append(ports, endpoint{Endpoint: of}.url()+" of app "+of.App)
		}
	}
	if len(ports) > 1 {
		return &control.Fix{Does: "have it ask at its own app's port, by AWS_EC2_METADATA_SERVICE_ENDPOINT: " + strings.Join(ports, ", ")}
	}
	return &control.Fix{Does: "add a key to the match of one that the other's programs do not have, or remove one: " + e.Near}
}

// from lets tokens of an app be presented from where the caller is.
func (r remedies) from(e audit.Event, _ []string) *control.Fix {
	app := cmp.Or(e.App, r.onlyTokenApp())
	at, err := netip.ParseAddr(e.From)
	if err != nil || app == "" || at.IsLoopback() {
		return nil
	}
	from := strconv.Quote(netip.PrefixFrom(at, at.BitLen()).String())
	for _, network := range r.config.Apps[app].From {
		from = strconv.Quote(network.String()) + ", " + from
	}
	return &control.Fix{Does: fmt.Sprintf("let tokens of no user come from there, vendord reload, and then: vendord token issue %s", app),
		TOML: fmt.Sprintf("[apps.%s]\nfrom = [%s]\n", app, from)}
}

// noToken is for a program that asks where tokens are wanted and that the kernel
// recognises elsewhere: the address is what is wrong with it.
func (r remedies) noToken(e audit.Event, parts []string) *control.Fix {
	for _, name := range slices.Sorted(maps.Keys(r.config.Apps)) {
		a := r.config.Apps[name]
		if m := a.Match; !a.Both && m.Known && !r.ofAnother(name, e) && e.UID != "" && (m.Unit == "" || m.Unit == e.Unit) && m.Container == e.Container {
			return &control.Fix{Does: fmt.Sprintf("if it is app %q, which the kernel recognises: have it ask %s", name, server.ProcessPath)}
		}
	}
	return r.token(e, parts)
}

// token issues one for the caller.
func (r remedies) token(e audit.Event, _ []string) *control.Fix {
	app := cmp.Or(e.App, r.onlyTokenApp())
	switch {
	case e.App == profiles.CLI && e.Profile != "":
		return &control.Fix{Does: "start it again, as the user that it runs as", Command: "vendord exec " + e.Profile + " -- COMMAND"}
	case e.App == profiles.CLI:
		return nil
	case r.ofAnother(app, e):
		return &control.Fix{Does: fmt.Sprintf("run it as user %s, whom [apps.%s] match is of", r.config.Apps[app].Match.User, app)}
	case app == "":
		return &control.Fix{Does: "issue a token for the app that it is: vendord token issue APP" + forUser(e)}
	}
	does := "issue a token, for the program to present"
	if strings.HasPrefix(e.Message, "token: of ") { // another's, or nobody's: as it is for a relay
		does = relayed(e) + does
	}
	return &control.Fix{Does: does, Command: "vendord token issue " + app + forUser(e)}
}

// id is token for who asks at a path with an id, or should.
func (r remedies) id(e audit.Event, parts []string) *control.Fix {
	fix := r.token(e, parts)
	if fix == nil {
		return nil
	}
	words := strings.NewReplacer("a token, for the program to present", "an id, for the path that the program asks for",
		"a token for the app", "an id for the app", "token issue APP", "token issue APP --path")
	fix.Does = words.Replace(fix.Does)
	if fix.Command != "" && e.App != profiles.CLI {
		fix.Command = "vendord token issue " + cmp.Or(e.App, r.onlyTokenApp()) + " --path" + forUser(e)
	}
	return fix
}

// ofAnother says that an app's rule has another user than the caller's, so that no
// token of it can be theirs.
func (r remedies) ofAnother(app string, e audit.Event) bool {
	m := r.config.Apps[app].Match
	return m.Known && e.UID != "" && e.UID.String() != strconv.FormatUint(uint64(m.UID), 10)
}

func forUser(e audit.Event) string {
	if e.User == "" {
		return ""
	}
	return " --user " + quoteWord(e.User)
}

// tokenFile is for a token that was spoilt on its way.
func (r remedies) tokenFile(e audit.Event, _ []string) *control.Fix {
	app := cmp.Or(e.App, r.onlyTokenApp(), "APP")
	return &control.Fix{Does: "have it written where the program reads it, and not copied: vendord token issue " + app + forUser(e) + " --file PATH"}
}

// otherPath is for a program that has a token and asks where none is wanted.
func (remedies) otherPath(audit.Event, []string) *control.Fix {
	return &control.Fix{Does: "take the token from the program, which the kernel recognises there",
		Command: "unset AWS_CONTAINER_AUTHORIZATION_TOKEN AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"}
}

// tokenBesideID is for a program that shows a token where its id is asked for.
func (remedies) tokenBesideID(audit.Event, []string) *control.Fix {
	return &control.Fix{Does: "take the token from the program, which has an id in its path",
		Command: "unset AWS_CONTAINER_AUTHORIZATION_TOKEN AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"}
}

// use changes the app to the profile that its program asked for by name.
func (r remedies) use(e audit.Event, parts []string) *control.Fix {
	app, listed := r.config.Apps[e.App]
	switch {
	case e.App == profiles.CLI || !listed:
		return nil
	case slices.Contains(app.Profiles, parts[1]):
		fix := &control.Fix{Does: "have the app use it", Command: "vendord use " + parts[1] + " --app " + e.App}
		if wider, _ := r.config.Wider(app.Profiles[0], parts[1]); wider {
			fix.Does, fix.Command = "have the app use it for an hour", fix.Command+" --for 1h"
		}
		return fix
	}
	if p, ok := r.config.Profiles[parts[1]]; !ok || p.Protected {
		return nil
	}
	var all []string
	for _, name := range append(slices.Clone(app.Profiles), parts[1]) {
		all = append(all, strconv.Quote(name))
	}
	return &control.Fix{Does: fmt.Sprintf("allow it, vendord reload, and then: vendord use %s --app %s", parts[1], e.App),
		TOML: fmt.Sprintf("[apps.%s]\nprofiles = [%s]\n", e.App, strings.Join(all, ", "))}
}

// first changes an app whose profile is gone to the first that it has.
func (r remedies) first(_ audit.Event, parts []string) *control.Fix {
	if len(r.config.Apps[parts[1]].Profiles) == 0 {
		return nil
	}
	return &control.Fix{Does: "have the app use the first of its list", Command: "vendord use --app " + parts[1] + " --back"}
}

func (remedies) exec(_ audit.Event, parts []string) *control.Fix {
	return &control.Fix{Does: "run a command with it", Command: "vendord exec " + parts[1] + " -- COMMAND"}
}

// raise doubles the bound of requests.
func (remedies) raise(_ audit.Event, parts []string) *control.Fix {
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return nil
	}
	return &control.Fix{Does: "if the program cannot keep what it is given, allow it more, and: vendord reload",
		TOML: fmt.Sprintf("[daemon]\nrequests_per_second = %d\n", 2*n)}
}

// onlyTokenApp is the app of tokens, if there is only one.
func (r remedies) onlyTokenApp() (only string) {
	for name, a := range r.config.Apps {
		if a.Match.Any() && !a.Both {
			continue
		}
		if only != "" {
			return ""
		}
		only = name
	}
	return only
}
