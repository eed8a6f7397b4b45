package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxTyped is more than anybody types or pastes.
const maxTyped = 64 << 10

// ask reads a line from the terminal without showing it. Where there is no
// terminal, hint says what to do instead.
func (p *program) ask(ctx context.Context, prompt, hint string) (string, error) {
	f, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", fail(hint, "stdin: not a terminal")
	}
	before, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", fail(hint, "stdin: %w", err)
	}
	fmt.Fprint(p.stderr, visible(prompt))
	typed := make(chan error, 1)
	var text []byte
	go func() {
		var err error
		text, err = term.ReadPassword(int(f.Fd()))
		typed <- err
	}()
	select {
	case err = <-typed:
	case <-ctx.Done(): // the reader is left behind, and the terminal as it was
		_ = term.Restore(int(f.Fd()), before)
		err = ctx.Err()
	}
	fmt.Fprintln(p.stderr)
	if err != nil {
		return "", fail(hint, "stdin: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
