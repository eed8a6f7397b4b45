package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/fakeaws"
)

// signInCanary is a machine on which people sign in, machines prove who they
// are, and sessions have parents. All that AWS is sent and answers is known.
type signInCanary struct {
	*canary
	fake  *fakeaws.Fake
	aws   string
	echo  atomic.Pointer[echo] // nil: AWS works
	asked atomic.Int64         // how often it was answered with an echo
	only  atomic.Value         // string: where alone it echoes; "" everywhere
	short atomic.Bool          // logins last two seconds
	first int                  // of the echoes that AWS uses
	wire  *safeBuffer          // what crossed the control socket
}

// echo is an AWS that refuses everything, and puts what it was sent into its
// message: another secret each time, as one of the forms.
type echo struct {
	status int
	code   string
	form   func(string) string
}

// echoes are what a message could be made of. Messages are cut short before they
// are shown, so a part at the beginning is what may be seen.
var echoes = []echo{
	{403, "AccessDenied", func(s string) string { return s }},
	{400, "ValidationError", func(s string) string { return "value '" + s + "' at 'token' failed" }},
	{400, "InvalidIdentityToken", func(s string) string { return "cannot read " + s[:min(len(s), 40)] + "..." }},
	{400, "IDPRejectedClaim", url.QueryEscape},
	{400, "MalformedPolicyDocument", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{400, "InvalidGrantException", func(s string) string { return "unknown grant ..." + s[max(0, len(s)-40):] }},
	{500, "InternalFailure", func(s string) string { return strings.ReplaceAll(s, "/", `\/`) }},
	{418, "Teapot", func(s string) string { return fmt.Sprintf("%x", s) }},
	{200, "", func(s string) string { return s }}, // a page, and no answer of AWS's
}

const (
	robotSerial = "arn:aws:iam::629470240201:mfa/robot"
	robotSeed   = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU" // not a person's: what is typed may be on the control socket
	secondSite  = "https://shared.awsapps.com/start"
	policyMark  = "ParrotInThePolicyOfOneCommand"
)

// signInSources need no person, each with a kind of secret; a profile and an app
// have the name of each.
var signInSources = map[string]string{
	"jwtfile":    "type = \"web-identity\"\ntoken_file = \"DIR/token.jwt\"",
	"jwtcommand": "type = \"web-identity\"\ntoken_command = [\"/bin/sh\", \"DIR/print-jwt.sh\"]",
	"samlfile":   "type = \"saml\"\nassertion_file = \"DIR/assertion\"\nprovider_arn = \"arn:aws:iam::123456789012:saml-provider/ADFS\"",
	"samlcommand": "type = \"saml\"\nassertion_command = [\"/bin/sh\", \"DIR/print-saml.sh\"]\n" +
		"provider_arn = \"arn:aws:iam::123456789012:saml-provider/ADFS\"",
	"machine": "type = \"imds\"",
	"pod":     "type = \"container\"",
	"robot":   keysOf("robot") + "\nmfa_serial = \"" + robotSerial + "\"\nmfa_command = [\"/bin/sh\", \"DIR/print-code.sh\"]",
	"hub":     "type = \"profile\"\nprofile = \"lesson\"",
}

func keysOf(user string) string {
	return "profile = \"" + user + "\"\nconfig_file = \"DIR/aws-config\"\ncredentials_file = \"DIR/aws-credentials\""
}

// signInState is a world of people, machines and chains.
func (c *signInCanary) state() (fakeaws.State, map[string]fakeaws.AccessKey) {
	keys := map[string]fakeaws.AccessKey{}
	s := signInWorld()
	home, lesson := &s.Accounts[0], &s.Accounts[2]
	devices := map[string]fakeaws.MFADevice{
		"anna":  {Serial: strings.Replace(robotSerial, "robot", "anna", 1), Seed: mfaSeed},
		"robot": {Serial: robotSerial, Seed: robotSeed},
	}
	for i, name := range []string{"anna", "robot"} {
		keys[name] = fakeaws.AccessKey{ID: fmt.Sprintf("AKIACANARYPERSON000%d", i), Secret: c.birds.hatch("the keys of " + name)}
		home.Users = append(home.Users, fakeaws.User{Name: name, Keys: []fakeaws.AccessKey{keys[name]},
			MFA:      []fakeaws.MFADevice{devices[name]},
			Policies: fakeaws.Documents{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`}})
	}
	home.Roles = append(home.Roles, fakeaws.Role{Name: "Any",
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`})
	lesson.Roles = append(lesson.Roles, fakeaws.Role{Name: "Next", Policies: fakeaws.Documents{
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`},
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/App"},"Action":"sts:AssumeRole"}]}`})
	jane := &s.IdentityCenters[0]
	for i := range echoes {
		name := fmt.Sprintf("Reader%d", i)
		jane.PermissionSets = append(jane.PermissionSets, fakeaws.PermissionSet{Name: name, Policies: jane.PermissionSets[0].Policies})
		jane.People[0].Assignments = append(jane.People[0].Assignments, fakeaws.Assignment{Account: home.ID, PermissionSet: name})
	}
	shared := *jane
	shared.StartURL = secondSite
	s.IdentityCenters = append(s.IdentityCenters, shared)
	return s, keys
}

func newSignInCanary(t *testing.T) *signInCanary {
	t.Helper()
	c := &signInCanary{canary: bareCanary(t), wire: &safeBuffer{}}
	state, keys := c.state()
	fake, err := fakeaws.New(fakeaws.Config{State: state, SignIn: fakeaws.ApproveSignIn})
	if err != nil {
		t.Fatal(err)
	}
	c.fake = fake
	containerToken := c.birds.hatch("the token of a container")
	serve := func(h http.Handler) string {
		s := httptest.NewServer(c.known(h))
		t.Cleanup(s.Close)
		return s.URL
	}
	c.aws = serve(fake)
	const app = "arn:aws:iam::123456789012:role/App"
	metadata, container := serve(fake.Metadata(app)), serve(fake.Container(app, containerToken))
	self := filepath.Join(c.dir, "bin")
	for _, name := range []string{"browser", "sdk"} {
		if err := os.Symlink("vendord", filepath.Join(self, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"aws-config": "[sso-session acme]\nsso_region = eu-west-1\nsso_start_url = " + portalURL + "\n[sso-session shared]\nsso_region = eu-west-1\nsso_start_url = " + secondSite + "\n" +
			"[profile shared]\nsso_session = shared\nsso_account_id = 629470240201\nsso_role_name = Reader\n[profile jane]\nsso_session = acme\nsso_account_id = 629470240201\nsso_role_name = Reader\n" + c.readers(),
		"aws-credentials": "[anna]\naws_access_key_id = " + keys["anna"].ID + "\naws_secret_access_key = " + keys["anna"].Secret +
			"\n[robot]\naws_access_key_id = " + keys["robot"].ID + "\naws_secret_access_key = " + keys["robot"].Secret + "\n",
		"print-jwt.sh":  c.child("jwt") + "cat " + c.dir + "/token.jwt\n",
		"print-saml.sh": c.child("saml") + "cat " + c.dir + "/assertion\n",
		"print-code.sh": c.child("code") + "cat " + c.dir + "/code\n",
		"browser.sh":    c.child("browser") + "exec " + self + "/browser \"$1\"\n",
		"exec.sh":       c.child("exec") + "AWS_ENDPOINT_URL=" + c.aws + " sdk whoami\n",
		"narrow.json":   `{"Version":"2012-10-17","Statement":[{"Sid":"` + c.birds.plant("a policy's text", policyMark) + `","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`,
		"bad.json":      `{"Version":"2012-10-17","Statement":[{"Sid":"` + policyMark + `","Effect":"Perhaps","Action":"s3:GetObject","Resource":"*"}]}`,
		"children/none": "",
		"vendord.toml":  c.config(),
	} {
		c.write(name, text)
	}
	c.proofs()
	c.environ = []string{"HOME=" + filepath.Join(c.dir, "home"), "PATH=" + self + ":/usr/bin:/bin", "TMPDIR=" + filepath.Join(c.dir, "tmp"),
		"GORACE=atexit_sleep_ms=0", "XDG_RUNTIME_DIR=" + filepath.Join(c.dir, "run"), "XDG_STATE_HOME=" + filepath.Join(c.dir, "state"),
		"DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(c.dir, "nowhere"), "AWS_REGION=eu-west-1",
		"BROWSER=/bin/sh " + filepath.Join(c.dir, "browser.sh") + " %s", "PAGE=" + filepath.Join(c.dir, "page"),
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + metadata}
	c.daemonEnv = []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + container + "/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN=" + containerToken}
	return c
}

// readers are profiles of the AWS CLI's, as many as there are echoes: each is a
// session of its own.
func (c *signInCanary) readers() (text string) {
	for i := range echoes {
		text += fmt.Sprintf("[profile jane%d]\nsso_session = acme\nsso_account_id = 629470240201\nsso_role_name = Reader%d\n", i, i)
	}
	return text
}

// child begins a script that writes down what everybody can see of it, and of
// who started it.
func (c *signInCanary) child(name string) string {
	return "for p in $$ $PPID; do tr '\\0' '\\n' </proc/$p/cmdline; done >>" + c.dir + "/children/" + name + ".cmdline\n" +
		"tr '\\0' '\\n' </proc/$$/environ >>" + c.dir + "/children/" + name + ".environ\n"
}

// proofs writes new ones.
func (c *signInCanary) proofs() {
	now := time.Now()
	const lesson = "arn:aws:iam::123456789012:saml-provider/ADFS"
	jwt := c.fake.Issuer("https://oidc.example.com").Sign(fakeaws.Claims{Subject: "repo:example/canary", Audience: []string{"sts.amazonaws.com"},
		Issued: now, Expires: now.Add(time.Hour)})
	saml := c.fake.IdentityProvider(lesson).Sign(fakeaws.Assertion{SessionName: "canary", Subject: "canary", Issued: now, Expires: now.Add(4 * time.Minute),
		Roles: [][2]string{{"arn:aws:iam::123456789012:role/Federated", lesson}}})
	c.write("token.jwt", c.birds.plant("a JWT", jwt))
	c.write("assertion", c.birds.plant("an assertion", saml))
	c.robotCode()
}

// robotCode writes the code that robot's command prints now.
func (c *signInCanary) robotCode() {
	c.write("code", c.birds.plantCode("a code that a command prints", totpOf(robotSeed, time.Now())))
}

func (c *signInCanary) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[daemon]\nregion = \"eu-west-1\"\nsts_endpoint = %q\nsso_endpoint = %[1]q\niam_endpoint = %[1]q\npreview = [\"scoped-credentials\"]\n", c.aws)
	source := func(name, text string) {
		fmt.Fprintf(&b, "[sources.%s]\n%s\n", name, strings.ReplaceAll(text, "DIR", c.dir))
	}
	profile := func(name, source, text string) {
		fmt.Fprintf(&b, "[profiles.%s]\nsource = %q\n%s\n[apps.app-%s]\nprofiles = [%q]\n", name, source, text, name, name)
	}
	role := func(name string) string { return "role_arn = \"arn:aws:iam::" + name + "\"" }
	const scope = "operation = \"source\"\nscope_policy = '''{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}]}'''"
	for name, text := range signInSources {
		source(name, text)
		switch name {
		case "robot":
			profile(name, name, role("629470240201:role/Any"))
		case "hub":
			profile(name, name, role("123456789012:role/Next"))
		case "machine", "pod":
			profile(name, name, scope)
		default:
			profile(name, name, role("123456789012:role/Federated"))
		}
	}
	source("anna", keysOf("anna")+"\nmfa_serial = \""+strings.Replace(robotSerial, "robot", "anna", 1)+"\"")
	source("locker", "type = \"keyring\"")
	source("jane", keysOf("jane"))
	source("shared", keysOf("shared")+"\nshare_with_aws_cli = true")
	profile("anna", "anna", role("629470240201:role/Any"))
	profile("locker", "locker", role("629470240201:role/Any"))
	profile("lesson", "machine", "operation = \"source\"")
	profile("managed", "machine", role("123456789012:role/Next")+"\npolicy_arns = [\"arn:aws:iam::123456789012:policy/PolicyName1\"]")
	profile("reader", "jane", scope)
	profile("shared", "shared", "operation = \"source\"")
	for i := range echoes {
		source(fmt.Sprintf("jane%d", i), keysOf(fmt.Sprintf("jane%d", i)))
		profile(fmt.Sprintf("reader%d", i), fmt.Sprintf("jane%d", i), "operation = \"source\"")
	}
	return b.String()
}

// What a secret is called on the wire, to AWS and back.
var (
	sentFields = map[string]string{"code": "an authorization code", "codeVerifier": "a PKCE verifier", "refreshToken": "a refresh token",
		"clientSecret": "a client secret", "deviceCode": "a device code", "accessToken": "an access token"}
	sentForm    = map[string]string{"WebIdentityToken": "a JWT", "SAMLAssertion": "an assertion", "TokenCode": "a code that AWS was sent"}
	sentHeaders = map[string]string{"X-Amz-Security-Token": "AWS's SessionToken", "X-Amz-Sso_bearer_token": "an access token",
		"X-Aws-Ec2-Metadata-Token": "a token of metadata", "Authorization": ""}
	answered = regexp.MustCompile(`"(?i:(accessToken|refreshToken|clientSecret|deviceCode|secretAccessKey|sessionToken|Token))" ?: ?"([^"]+)"`)
)

// known is a server of which every secret that it is sent or answers is a bird.
func (c *signInCanary) known(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		sent := c.learn(r, body)
		person := r.URL.Path == "/authorize" || strings.HasPrefix(r.URL.Path, "/_fake/")
		only, _ := c.only.Load().(string)
		if e := c.echo.Load(); e != nil && !person && strings.HasPrefix(r.URL.Path, only) {
			c.repeat(w, r, e, sent)
			return
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		text := answer.Body.String()
		if c.short.Load() {
			text = strings.Replace(text, `"expiresIn":3600`, `"expiresIn":2`, 1)
		}
		for _, found := range issuedSecret.FindAllStringSubmatch(text, -1) {
			c.birds.plant("AWS's "+found[1], found[2])
		}
		for _, found := range answered.FindAllStringSubmatch(text, -1) {
			c.birds.plant(fieldName(found[1]), found[2])
		}
		if r.Method == http.MethodPut && answer.Code == http.StatusOK {
			c.birds.plant("a token of metadata", text)
		}
		if to, err := url.Parse(answer.Header().Get("Location")); err == nil && to.Query().Get("code") != "" {
			c.birds.plant("an authorization code", to.Query().Get("code"))
		}
		answer.Header().Del("Content-Length")
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = io.WriteString(w, text)
	})
}

func fieldName(field string) string {
	for name, what := range sentFields {
		if strings.EqualFold(name, field) {
			return what
		}
	}
	return "AWS's " + strings.ToUpper(field[:1]) + field[1:]
}

// learn plants the secrets of a request, and returns them.
func (c *signInCanary) learn(r *http.Request, body []byte) (sent []string) {
	note := func(name, value string) {
		switch {
		case value == "":
			return
		case name == "a code that AWS was sent":
			c.birds.plantCode(name, value)
		case name != "":
			c.birds.plant(name, value)
		}
		sent = append(sent, value)
	}
	note("the state", r.URL.Query().Get("state"))
	for name, what := range sentHeaders {
		note(what, r.Header.Get(name))
	}
	var fields map[string]any
	if json.Unmarshal(body, &fields) == nil {
		for name, what := range sentFields {
			value, _ := fields[name].(string)
			note(what, value)
		}
	}
	if form, err := url.ParseQuery(string(body)); err == nil && fields == nil {
		for name, what := range sentForm {
			note(what, form.Get(name))
		}
	}
	slices.Sort(sent)
	return sent
}

// repeat answers with what was sent.
func (c *signInCanary) repeat(w http.ResponseWriter, r *http.Request, e *echo, sent []string) {
	if len(sent) == 0 {
		sent = []string{"nothing"}
	}
	text := e.form(sent[int(c.asked.Add(1))%len(sent)])
	quoted, _ := json.Marshal(text)
	kind := r.Header.Get("Content-Type") + r.Header.Get("Accept") + r.URL.Path
	switch {
	case e.code == "":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<html>%s</html>", text)
	case strings.Contains(kind, "x-www-form-urlencoded"):
		w.WriteHeader(e.status)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`,
			e.code, strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(text))
	default:
		w.Header().Set("X-Amzn-Errortype", e.code)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(e.status)
		fmt.Fprintf(w, `{"error":"invalid_request","error_description":%s,"message":%[1]s,"code":%[1]s}`, quoted)
	}
}

// try runs a command with something on stdin, and keeps what it prints; its
// arguments are not shown, as one may be a code.
func (c *signInCanary) try(stdin string, environ []string, args ...string) bool {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.vendord, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = append(slices.Clone(c.environ), environ...), c.dir, strings.NewReader(stdin)
	said, err := cmd.CombinedOutput()
	what := strings.Join(args[:min(2, len(args))], " ")
	fmt.Fprintf(c.said, "$ vendord %s: %v\n%s", what, err, said)
	if _, exit := errors.AsType[*exec.ExitError](err); err != nil && !exit || ctx.Err() != nil {
		c.t.Errorf("vendord %s: %v: %s", what, err, said)
	}
	return err == nil
}
