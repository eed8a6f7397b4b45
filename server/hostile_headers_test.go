package server_test

import "strings"

// hostileHeaders are what browsers and proxies add, each with the right token
// and the right host, and headers too many or too large.
var hostileHeaders = []row{
	{"a page of another origin", with("Origin: http://evil.example"), badHeader},
	{"a page of our own origin", with("Origin: http://ADDR"), badHeader},
	{"a page of no origin", with("origin: null"), badHeader},
	{"an empty origin", with("Origin:"), badHeader},
	{"an origin twice", with("Origin: http://ADDR", "ORIGIN: http://evil.example"), badHeader},
	{"a link", with("Referer: http://evil.example/"), badHeader},
	{"a link from ourselves", with("Referer: http://ADDR/"), badHeader},
	{"an empty link", with("referer:"), badHeader},
	{"the address bar", with("Sec-Fetch-Site: none"), badHeader},
	{"a page of the same site", with("Sec-Fetch-Site: same-origin"), badHeader},
	{"a page of another site", with("sec-fetch-site: cross-site"), badHeader},
	{"an image at a link-local address", with("Accept-Language: en-US,en;q=0.9"), badHeader},
	{"a page's film at a link-local address", with("User-Agent: AppleCoreMedia/1.0.0", "Accept-Language: en", "Range: bytes=0-1"), badHeader},
	{"a page that empties its language", with("Accept-Language:"), badHeader},
	{"a browser that says what it is", with("User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0", "Accept-Language: en"), badHeader},
	{"a browser that says nothing of itself", with("User-Agent:", "Accept-Language: en"), badHeader},
	{"a browser that says two things of itself", with("User-Agent: program", "User-Agent: Mozilla/5.0", "Accept-Language: en"), badHeader},
	{"an image", with("Sec-Fetch-Dest: image"), badHeader},
	{"a fetch without CORS", with("Sec-Fetch-Mode: no-cors"), badHeader},
	{"a click", with("Sec-Fetch-User: ?1"), badHeader},
	{"a fetch for later", with("Sec-Purpose: prefetch"), badHeader},
	{"a browser's brand", with(`Sec-CH-UA: "Chromium";v="140"`), badHeader},
	{"a browser that asks for privacy", with("Sec-GPC: 1"), badHeader},
	{"a web socket", with("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"), badHeader},
	{"a web socket's key alone", with("Sec-WebSocket-Key: x"), badHeader},
	{"a web socket's version alone", with("Sec-WebSocket-Version: 13"), badHeader},
	{"a web socket's protocol alone", with("Sec-WebSocket-Protocol: TOKEN"), badHeader},
	{"a web socket's extension alone", with("Sec-WebSocket-Extensions: x"), badHeader},
	{"a proxy", with("X-Forwarded-For: 127.0.0.1"), badHeader},
	{"a proxy with nothing to say", with("X-Forwarded-For:"), badHeader},
	{"a proxy in capitals", with("X-FORWARDED-FOR: 127.0.0.1"), badHeader},
	{"a proxy's host", with("x-forwarded-host: ADDR"), badHeader},
	{"a proxy's scheme", with("X-Forwarded-Proto: http"), badHeader},
	{"a proxy's port", with("X-Forwarded-Port: PORT"), badHeader},
	{"a proxy's server", with("X-Forwarded-Server: x"), badHeader},
	{"a proxy's path", with("X-Forwarded-Prefix: /"), badHeader},
	{"a proxy in brief", with("X-Forwarded: for=127.0.0.1"), badHeader},
	{"a proxy by the standard", with("Forwarded: for=127.0.0.1"), badHeader},
	{"a proxy that says so", with("Via: 1.1 squid"), badHeader},
	{"a vendord for its source", with("Vendord-Source: 1"), fromSource},
	{"a proxy that says who asked", with("X-Real-IP: 127.0.0.1"), badHeader},

	{"another host, and a page", get1("Host: evil.example", "Origin: http://evil.example", "Authorization: TOKEN"), badHost},
	{"a page without a token", get1("Host: ADDR", "Origin: http://evil.example"), badHeader},

	{"a space before the colon", get1("Host: ADDR", "Authorization : TOKEN"), malformed},
	{"a space before the name", get1("Host: ADDR", " Authorization: TOKEN"), malformed},
	{"no colon", with("X"), malformed},
	{"no name", with(": x"), malformed},
	{"a name that is none", with("X(Y): z"), malformed},
	{"a name that is not ASCII", with("Ünsinn: z"), malformed},
	{"the first line folded", "GET /v1/credentials HTTP/1.1\n Host: ADDR\nHost: ADDR\nAuthorization: TOKEN\n\n", malformed},
	{"a CR alone between lines", get1("Host: ADDR␍Authorization: TOKEN"), malformed},
	{"a CR alone in a value", with("X: y␍Z: z"), malformed},
	{"a CR alone at the end of a value", with("X: y␍"), malformed},
	{"64 kB in one", with("X: " + strings.Repeat("x", 64<<10)), tooLarge},
	{"64 kB of a name", with(strings.Repeat("x", 64<<10) + ": x"), tooLarge},
	{"10,000", with(strings.Repeat("X: y\n", 10_000) + "Z: z"), tooLarge},
	{"10,000 of different names", with(strings.TrimSuffix(manyHeaders(10_000), "\n")), tooLarge},
}

// manyHeaders are n lines, each of another name.
func manyHeaders(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("X")
		for ; i > 0; i /= 10 {
			b.WriteByte(byte('0' + i%10))
		}
		b.WriteString(": y\n")
	}
	return b.String()
}

// controlBytes puts bytes that no request has into every part of one. They are
// net/http's to refuse; that it does is what the parts behind it rely on.
func controlBytes() (rows []row) {
	for _, b := range []struct{ name, value string }{
		{"NUL", "\x00"}, {"SOH", "\x01"}, {"VT", "\x0b"}, {"FF", "\x0c"}, {"ESC", "\x1b"}, {"DEL", "\x7f"}, {"CR", "␍"},
	} {
		for _, place := range []struct{ name, sent string }{
			{"the method", "G@ET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n"},
			{"the path", "GET /v1/@credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n"},
			{"the version", "GET /v1/credentials HTTP/1.@1\nHost: ADDR\nAuthorization: TOKEN\n\n"},
			{"the host", get1("Host: 127.0.@0.1", "Authorization: TOKEN")},
			{"the token", get1("Host: ADDR", "Authorization: vnd_@x")},
			{"a name", with("X@Y: z")},
			{"a value", with("User-Agent: x@y")},
			{"the blank line", with("@")},
		} {
			rows = append(rows, row{b.name + " in " + place.name, strings.ReplaceAll(place.sent, "@", b.value), malformed})
		}
	}
	return rows
}
