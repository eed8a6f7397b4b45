package login

import (
	"net"
	"net/url"
	"strings"

	"github.com/vendord/vendord/session"
)

// checkSignIn refuses what must not be asked, or shown to a browser.
func checkSignIn(s session.SignIn) error {
	switch {
	case !webAddress(s.StartURL):
		return misconfigured(s, "its sso_start_url "+quote(s.StartURL)+" is not an https address")
	case !session.IsRegion(s.Region):
		return misconfigured(s, "its sso_region "+quote(s.Region)+" is none")
	case s.Endpoint != "" && !webAddress(s.Endpoint):
		return misconfigured(s, "its sso_endpoint "+quote(s.Endpoint)+" is neither https nor on this machine")
	}
	return nil
}

// webAddress reports whether an address may be asked, printed, and handed to a
// browser: https, or http to loopback, for emulators. Nothing else ever is: a
// file:, javascript: or vendor's own scheme would start programs. It has no
// password, and no character that a terminal or a shell could take for more.
func webAddress(text string) bool {
	if len(text) > 8<<10 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'`\\<>^|", r) }) {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
