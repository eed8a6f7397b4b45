package install

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Facts is what an installed unit says of its own install, in a section that
// systemd passes over.
type Facts struct {
	Copied  bool   // the program was copied to where it is
	Program string // where that is: an administrator's drop-in may have another one run
	Config  string // the configuration that was named; empty: its mode's own place
	First   string // the SHA-256 of the first configuration, where an install wrote it
}

// factsOf are the lines that are added to the section.
func factsOf(plan Plan) string {
	var b strings.Builder
	if plan.Service.Copied {
		b.WriteString("Program=" + plan.Service.Binary + "\n")
	}
	if plan.Service.Config != "" {
		b.WriteString("Config=" + plan.Service.Config + "\n")
	}
	if plan.Wrote != "" {
		b.WriteString("# As the first configuration was written: one that is still so is nobody's work.\nFirst=" + plan.Wrote + "\n")
	}
	return b.String()
}

// Sum is what Facts.First and Plan.Wrote are.
func Sum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Facts returns what is known of the last install; nothing where there was none.
func (s Systemd) Facts() (f Facts) {
	if !s.ours(serviceUnit) {
		return f
	}
	text, _ := os.ReadFile(s.at(filepath.Join(s.Units, serviceUnit)))
	_, section, _ := strings.Cut(string(text), "\n[X-Vendord]\n")
	for line := range strings.Lines(section) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch name {
		case "Copied":
			f.Copied = value == "yes"
		case "Program":
			f.Program = value
		case "Config":
			f.Config = value
		case "First":
			f.First = value
		}
	}
	return f
}

// problems collects what is wrong, each thing once.
type problems struct{ all []error }

func (p *problems) add(err error) {
	if err == nil {
		return
	}
	for _, known := range p.all {
		if known.Error() == err.Error() {
			return
		}
	}
	p.all = append(p.all, err)
}

func (p *problems) joined() error { return errors.Join(p.all...) }
