package install

import (
	"encoding/xml"
	"fmt"
	"path"
	"strings"
)

// Where vendord is on a Mac. There is no /run there; /var/run is emptied at each
// start of the machine, and only root makes directories in it. So the control
// socket has a directory of its own beside the state's, which is made once.
const (
	LaunchdLabel  = "com.github.vendord"
	LaunchdUser   = "_vendord" // names of services' users begin with an underscore there
	LaunchdPlace  = "/var/db/vendord"
	LaunchdState  = LaunchdPlace + "/state"
	LaunchdSocket = LaunchdPlace + "/run/control.sock"
	LaunchdLog    = "/Library/Logs/vendord.log"
)

// Launchd returns the property list of a daemon of the machine, or of a user's
// agent (launchd.plist(5)).
//
// The daemon runs as a user that has nothing else: somebody has to make it first,
// since macOS has no users that come with a service. No socket is launchd's: a
// program gets those by a function of Apple's C library alone.
func (s Service) Launchd() ([]File, error) {
	if err := s.launchdCan(); err != nil {
		return nil, err
	}
	log, at := LaunchdLog, "/Library/LaunchDaemons"
	words := append(s.words(), "--state-dir", LaunchdState, "--socket", LaunchdSocket)
	if !s.System {
		log, at = path.Join(s.Home, "Library/Logs/vendord.log"), path.Join(s.Home, "Library/LaunchAgents")
		words = s.words()
	}
	var p plist
	p.key("Label", "string", LaunchdLabel)
	p.array("ProgramArguments", words)
	p.flag("RunAtLoad", true)
	p.note("Once more where it failed, not where it was told to stop.")
	p.open("KeepAlive")
	p.flag("SuccessfulExit", false)
	p.close()
	p.note("Seconds between two starts; 10 unless told otherwise, in which programs would get nothing.")
	p.key("ThrottleInterval", "integer", "1")
	p.note("Programs wait for its answers: it is not slowed down as background work is.")
	p.key("ProcessType", "string", "Interactive")
	p.note("Its time to answer what is in flight, in seconds.")
	p.key("ExitTimeOut", "integer", "30")
	p.note("077: what it writes is its own.")
	p.key("Umask", "integer", "63")
	p.note("No image of its memory on disk; a descriptor for each connection.")
	for _, limits := range []string{"SoftResourceLimits", "HardResourceLimits"} {
		p.open(limits)
		p.key("Core", "integer", "0")
		p.key("NumberOfFiles", "integer", "8192")
		p.close()
	}
	p.key("StandardErrorPath", "string", log)
	if s.System {
		p.key("UserName", "string", s.user(LaunchdUser))
		p.key("GroupName", "string", s.user(LaunchdUser))
	}
	return []File{{Path: path.Join(at, LaunchdLabel+".plist"), Mode: 0o644, Text: p.text()}}, nil
}

// launchdCan refuses what launchd, or macOS, has no way to do.
func (s Service) launchdCan() error {
	if err := s.check(); err != nil {
		return err
	}
	if err := errorsFirst(unicodeOnly("binary", s.Binary), unicodeOnly("configuration", "/"+s.Config)); err != nil {
		return err
	}
	if s.System {
		if err := s.account(LaunchdUser); err != nil {
			return err
		}
	} else if err := errorsFirst(absolute("home directory", s.Home), unicodeOnly("home directory", s.Home)); err != nil {
		return err
	}
	if s.Needs.Exe {
		return refused("rules by executable", "macOS shows a daemon's user no other user's processes", "recognise the program by its user, or by a token")
	}
	return errorsFirst(s.noLink("launchd"), s.noLowPort("launchd"), s.systemdOnly("launchd"))
}

// plist is a property list while it is written. Its names are ours, its values
// anybody's.
type plist struct {
	b     strings.Builder
	depth int
}

func (p *plist) line(format string, args ...any) {
	p.b.WriteString(strings.Repeat("\t", p.depth+1))
	fmt.Fprintf(&p.b, format+"\n", args...)
}

func (p *plist) note(text string) { p.line("<!-- %s -->", text) }

func (p *plist) key(name, kind, value string) {
	p.line("<key>%s</key>", name)
	p.line("<%s>%s</%s>", kind, escapeXML(value), kind)
}

func (p *plist) flag(name string, value bool) {
	p.line("<key>%s</key>", name)
	p.line("<%t/>", value)
}

func (p *plist) array(name string, values []string) {
	p.line("<key>%s</key>", name)
	p.line("<array>")
	for _, v := range values {
		p.line("\t<string>%s</string>", escapeXML(v))
	}
	p.line("</array>")
}

func (p *plist) open(name string) {
	p.line("<key>%s</key>", name)
	p.line("<dict>")
	p.depth++
}

func (p *plist) close() {
	p.depth--
	p.line("</dict>")
}

func (p *plist) text() string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ` + Marker + `; changes here are lost at the next one. -->
<plist version="1.0">
<dict>
` + p.b.String() + `</dict>
</plist>
`
}

// escapeXML writes text that has passed unicodeOnly.
func escapeXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
