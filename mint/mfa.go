package mint

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/vendord/vendord/session"
)

// codeStep is how long a device shows one code (RFC 6238, as AWS has it).
const codeStep = 30 * time.Second

// maxCode is how much a command may print that prints a code.
const maxCode = 1 << 10

// usedCodes remembers the last code of each device that was sent to AWS. AWS
// takes none twice, and counts the attempts.
type usedCodes struct {
	mu   sync.Mutex // guards last
	last map[string]string
}

// claim reports whether a code was not the last one, and makes it so.
func (u *usedCodes) claim(serial, code string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last[serial] == code {
		return false
	}
	if u.last == nil {
		u.last = map[string]string{}
	}
	u.last[serial] = code
	return true
}

// addCode puts the device of r, if it has one, and a fresh code of it into an
// input. It is called last before AWS is: what fails earlier costs no code.
func (m *Minter) addCode(ctx context.Context, r session.Request, c *call, serial, code **string) error {
	if r.MFASerial == "" {
		return nil
	}
	got, err := m.mfaCode(ctx, r)
	if err != nil {
		return err
	}
	*serial, *code = &r.MFASerial, &got
	c.secrets, c.x.once = append(c.secrets, got), true
	return nil
}

// mfaCode gets a code of a device that was not used yet: of a command, or what a
// person has typed already. Nobody is waited for.
func (m *Minter) mfaCode(ctx context.Context, r session.Request) (string, error) {
	if r.MFACommand != "" {
		return m.printedCode(ctx, r)
	}
	fail := func(problem, hint string) error {
		return &session.Error{Class: session.Person, Public: subject(r.Source) + ": " + problem, Hint: hint}
	}
	if m.config.Code == nil {
		return "", fail("AWS wants an MFA code, and nobody can give one here", "set mfa_command, or use a running daemon and vendord login")
	}
	code, err := m.config.Code(ctx, r)
	if err != nil {
		return "", session.AsError(err)
	}
	if !session.IsMFACode(code) {
		return "", fail("the MFA code is not six digits", runLogin(r.Source.Name))
	}
	if !m.used.claim(r.MFASerial, code) {
		return "", fail("that MFA code has been used", "wait for the next one, then "+runLogin(r.Source.Name))
	}
	return code, nil
}

// printedCode runs the request's command.
func (m *Minter) printedCode(ctx context.Context, r session.Request) (string, error) {
	const key = "mfa_command"
	argv := session.Items(r.MFACommand)
	if err := m.checkCommand(subject(r.Source), key, argv); err != nil {
		return "", err
	}
	text, err := m.output(ctx, subject(r.Source), key, argv, maxCode)
	if err != nil {
		return "", err
	}
	code := strings.TrimSpace(string(text))
	if !session.IsMFACode(code) {
		return "", commandFailed(subject(r.Source), key, "did not print six digits")
	}
	if !m.used.claim(r.MFASerial, code) {
		next := codeStep - m.now().Sub(m.now().Truncate(codeStep))
		return "", &session.Error{Class: session.Retry, Public: subject(r.Source) + ": its mfa_command still prints the code that was used last",
			Hint: fmt.Sprintf("AWS takes a code once; the next one comes in %ds", int(next/time.Second)+1)}
	}
	return code, nil
}

// runLogin is the hint for whoever has to sign in, or type a code.
func runLogin(source string) string { return "run: vendord login " + source }
