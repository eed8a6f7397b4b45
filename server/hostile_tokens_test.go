package server_test

import (
	"strings"

	"github.com/vendord/vendord/apps"
)

// carrying is an honest request but for its Authorization.
func carrying(value string) string { return get1("Host: ADDR", "Authorization: "+value) }

// unknown is a token of the right shape and checksum that was never issued.
func unknown() string {
	secret, _ := apps.NewSecret()
	return secret
}

// hostileTokens are what stands where the token should. None is answered with
// anything that tells a near miss from a far one, beyond its shape.
var hostileTokens = []row{
	{"no token", get1("Host: ADDR"), stranger},
	{"an empty token", carrying(""), stranger},
	{"a wrong token", carrying("vnd_wrong"), stranger},
	{"a token that was never issued", carrying(unknown()), stranger},
	{"the prefix", carrying("vnd_"), stranger},
	{"the token without its prefix", carrying("0" + strings.Repeat("1", 48)), stranger},
	{"one character less", carrying("vnd_" + strings.Repeat("0", 48)), stranger},
	{"one character more", carrying("TOKENx"), stranger},
	{"a wrong checksum", carrying("vnd_" + strings.Repeat("0", 49)), stranger},
	{"Bearer alone", carrying("Bearer"), stranger},
	{"Bearer and a wrong token", carrying("Bearer vnd_wrong"), stranger},
	{"Bearer twice", carrying("Bearer Bearer TOKEN"), stranger},
	{"Bearer without a space", carrying("BearerTOKEN"), stranger},
	{"Bearer with a tab", carrying("Bearer\tTOKEN"), stranger},
	{"Bearer and two tokens", carrying("Bearer TOKEN TOKEN"), stranger},
	{"Basic", carrying("Basic TOKEN"), stranger},
	{"Basic, as curl sends it", carrying("Basic dXNlcjpwYXNz"), stranger},
	{"Digest", carrying(`Digest username="x", response="TOKEN"`), stranger},
	{"a scheme nobody knows", carrying("Vendord TOKEN"), stranger},
	{"a signature of AWS's", carrying("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261121/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=00"), stranger},
	{"the token in quotes", carrying(`"TOKEN"`), stranger},
	{"the token twice in one", carrying("TOKEN,TOKEN"), stranger},
	{"the token and a comma", carrying("TOKEN,"), stranger},
	{"the token with a space inside", carrying("vnd_ 00"), stranger},
	{"the token with a tab inside", carrying("vnd_\t00"), stranger},
	{"the token encoded", carrying("vnd%5F" + strings.Repeat("0", 49)), stranger},
	{"the token with letters that are not ASCII", carrying("vnd_é" + strings.Repeat("0", 48)), stranger},
	{"the token after a byte order mark", carrying("\ufeffTOKEN"), stranger},
	{"bytes that are no UTF-8", carrying("vnd_\xff\xfe"), stranger},
	{"an escape sequence of terminals", carrying("vnd_\u009b2J"), stranger},
	{"the token folded over two lines", get1("Host: ADDR", "Authorization: TOKEN", " x"), stranger},
	{"8 kB", carrying("vnd_" + strings.Repeat("0", 8<<10)), stranger},
	{"64 kB", carrying("vnd_" + strings.Repeat("0", 64<<10)), tooLarge},

	{"the token twice", with("Authorization: TOKEN"), twoTokens},
	{"a wrong token first", get1("Host: ADDR", "Authorization: vnd_wrong", "Authorization: TOKEN"), twoTokens},
	{"a wrong token second", with("authorization: vnd_wrong"), twoTokens},
	{"a second, empty token", with("AUTHORIZATION:"), twoTokens},

	{"the token in another header", get1("Host: ADDR", "X-Authorization: TOKEN"), stranger},
	{"the token for a proxy", get1("Host: ADDR", "Proxy-Authorization: TOKEN"), stranger},
	{"an underscore behind the name", get1("Host: ADDR", "Authorization_: TOKEN"), stranger},
	{"the token in EC2's header", get1("Host: ADDR", "X-Aws-Ec2-Metadata-Token: TOKEN"), stranger},
	{"the token in a cookie", get1("Host: ADDR", "Cookie: Authorization=TOKEN"), stranger},
	{"the token as the program's name", get1("Host: ADDR", "User-Agent: TOKEN"), stranger},
}
