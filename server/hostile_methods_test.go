package server_test

import "strings"

// by is an honest request but for its method.
func by(method string, lines ...string) string {
	return method + " /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n" + strings.Join(append(lines, "\n"), "\n")
}

// hostileMethods are all that is not GET: what could change something at
// another service, and the questions that browsers ask before a page may.
var hostileMethods = []row{
	{"HEAD", by("HEAD"), badMethod},
	{"POST", by("POST"), badMethod},
	{"PUT", by("PUT", "Content-Length: 0"), badMethod},
	{"PUT for a metadata token", "PUT /latest/api/token HTTP/1.1\nHost: ADDR\nContent-Length: 0\n\n", badMethod},
	{"DELETE", by("DELETE"), badMethod},
	{"PATCH", by("PATCH"), badMethod},
	{"TRACE", by("TRACE"), badMethod},
	{"PROPFIND", by("PROPFIND", "Depth: 1"), badMethod},
	{"OPTIONS", by("OPTIONS"), badMethod},
	{"a browser that asks first", by("OPTIONS", "Origin: http://evil.example", "Access-Control-Request-Method: GET",
		"Access-Control-Request-Headers: authorization", "Access-Control-Request-Private-Network: true"), badMethod},
	{"OPTIONS of everything", "OPTIONS * HTTP/1.1\nHost: ADDR\n\n", badMethod},
	{"CONNECT", "CONNECT ADDR HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", badMethod},
	{"CONNECT to another", "CONNECT evil.example:443 HTTP/1.1\nHost: evil.example:443\n\n", badMethod},
	{"CONNECT to a path", by("CONNECT"), badMethod},
	{"a small get", by("get"), badMethod},
	{"a mixed Get", by("Get"), badMethod},
	{"GET and more", by("GETX"), badMethod},
	{"a method nobody knows", by("VENDORD"), badMethod},
	{"the token as a method", by("TOKEN"), badMethod},
	{"8 kB of method", by(strings.Repeat("X", 8<<10)), badMethod},
	{"another method by header", by("POST", "X-HTTP-Method-Override: GET"), badMethod},
	{"no method", " /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n", malformed},
	{"a method with a bracket", by("GE(T"), malformed},
	{"a method that is not ASCII", by("GÉT"), malformed},
	{"a method in quotes", by(`"GET"`), malformed},
}

// hostileBodies are requests with a body, or with a doubt about where it ends.
// Whoever disagrees with somebody in front about that can put a second request
// into the first; so the connection ends with each.
var hostileBodies = []row{
	{"a small one", with("Content-Length: 4") + "body", badBody},
	{"one that does not come", with("Content-Length: 4"), badBody},
	{"a gigabyte announced", with("Content-Length: 1073741824"), badBody},
	{"the most that can be announced", with("Content-Length: 9223372036854775807"), badBody},
	{"more than can be announced", with("Content-Length: 9223372036854775808"), malformed},
	{"one after another method", by("POST", "Content-Length: 4") + "body", badMethod},
	{"a gigabyte after another method", by("POST", "Content-Length: 1073741824"), badMethod},
	{"one in chunks", with("Transfer-Encoding: chunked") + "4\nbody\n0\n\n", badBody},
	{"an empty one in chunks", with("Transfer-Encoding: chunked") + "0\n\n", badBody},
	{"chunks that do not come", with("Transfer-Encoding: chunked"), badBody},
	{"chunks and a trailer", with("Transfer-Encoding: chunked", "Trailer: X") + "0\nX: y\n\n", badBody},
	{"the token in a trailer", get1("Host: ADDR", "Transfer-Encoding: chunked", "Trailer: X-Authorization") + "0\nX-Authorization: TOKEN\n\n", badBody},
	{"the token announced for a trailer", get1("Host: ADDR", "Transfer-Encoding: chunked", "Trailer: Authorization") + "0\nAuthorization: TOKEN\n\n", badBody},
	{"a chunk with an extension", with("Transfer-Encoding: chunked") + "4;x=y\nbody\n0\n\n", badBody},
	{"a chunk larger than there is", with("Transfer-Encoding: chunked") + "FFFFFFFFFFFFFFFFF\n", badBody},
	{"chunks in capitals", with("Transfer-Encoding: CHUNKED") + "0\n\n", badBody},
	{"one that asks first", with("Content-Length: 4", "Expect: 100-continue"), badBody},
	{"chunks that ask first", with("Transfer-Encoding: chunked", "Expect: 100-continue"), badBody},
	{"an expectation nobody knows", with("Expect: x"), expectation},

	{"a request in a body", with("Content-Length: 3") + "xxx" + plain + plain, badBody},
	{"a request behind a length that lies", with("Content-Length: 6", "Transfer-Encoding: chunked") + "0\n\n" + plain, badBody},
	{"a request behind chunks that lie", with("Transfer-Encoding: chunked", "Content-Length: 4") + "0\n\n" + plain, badBody},
	{"a length that is negative", with("Content-Length: -1"), malformed},
	{"a length with a sign", with("Content-Length: +4") + "body", malformed},
	{"a length in hex", with("Content-Length: 0x4") + "body", malformed},
	{"a length that is no number", with("Content-Length: four"), malformed},
	{"an empty length", with("Content-Length:"), malformed},
	{"two lengths", with("Content-Length: 0", "Content-Length: 40"), malformed},
	{"two lengths in one", with("Content-Length: 0, 40"), malformed},
	{"an encoding nobody knows", with("Transfer-Encoding: gzip, chunked"), noEncoding},
	{"an encoding nearly known", with("Transfer-Encoding: xchunked"), noEncoding},
	{"an encoding that is none", with("Transfer-Encoding: identity"), noEncoding},
	{"an empty encoding", with("Transfer-Encoding:"), noEncoding},
	{"chunks twice", with("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\n\n", noEncoding},
	{"chunks twice in one", with("Transfer-Encoding: chunked, chunked") + "0\n\n", noEncoding},
	{"a space before the encoding's colon", with("Transfer-Encoding : chunked") + "0\n\n", malformed},
}
