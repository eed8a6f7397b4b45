package profiles

import (
	"maps"
	"net/netip"
	"slices"
)

// app checks one app.
func (l *loader) app(name string, t *appTable) {
	at := path{"apps", name}
	a := App{Name: name, Profiles: l.listed(at.to("profiles"), t), Select: t.Select}
	a.Match = l.match(at.to("match"), t)
	a.Both = l.both(at, t)
	a.From, a.Unidentified = l.strangers(at, t)
	a.MetadataV1 = l.metadataV1(at, t)
	l.config.Apps[name] = a
}

// listed returns the profiles of an app, each once.
func (l *loader) listed(at path, t *appTable) (once []string) {
	if !t.named("profiles") || (t.has("profiles") && len(t.Profiles) == 0) {
		l.wrong(at, `profiles = ["…"] names what it may have; the first is the one it starts with`, "no profiles")
		return nil
	}
	named := make(map[string]bool)
	for i, profile := range t.Profiles {
		if _, ok := l.file.Profiles[profile]; !ok && t.has("profiles") {
			l.unknown(at.item(i), "profile", profile, maps.Keys(l.file.Profiles))
		}
		if d := l.drafts[profile]; d != nil && d.Protected {
			l.wrong(at.item(i), "take it out, or write protected = false in profiles."+profile,
				"profile %q is protected: only vendord exec may have it", profile)
		}
		if named[profile] {
			l.doubt(at.item(i), "", "%q is named twice", profile)
			continue
		}
		named[profile] = true
		once = append(once, profile)
	}
	return once
}

// both reports whether a program needs a token and has to match as well.
func (l *loader) both(at path, t *appTable) bool {
	if !t.has("require") {
		return false
	}
	if t.Require != "both" {
		l.wrong(at.to("require"), `write "both", which asks for a token and for match, or remove it`, "no requirement %q", shortened(t.Require))
	} else if !t.named("match") {
		l.wrong(at.to("require"), `write match = { user = "…" }, or remove it`, `"both" is a token and match, and there is no match`)
	}
	return true
}

// metadataV1 reports whether its programs need no session token of the metadata
// service, which answers apps of match alone.
func (l *loader) metadataV1(at path, t *appTable) bool {
	if t.MetadataV1 && (!t.named("match") || t.named("require")) {
		l.wrong(at.to("imdsv1"), "remove it, or have the kernel alone recognise the app, by match", "the metadata service does not serve apps that need a token")
	}
	return t.MetadataV1
}

// strangers returns from where tokens may be presented by somebody whose user this
// machine does not know. Whoever has to match has a user.
func (l *loader) strangers(at path, t *appTable) ([]netip.Prefix, bool) {
	for _, key := range []string{"from", "unidentified"} {
		if t.named(key) && t.named("match") {
			l.wrong(at.to(key), "remove it, or match", "what has to match has a user, and this is for callers who have none here")
			return nil, false
		}
	}
	if t.has("from") && t.Unidentified {
		l.wrong(at.to("from"), "keep one of them", "unidentified = true is anywhere")
	}
	if t.has("from") && len(t.From) == 0 {
		l.wrong(at.to("from"), `write from = ["172.18.0.0/16"], or remove it`, "an empty list: nobody could present a token from there")
	}
	var from []netip.Prefix
	for i, text := range t.From {
		if text == "" && !t.has("from") {
			continue // it is no string, which was said
		}
		if p, ok := l.network(at.to("from").item(i), text); ok && t.has("from") {
			if slices.Contains(from, p) {
				l.doubt(at.to("from").item(i), "", "%q is named twice", text)
				continue
			}
			from = append(from, p)
		}
	}
	return from, t.Unidentified
}

// loopbacks are where callers have a user: a network that holds one of them would
// let in who hides it.
var loopbacks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// network checks a network that tokens may be presented from.
func (l *loader) network(at path, text string) (p netip.Prefix, ok bool) {
	const hint = `write a network such as "172.18.0.0/16"`
	p, err := netip.ParsePrefix(text)
	if a, notAddress := netip.ParseAddr(text); notAddress == nil && a.Zone() == "" {
		l.wrong(at, `write "`+netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()).String()+`" for this address alone`, "%q is an address, not a network", text)
		return p, false
	}
	switch {
	case err != nil:
		l.wrong(at, hint, "%q is not a network", shortened(text))
	case p.Addr().Is4In6():
		l.wrong(at, hint, "%s is a network of IPv4 addresses, written as IPv6", text)
	case p.Bits() == 0:
		l.wrong(at, "write unidentified = true, if that is meant", "%s is every address", text)
	case slices.ContainsFunc(loopbacks, p.Overlaps):
		l.wrong(at, "callers on this machine have a user, and need nothing here", "%s has loopback addresses", text)
	case p != p.Masked():
		l.wrong(at, `write "`+p.Masked().String()+`"`, "%s is an address in a network, not the network", text)
	default:
		return p, true
	}
	return p, false
}
