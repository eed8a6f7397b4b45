package server_test

import "strings"

// to is an honest request but for its target.
func to(target string) string {
	return "GET " + target + " HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n"
}

// hostilePaths are targets that mean something else to somebody: a router that
// cleans and redirects, a proxy, another service on this port. An SDK that is
// redirected takes its token along.
var hostilePaths = []row{
	{"no path", to("/"), badPath},
	{"less", to("/v1/credential"), badPath},
	{"more", to("/v1/credentialsx"), badPath},
	{"a version to come", to("/v2/credentials"), badPath},
	{"EC2 metadata", to("/latest/meta-data/iam/security-credentials/"), badPath},
	{"a health check", to("/healthz"), badPath},
	{"metrics", to("/metrics"), badPath},
	{"a debugger", to("/debug/pprof/heap"), badPath},
	{"what browsers ask for by themselves", to("/favicon.ico"), badPath},

	{"a slash at the end", to("/v1/credentials/"), badPath},
	{"a slash more", to("//v1/credentials"), badPath},
	{"a slash more inside", to("/v1//credentials"), badPath},
	{"another host after slashes", to("//evil.example/v1/credentials"), badPath},
	{"a dot", to("/v1/./credentials"), badPath},
	{"two dots", to("/v1/x/../credentials"), badPath},
	{"two dots in front", to("/../v1/credentials"), badPath},
	{"two dots at the end", to("/v1/credentials/upload/.."), badPath},
	{"dots encoded", to("/v1/%2e%2e/v1/credentials"), badPath},
	{"dots encoded in capitals", to("/v1/%2E/credentials"), badPath},
	{"capitals", to("/V1/Credentials"), badPath},
	{"an encoded slash", to("/v1%2Fcredentials"), badPath},
	{"an encoded slash in small letters", to("/v1%2fcredentials"), badPath},
	{"an encoded backslash", to("/v1%5ccredentials"), badPath},
	{"an encoded letter", to("/v1/%63redentials"), badPath},
	{"an encoded letter, twice", to("/v1/%2563redentials"), badPath},
	{"an encoded NUL", to("/v1/credentials%00"), badPath},
	{"an encoded question mark", to("/v1/credentials%3F"), badPath},
	{"an encoded line break", to("/v1/credentials%0d%0aX:y"), badPath},
	{"overlong UTF-8", to("/v1/%c0%af/credentials"), badPath},
	{"a backslash", to(`/v1\credentials`), badPath},
	{"a semicolon", to("/v1/credentials;x"), badPath},
	{"letters that are not ASCII", to("/v1/crédentials"), badPath},
	{"a slash that is not ASCII", to("/v1∕credentials"), badPath},
	{"bytes that are no UTF-8", to("/v1/credentials\xff"), badPath},
	{"a fragment, as the CRT sends it", to("/v1/credentials#x"), badPath},
	{"16 kB", to("/" + strings.Repeat("p", 16<<10)), badPath},
	{"64 kB", to("/" + strings.Repeat("p", 64<<10)), tooLarge},

	{"a query", to("/v1/credentials?id=1"), badQuery},
	{"an empty query", to("/v1/credentials?"), badQuery},
	{"a query elsewhere", to("/?/v1/credentials"), badQuery},
	{"the token in a query", to("/v1/credentials?token=TOKEN"), tokenThere},
	{"the token in the path", to("/v1/credentials/TOKEN"), tokenThere},
	{"the token in ECS's path", to("/v2/credentials/TOKEN"), tokenThere},
	{"the token in a fragment", to("/v1/credentials#TOKEN"), tokenThere},

	{"the app's other profile", to("/v1/credentials/readonly"), notYours},
	{"a profile that nobody has", to("/v1/credentials/nosuch"), notYours},
	{"a profile of the command's app", to("/v1/credentials/cli"), notYours},
	{"a profile in capitals", to("/v1/credentials/UPLOAD"), notYours},
	{"a profile and a slash", to("/v1/credentials/upload/"), badPath},
	{"a profile after two slashes", to("/v1/credentials//upload"), badPath},
	{"a profile with an encoded letter", to("/v1/credentials/uploa%64"), badPath},
	{"a profile with an encoded NUL", to("/v1/credentials/upload%00"), badPath},
	{"a profile with an encoded slash", to("/v1/credentials/upload%2Freadonly"), badPath},
	{"a profile that is dots", to("/v1/credentials/.."), badPath},
	{"a profile that begins with a dash", to("/v1/credentials/-upload"), badPath},
	{"a profile with a space", to("/v1/credentials/up+load"), badPath},
	{"a profile too long", to("/v1/credentials/" + strings.Repeat("p", 65)), badPath},

	{"a proxy's form", to("http://ADDR/v1/credentials"), badForm},
	{"a proxy's form for another", to("http://evil.example/v1/credentials"), badForm},
	{"a proxy's form for another, with TLS", to("https://evil.example/v1/credentials"), badForm},
	{"a proxy's form with a user", to("http://TOKEN@ADDR/v1/credentials"), tokenThere},
	{"a proxy's form without a host", to("http:///v1/credentials"), badForm},
	{"a file", to("file:///etc/passwd"), badForm},
	{"a star", to("*"), badForm},
	{"no slash", to("v1/credentials"), malformed},
	{"a name and a port", to("ADDR"), malformed},
	{"a backslash in front", to(`\v1\credentials`), malformed},
	{"no target", "GET HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", malformed},
	{"an empty target", "GET  HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", malformed},
	{"a space in the target", to("/v1/credentials x"), malformed},
	{"a tab in the target", to("/v1/credentials\tx"), malformed},
	{"an escape that is none", to("/v1/credentials/%zz"), malformed},
	{"half an escape", to("/v1/credentials%2"), malformed},
}
