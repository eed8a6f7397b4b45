//go:build browser

package browser

import (
	"fmt"
	"slices"
	"strings"
)

// attack is one of the page's attacks: the function of that name in
// attacks.js.
type attack struct {
	name string
	// control answers it with this kind.
	kind string
	// tokens has it show tokens: the right one, a wrong one, none.
	tokens bool
	// blind: the page sees nothing whatever the server does. What is shown is
	// that the request is refused.
	blind bool
	// stopped: Chromium may refuse it by itself, whatever the server does.
	stopped bool
	// host is another name for the loopback address; "" for 127.0.0.1.
	host string
}

var attacks = []attack{
	{name: "fetch cors", kind: "text"},
	{name: "fetch no-cors", kind: "cut"},
	{name: "fetch credentials", kind: "text"},
	{name: "fetch no-cors credentials", kind: "cut"},
	{name: "fetch keepalive", kind: "text"},
	{name: "fetch redirect error", kind: "text"},
	{name: "fetch redirect manual", kind: "text"},
	{name: "fetch HEAD", kind: "text"},
	{name: "fetch PUT", kind: "text"},
	{name: "fetch PUT session", kind: "text"},
	{name: "fetch PUT session no-cors", kind: "text", stopped: true}, // no page may
	{name: "fetch POST", kind: "cut"},
	{name: "fetch no-cors language", kind: "cut"},
	{name: "fetch address space", kind: "text"},
	{name: "fetch custom header", kind: "text"},
	{name: "fetch token", kind: "text", tokens: true},
	{name: "fetch token credentials", kind: "text", tokens: true},
	{name: "fetch token no-cors", kind: "cut", tokens: true},
	{name: "fetch after redirect", kind: "text"},
	{name: "fetch no-cors after redirect", kind: "cut"},
	{name: "XMLHttpRequest", kind: "text"},
	{name: "XMLHttpRequest credentials", kind: "text"},
	{name: "XMLHttpRequest PUT session", kind: "text"},
	{name: "XMLHttpRequest token", kind: "text", tokens: true},
	{name: "EventSource", kind: "events"},
	{name: "EventSource credentials", kind: "events"},
	{name: "WebSocket", kind: "socket"},
	{name: "sendBeacon", kind: "cut"},
	{name: "image", kind: "image"},
	{name: "image crossorigin", kind: "image"},
	{name: "image after redirect", kind: "image"},
	{name: "script", kind: "script"},
	{name: "script module", kind: "script"},
	{name: "import", kind: "script"},
	{name: "stylesheet", kind: "style"},
	{name: "css url", kind: "image"},
	{name: "video", kind: "sound"},
	{name: "object", kind: "page"},
	{name: "embed", kind: "page"},
	{name: "iframe", kind: "page"},
	{name: "sandboxed iframe", kind: "text"},
	{name: "form GET", kind: "page"},
	{name: "form POST text/plain", kind: "page"},
	{name: "prefetch", kind: "text"},
	{name: "preload fetch", kind: "text"},
	{name: "preload image", kind: "image"},
	{name: "speculation rules", kind: "page", blind: true, stopped: true}, // of the same site only
	{name: "worker importScripts", kind: "script"},
	{name: "service worker script", kind: "script", stopped: true}, // of its own origin only
	{name: "service worker fetch", kind: "text", stopped: true},    // where the page may have one
	{name: "window.open", kind: "page"},
	{name: "window.open password", kind: "page", tokens: true},
	{name: "navigation", kind: "page"},
	{name: "ping", kind: "text", blind: true},
	{name: "timing", kind: "slow"},
}

// few is a sample of the attacks, for scenes that differ little from another.
var few = some("fetch cors", "fetch no-cors", "fetch token", "XMLHttpRequest token", "EventSource", "WebSocket", "image", "script",
	"stylesheet", "iframe", "form GET", "worker importScripts", "speculation rules", "service worker fetch", "window.open")

