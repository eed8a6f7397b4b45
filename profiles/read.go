package profiles

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vendord/vendord/trust"
)

// The largest files that are read. 10,000 profiles and apps with inline policies
// are 4.5 MB, and while a file is read it takes up to eighty times its size in
// memory. A session policy has 2,048 characters, and any white space.
const (
	maxMain   = 8 << 20 // vendord.toml
	maxPolicy = 1 << 20
)

// snapshot is what a file held when it was loaded.
type snapshot struct {
	path string
	most int // bytes that it may have
	sum  [sha256.Size]byte
}

// Changed reports whether a file that was read is another one on disk by now,
// or cannot be read any more. A file that was only touched has not changed.
func (c *Config) Changed() bool {
	for _, f := range c.files {
		text, err := readFile(f.path, f.most)
		if err != nil || sha256.Sum256(text) != f.sum {
			return true
		}
	}
	return false
}

// read returns the contents of a file that may be trusted, and remembers them
// for Changed. A problem is reported under the name of the file for
// vendord.toml itself (at is nil), else at the key that names it.
func (l *loader) read(file, name string, at path) ([]byte, bool) {
	if text, done := l.texts[file]; done {
		return text, text != nil
	}
	l.texts[file] = nil
	exists, ok := l.trusted(file, at)
	if !ok {
		return nil, false
	}
	most := maxPolicy
	if at == nil {
		most = maxMain
	}
	text, err := []byte(nil), error(fs.ErrNotExist)
	if exists {
		text, err = readFile(file, most)
	}
	if err != nil {
		p := Problem{File: name, Problem: reason(err)}
		if at != nil {
			p = l.problem(at, "a relative path begins in the folder of vendord.toml", "%s: %s", filepath.ToSlash(file), reason(err))
		} else if errors.Is(err, fs.ErrNotExist) {
			p.File = file
			p.Hint = "vendord init prints a first one, or name another file with --config or $VENDORD_CONFIG"
		}
		l.errors.add(p)
		return nil, false
	}
	l.texts[file] = text
	l.files = append(l.files, snapshot{path: file, most: most, sum: sha256.Sum256(text)})
	return text, true
}

// trusted checks a file and every directory above it, and reports where
// somebody else could change what vendord would hand out.
func (l *loader) trusted(file string, at path) (exists, ok bool) {
	exists, fault := trust.Check(file, l.options.UID)
	if fault == nil {
		return exists, true
	}
	p := Problem{File: fault.Path, Problem: fault.Problem, Hint: fault.Hint}
	if at != nil {
		p = l.problem(at, fault.Hint, "%v", fault)
	}
	l.errors.add(p)
	return exists, false
}

// readFile reads a regular file of at most most bytes, and never returns nil for
// its contents. A named pipe or a device would hang or never end.
func readFile(name string, most int) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Room for all of it: to grow into it would leave several times as much
	// behind.
	text := bytes.NewBuffer(make([]byte, 0, min(info.Size(), int64(most))+bytes.MinRead))
	if _, err := text.ReadFrom(io.LimitReader(f, int64(most)+1)); err != nil {
		return nil, err
	}
	if text.Len() > most {
		return nil, fmt.Errorf("larger than %d bytes", most)
	}
	return text.Bytes(), nil
}

// reason says why a file could not be used, without repeating its path.
func reason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "no such file"
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// name is the path that people are shown: short for files in vendord.toml's
// folder.
func (l *loader) name(file string) string {
	if inside, err := filepath.Rel(filepath.Dir(l.path), file); err == nil && filepath.IsLocal(inside) {
		return filepath.ToSlash(inside)
	}
	return file
}

// resolve makes a path of the file absolute: relative ones start at
// vendord.toml's folder, so that they mean the same to a service and to a
// person in another directory.
func (l *loader) resolve(at path, file string) (string, bool) {
	if file == "" {
		l.wrong(at, "", "no path")
		return "", false
	}
	if name, ok := strings.CutPrefix(file, "credential:"); ok {
		return l.credential(at, name)
	}
	if rest, ok := strings.CutPrefix(file, "~/"); ok {
		if l.options.Home == "" {
			l.wrong(at, "write the whole path", "~/ cannot be used: the daemon's user has no home directory")
			return "", false
		}
		return filepath.Join(l.options.Home, rest), true
	}
	if strings.HasPrefix(file, "~") {
		l.wrong(at, "write the whole path", "only ~/ is possible, not the home of another user")
		return "", false
	}
	if runtime.GOOS == "windows" {
		file = filepath.FromSlash(file)
	}
	if filepath.IsAbs(file) {
		return filepath.Clean(file), true
	}
	return filepath.Join(filepath.Dir(l.path), file), true
}
