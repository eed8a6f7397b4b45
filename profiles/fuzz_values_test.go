package profiles_test

import (
	"cmp"
	"encoding/json"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/vendord/vendord/profiles"
)

// quoted is a text as TOML writes it. TOML has no character that is not
// Unicode.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || r == 0x7f:
			b.WriteString(`\u00` + string("0123456789abcdef"[r>>4]) + string("0123456789abcdef"[r&15]))
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// checkProblems checks that what people read of a broken file is a line each,
// that moves no cursor and is not much longer than the file.
func checkProblems(t *testing.T, err error, text string) {
	t.Helper()
	for _, p := range profiles.Problems(err) {
		for _, line := range []string{p.Error(), p.Hint} {
			if n := utf8.RuneCountInString(line); n > 3*len(text)+1500 || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("got a line of %d characters, %.700q", n, line)
			}
		}
	}
}

// FuzzProblems breaks the examples: whatever is wrong is said in lines that can
// be printed, the same each time.
func FuzzProblems(f *testing.F) {
	files, err := filepath.Glob("../examples/*.toml")
	more, _ := filepath.Glob("../examples/*/*.toml")
	if err != nil || len(files) == 0 {
		f.Fatalf("Glob: got %v, %v", files, err)
	}
	for _, name := range append(files, more...) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, text := range []string{
		"[profiles.\"\\u001b[2J\"]\n", "x = \x1b\n", "[daemon]\nregion = \"\\u0085\"\n", "[daemon]\nlisten = \"" + strings.Repeat("x", 5000) + "\"\n",
		"[profiles." + strings.Repeat("x", 5000) + "]\n", strings.Repeat("x", 5000) + " = 1\n", "[apps.\"a\nb\"]\n", "[sources.x]\ncommand = [\"\\n\"]\n",
		one("tags = { \"a\" = \"\\u2028\" }"), one("policy = '''{\"\u2028\": \"\u202e\"}'''"), one("extends = \"\\u001b\""),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := options(write(t, map[string]string{"vendord.toml": text}))
		c, err := profiles.Load(o)
		_, again := profiles.Load(o)
		if (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
			t.Errorf("Load: got %v, then %v", err, again)
		}
		if err != nil {
			checkProblems(t, err, text)
			return
		}
		for _, w := range c.Warnings {
			if strings.ContainsFunc(w.Error()+w.Hint, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("got the warning %q", w.Error())
			}
		}
	})
}

// FuzzAddresses writes anything where addresses and a region stand. What is
// taken leads to no network in plain text, and nowhere but where it says.
func FuzzAddresses(f *testing.F) {
	f.Add("127.0.0.1:9797", "http://127.0.0.1:4566", "eu-west-1")
	f.Add("[::1]:0", "https://sts.example", "us-gov-west-1")
	f.Add("[::ffff:127.0.0.1]:1", "http://[::1]:1/", "eusc-de-east-1")
	f.Add("127.0.0.1:+1", "http://127.1", "x.evil.example#")
	f.Add("127.0.0.1:http", "http://127.0.0.1@evil.example", "eu-west-1\n")
	f.Add("0127.0.0.1:1", "https://evil.example/?", "eu-west-1/")
	f.Add("[::1%lo]:1", "HTTP://LOCALHOST", "aws-global")
	f.Add("[127.0.0.1]:1", "http://[127.0.0.1]", "eu-west-1")
	f.Add("localhost:1", "http://[::1%25lo]", "")
	region := regexp.MustCompile(`^[a-z]+(-[a-z]+)+-[0-9]{1,2}$`)
	f.Fuzz(func(t *testing.T, listen, endpoint, name string) {
		if !utf8.ValidString(listen + endpoint + name) {
			return
		}
		text := strings.Replace(one(""), `region = "eu-west-1"`,
			"region = "+quoted(name)+"\nlisten = "+quoted(listen)+"\nsts_endpoint = "+quoted(endpoint), 1)
		c, err := profiles.Load(options(write(t, map[string]string{"vendord.toml": text})))
		if err != nil {
			checkProblems(t, err, text)
			return
		}
		host, port, err := net.SplitHostPort(c.Daemon.Listen)
		ip, notIP := netip.ParseAddr(host)
		if _, notPort := strconv.ParseUint(port, 10, 16); cmp.Or(err, notIP, notPort) != nil || !ip.Unmap().IsLoopback() || ip.Zone() != "" {
			t.Errorf("listen: took %q", c.Daemon.Listen)
		}
		u, err := url.Parse(c.Daemon.STSEndpoint)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery+u.Fragment+strings.Trim(u.Path, "/") != "" {
			t.Fatalf("sts_endpoint: took %q", c.Daemon.STSEndpoint)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || err != nil || !ip.Unmap().IsLoopback()) {
			t.Errorf("sts_endpoint: took %q", c.Daemon.STSEndpoint)
		}
		if !region.MatchString(c.Profiles["x"].Region) || len(name) > 64 {
			t.Errorf("region: took %q", name)
		}
	})
}

// stsName and stsTag are what STS takes (STS API reference, AssumeRole).
var (
	stsName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	stsTag  = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)
)