// sessions is few, and all that a page can do for a token of EC2's metadata service.
var sessions = append(some("fetch no-cors language", "fetch PUT", "fetch PUT session", "fetch PUT session no-cors", "XMLHttpRequest PUT session", "fetch custom header", "fetch POST",
	"form POST text/plain", "sendBeacon", "fetch after redirect", "navigation"), few...)

func some(names ...string) []attack {
	return slices.DeleteFunc(slices.Clone(attacks), func(a attack) bool { return !slices.Contains(names, a.name) })
}

// names are other ways to write the loopback address, or to point at it.
var names = []string{
	"localhost", "localhost.", "LOCALHOST", "evil.localhost", "localhost.evil.example", "127.0.0.1.nip.example", "pointed.example",
	"127.1", "2130706433", "0x7f000001", "017700000001", "127.0.0.1.", "0.0.0.0", "0", "[::1]", "[::ffff:127.0.0.1]", "[::]",
}

// unsure are those by which nothing may arrive: nobody listens on ::1, and
// browsers have begun to refuse the null address.
var unsure = []string{"0.0.0.0", "0", "[::1]", "[::ffff:127.0.0.1]", "[::]"}

// byName returns two attacks for each name.
func byName() (all []attack) {
	for _, name := range names {
		stopped := slices.Contains(unsure, name)
		all = append(all,
			attack{name: "fetch cors", kind: "text", host: name, stopped: stopped},
			attack{name: "fetch no-cors", kind: "cut", host: name, stopped: stopped})
	}
	return all
}

func (a attack) title() string {
	if a.host == "" {
		return a.name
	}
	return a.name + " by " + a.host
}

// probes are the addresses, and tokens, between which the page must see no
// difference.
func (a attack) probes(origin, right string, at endpoint) (probes []probe) {
	if !a.tokens {
		for _, path := range append([]string{at.bare, at.current, at.other, at.absent}, at.more...) {
			if (a.name == "embed" || a.name == "object") && path == "/favicon.ico" {
				continue // by its ending Chromium takes it for an image, whatever is answered
			}
			probes = append(probes, probe{Label: path, URL: origin + path})
		}
		return probes
	}
	wrong := right[:len(right)-4] + strings.Map(func(r rune) rune { return 'A' + (r+1)%26 }, right[len(right)-4:])
	for _, path := range []string{at.bare, at.current, at.other, at.absent} {
		probes = append(probes, probe{path + " right token", origin + path, right, at.header}, probe{path + " wrong token", origin + path, wrong, at.header})
	}
	return probes
}

// tolerance is the difference, in milliseconds, up to which two times are the
// same on a machine that does other things as well: this, or half of the
// quickest. Control is slower by 20.
const tolerance = 12

// learned says what a page learned from what it saw, or "" for nothing. A page
// of another origin may read nothing at all. One of the same origin, by a name
// that is not vendord's, may read the refusal, and only that.
func learned(r report, probes []probe, sameOrigin bool, secrets []string) string {
	for i, saw := range r.Saw {
		for _, s := range append([]string{canary}, secrets...) {
			if strings.Contains(saw, s) {
				return "read a secret at " + probes[i].Label
			}
		}
		if !sameOrigin && (strings.Contains(saw, "Refused") || strings.Contains(saw, "hint:")) {
			return "read the answer of " + probes[i].Label
		}
		if saw != r.Saw[0] {
			return fmt.Sprintf("tells %s from %s", probes[i].Label, probes[0].Label)
		}
	}
	if len(r.Quartiles) == 0 {
		return ""
	}
	quick, slow := slices.Min(r.Quartiles), slices.Max(r.Quartiles)
	if slow-quick > max(tolerance, quick/2) {
		return fmt.Sprintf("by time, tells %s from %s: %.1f and %.1f ms",
			probes[slices.Index(r.Quartiles, slow)].Label, probes[slices.Index(r.Quartiles, quick)].Label, slow, quick)
	}
	return ""
}
