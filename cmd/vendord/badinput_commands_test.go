package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/session"
)

// A commandKind is a key of vendord.toml that names a command, and what that
// command prints when all is well.
type commandKind struct {
	key, source, profile, action string
	good                         func(*inputStage) string
	unread                       string // what is said of output that is something else
	life                         time.Duration
}

func (s *inputStage) script(text string) { s.write("command.sh", text) }

// prints is a script that prints a text, whatever is in it.
func prints(text string) string { return "cat <<'.'\n" + text + "\n.\n" }

const theScript = ` = ["/bin/sh", "DIR/command.sh"]`

func commandKinds() []commandKind {
	return []commandKind{
		{"command", "type = \"process\"\ncommand" + theScript, "", "", func(*inputStage) string { return processKeys(secondKey) },
			"did not print the JSON of a credential_process", 0},
		{"token_command", "type = \"web-identity\"\ntoken_command" + theScript, `role_arn = "` + ciRole + `"`, "AssumeRoleWithWebIdentity",
			func(s *inputStage) string { return s.webToken(asUsual) }, "printed no web identity token, or half of one: a JWT has three parts", 0},
		{"assertion_command", "type = \"saml\"\nassertion_command" + theScript + "\nprovider_arn = \"" + samlProvider + "\"", `role_arn = "` + samlRole + `"`,
			"AssumeRoleWithSAML", func(s *inputStage) string { return s.assertion(asUsual) },
			"printed no SAML assertion, or half of one: it must be base64", 0},
		// The code is asked for when the session that all profiles share ends.
		{"mfa_command", theUser + "\nmfa_serial = \"" + mfaSerial + "\"\nmfa_duration = \"15m\"\nmfa_command" + theScript,
			"duration = \"15m\"\nrole_arn = \"" + badRole + "\"", "", func(s *inputStage) string { return totp(s.clock.Now()) },
			"did not print six digits", 15 * time.Minute},
	}
}

func processKeys(key fakeaws.AccessKey) string {
	return fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q}`, key.ID, key.Secret)
}

// badCommands are all the ways in which each command can fail. What it printed,
// to where ever, is never repeated: it may be half of what it should have printed.
func badCommands() (rows []badInput) {
	for _, k := range commandKinds() {
		rows = append(rows, k.hanging())
		good := func(s *inputStage) { s.script(prints(k.good(s))) }
		row := func(name, problem string, script func(secret string) string) {
			rows = append(rows, badInput{name: k.key + " " + name, source: k.source, profile: k.profile, action: k.action, life: k.life,
				class: session.Retry, says: `source "bad": its ` + k.key + " " + problem, hint: "run the command yourself",
				asleep: k.life != 0, setup: good, mend: good,
				spoil: func(s *inputStage) {
					s.script(script(s.birds.hatch("what "+k.key+" printed") + "/" + s.birds.hatch("and then")))
				}})
		}
		row("prints garbage", k.unread, func(string) string { return prints("Welcome! You have 2 messages.") })
		row("prints nothing", map[bool]string{true: "printed nothing", false: k.unread}[k.key != "command" && k.key != "mfa_command"], func(string) string { return "true\n" })
		row("prints a secret that is not what was asked for", k.unread, func(secret string) string { return prints("password: " + secret + "!") })
		row("prints secrets and fails", "failed (exit status 3, ", func(secret string) string {
			return prints(`{"Version":1,"SecretAccessKey":"`+secret) + "echo 'cannot use " + secret + "' >&2\nexit 3\n"
		})
		row("is killed", "failed (signal: killed, 0 bytes on standard error)", func(string) string { return "kill -KILL $$\n" })
		row("prints without end", "printed more than ", func(secret string) string {
			return "while :; do echo '" + secret + secret + secret + secret + "'; done\n"
		})
	}
	return append(rows, usedCode(commandKinds()[3]), goneCommand(), expiredOutput())
}

// hanging is a command that does not end for now. Nobody is kept waiting for it,
// and it is not begun once for each who asks; after 15 seconds it is killed, which
// mint's own tests show.
func (k commandKind) hanging() badInput {
	return badInput{name: k.key + " hangs", source: k.source, profile: k.profile, action: k.action, life: k.life, class: session.Retry, says: "still asking AWS",
		hangs: true, how: byLogin, setup: func(s *inputStage) { s.script(prints(k.good(s))) },
		spoil: func(s *inputStage) {
			s.clock.advance(time.Minute) // a code is good once
			s.script("echo begun >>" + s.dir + "/begun\necho '" + s.birds.hatch("what a hanging command printed") + "' >&2\n" +
				"until test -e " + s.dir + "/go; do sleep 0.05; done\n" + prints(k.good(s)))
		}, mend: func(s *inputStage) {
			if text, err := os.ReadFile(filepath.Join(s.dir, "begun")); string(text) != "begun\n" {
				s.Errorf("the command: begun %q, %v, want it begun once", text, err)
			}
			s.write("go", "")
		}}
}

// usedCode is a command that goes on printing the code that AWS has taken.
func usedCode(k commandKind) badInput {
	return badInput{name: "mfa_command prints a code again", source: k.source, profile: k.profile, life: k.life, class: session.Retry,
		says: `source "bad": its mfa_command still prints the code that was used last`, hint: "AWS takes a code once; the next one comes in", asleep: true,
		setup: func(s *inputStage) { s.script(prints(k.good(s))) }, spoil: func(*inputStage) {}, mend: func(s *inputStage) { s.script(prints(k.good(s))) }}
}

// goneCommand is there no more, as while what it belongs to is upgraded.
func goneCommand() badInput {
	tool := func(s *inputStage) {
		s.write("tool", "#!/bin/sh\n"+prints(processKeys(secondKey)))
		s.must(os.Chmod(filepath.Join(s.dir, "tool"), 0o700))
	}
	return badInput{name: "command is not there", source: "type = \"process\"\ncommand = [\"DIR/tool\"]", class: session.Configuration,
		says: `source "bad": its command "DIR/tool" is not there, or cannot be run`, hint: "give its absolute path", how: byReload,
		setup: tool, mend: tool, spoil: func(s *inputStage) { s.must(os.Remove(filepath.Join(s.dir, "tool"))) }}
}

// expiredOutput is what a tool prints that keeps what it once got.
func expiredOutput() badInput {
	k := commandKinds()[0]
	good := func(s *inputStage) { s.script(prints(k.good(s))) }
	return badInput{name: "command prints credentials that are over", source: k.source, class: session.Retry,
		says: `source "bad": its command printed credentials that have expired`, hint: "run the command yourself", setup: good, mend: good,
		spoil: func(s *inputStage) {
			s.script(prints(fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q,"SessionToken":"t","Expiration":"2020-01-01T00:00:00Z"}`,
				secondKey.ID, secondKey.Secret)))
		}}
}