// FuzzNames renders names, tags and a source identity for any app and user:
// what comes out STS takes, and two users have one tag only if they are one.
func FuzzNames(f *testing.F) {
	f.Add("agent", "john", "jane")
	f.Add("agent", "a b", "a-b")
	f.Add("\x00", "\xff\xfe", "\xff")
	f.Add(strings.Repeat("é", 300), strings.Repeat("x", 300), strings.Repeat("x", 299))
	f.Add("", "", "-")
	f.Add("{{app}}", "{{user}}", "${aws:username}")
	c := load(f, one("session_name = \"{{user}}-{{app}}-{{host}}\"\nsource_identity = \"{{user}}\"\ntags = { user = \"{{user}}\", all = \"{{user}}/{{app}}/{{profile}}\" }"))
	f.Fuzz(func(t *testing.T, app, user, other string) {
		r, err := c.Render("x", profiles.Identity{App: app, User: user})
		if err != nil {
			return
		}
		if !stsName.MatchString(r.SessionName) || !stsName.MatchString(r.SourceIdentity) {
			t.Errorf("Render(%q, %q): got the names %q and %q", app, user, r.SessionName, r.SourceIdentity)
		}
		var tags [][2]string
		if err := json.Unmarshal([]byte(r.Tags), &tags); err != nil || len(tags) != 2 {
			t.Fatalf("Render(%q, %q): got the tags %s: %v", app, user, r.Tags, err)
		}
		for _, tag := range tags {
			if !stsTag.MatchString(tag[1]) {
				t.Errorf("Render(%q, %q): got the tag %q", app, user, tag)
			}
		}
		// Whoever may choose a name could choose one that ends in another's
		// digest, and 24 bits of it can be searched for; both are refused by
		// no rule, so only plain names are compared.
		second, err := c.Render("x", profiles.Identity{App: app, User: other})
		if err == nil && second.Tags == r.Tags && user != other && stsName.MatchString(user) && stsName.MatchString(other) {
			t.Errorf("Render: users %q and %q share the tags %s", user, other, r.Tags)
		}
		if again, err := c.Render("x", profiles.Identity{App: app, User: user}); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("Render(%q, %q): got %+v, then %+v, %v", app, user, r, again, err)
		}
	})
}

// FuzzARN writes anything as role_arn and as one of policy_arns. A slow and
// obvious reader, which takes the text apart at its colons, agrees.
func FuzzARN(f *testing.F) {
	f.Add("arn:aws:iam::123456789012:role/App", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	f.Add("arn:aws:iam::123456789012:role/a/b/App", "arn:aws:iam::123456789012:policy/x/y")
	f.Add("arn:aws:iam::123456789012:role//App", "arn:aws:iam::aws:policy/")
	f.Add("arn:aws:sts::123456789012:assumed-role/App/x", "arn:aws:iam::aws:policy/a b")
	f.Add("arn:aws:iam::123456789012:role/App\n", "arn:aws:iam::12345678901:policy/x")
	f.Add("arn:aws-:iam::123456789012:role/App", "arn:aws-cn:iam::aws:policy/x")
	f.Add("arn:aws:iam::１２３４５６７８９０１２:role/App", "arn:aws:iam::aws:policy/x\x00")
	f.Fuzz(func(t *testing.T, role, managed string) {
		if !utf8.ValidString(role + managed) {
			return
		}
		text := strings.Replace(one("policy_arns = ["+quoted(managed)+"]"), quoted("arn:aws:iam::123456789012:role/App"), quoted(role), 1)
		_, err := profiles.Load(options(write(t, map[string]string{"vendord.toml": text})))
		refused := map[string]bool{}
		for _, p := range profiles.Problems(err) {
			if strings.Contains(p.Problem, "is not the ARN of a") || strings.Contains(p.Problem, "placeholder") {
				refused[p.Key] = true
			}
		}
		for key, want := range map[string]bool{
			"profiles.x.role_arn":       isARN(role, "role", 64, false),
			"profiles.x.policy_arns[0]": isARN(managed, "policy", 128, true),
		} {
			placeholder := key == "profiles.x.role_arn" && strings.ContainsAny(role, "<>{}ABCDEFGHIJKLMNOPQRSTUVWXYZ")
			if refused[key] == want && !(want && (placeholder || strings.ContainsAny(managed, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))) {
				t.Errorf("%s: role %q, policy %q: got refused %t by %v", key, role, managed, refused[key], err)
			}
		}
	})
}

// isARN is the reader: IAM API reference, arnType and pathType.
func isARN(text, kind string, longest int, managed bool) bool {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || len(text) > 2048 || parts[0] != "arn" || parts[2] != "iam" || parts[3] != "" {
		return false
	}
	for i, word := range strings.Split(parts[1], "-") {
		if word == "" || i == 0 && word != "aws" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return false
		}
	}
	account := parts[4]
	if !(len(account) == 12 && strings.Trim(account, "0123456789") == "" || managed && account == "aws") {
		return false
	}
	rest, ok := strings.CutPrefix(parts[5], kind+"/")
	if !ok {
		return false
	}
	at := strings.LastIndex(rest, "/")
	path, name := "/"+rest[:at+1], rest[at+1:]
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-"
	if name == "" || len(name) > longest || strings.Trim(name, letters) != "" || len(path) > 512 {
		return false
	}
	for _, r := range path {
		if r <= ' ' || r > '~' || managed && !strings.ContainsRune(letters+"/", r) {
			return false
		}
	}
	return path == "/" || path != "//" && (!managed || !strings.Contains(path, "//"))
}
