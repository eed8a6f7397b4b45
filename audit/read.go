package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/vendord/vendord/session"
)

// maxLine bounds a line that is read: ours have 4 KiB at most, and what is longer
// must not be held.
const maxLine = 64 << 10

// lookEvery is how often a record that is followed is looked at.
const lookEvery = 100 * time.Millisecond

// Reader reads a record: the older files first, and then the one that is written
// now. It takes as much memory for a record of any size. Nothing that it returns
// is to be trusted (see ParseLine).
type Reader struct {
	// Query says which lines are wanted.
	Query Query
	// Follow waits for more lines, in the files to come too, until the context
	// ends.
	Follow bool
	// Idle is called, by a reader that follows, when all there is has been read;
	// nil for nobody.
	Idle func() error

	// Read and Broken count the lines that were read, and those among them that
	// are none. Oldest is the time of the first that was; zero if there was none.
	Read, Broken uint64
	Oldest       time.Time
}

// Run calls each with every line that is wanted. Its error is each's, or a
// *session.Error that says which file cannot be read.
func (r *Reader) Run(ctx context.Context, path string, each func(*Line) error) error {
	files, err := openAll(path, nil)
	if err != nil {
		return err
	}
	defer func() { closeAll(files) }()
	if len(files) == 0 && !r.Follow {
		return unreadable(path, fs.ErrNotExist)
	}
	for {
		for i, file := range files {
			last := r.Follow && i == len(files)-1
			if err := r.file(ctx, path, file, last, each); err != nil {
				return err
			}
		}
		if !r.Follow || ctx.Err() != nil {
			return nil
		}
		next, err := r.more(ctx, path, files)
		if err != nil || len(next) == 0 {
			return err
		}
		closeAll(files)
		files = next
	}
}

// more waits for files behind the last one.
func (r *Reader) more(ctx context.Context, path string, files []*os.File) ([]*os.File, error) {
	var known []fs.FileInfo // and still open, so that no other file can be taken for one
	for _, file := range files {
		info, err := file.Stat()
		if err != nil {
			return nil, unreadable(path, err)
		}
		known = append(known, info)
	}
	for {
		next, err := openAll(path, known)
		if err != nil || len(next) > 0 {
			return next, err
		}
		if !pause(ctx) {
			return nil, nil
		}
	}
}

// pause waits, and reports whether to go on.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// openAll opens the record's files, the oldest first, but known ones and what is
// older. Where they were renamed meanwhile it does so again: a file could have
// been missed between its two names.
func openAll(path string, known []fs.FileInfo) ([]*os.File, error) {
	for try := 0; ; try++ {
		files, slots, err := openOnce(path, known)
		if err != nil || steady(path, slots) || try == 1000 {
			slices.Reverse(files)
			return files, err
		}
		closeAll(files)
		time.Sleep(time.Millisecond)
	}
}

// openOnce opens the files, the newest first, and says which number had which;
// nil for none. While they are being renamed one number is nobody's.
func openOnce(path string, known []fs.FileInfo) (files []*os.File, slots []fs.FileInfo, err error) {
	for missing := 0; missing < 2 && len(slots) < maxFiles; {
		name := nameOf(path, len(slots))
		file, err := openRegular(name)
		if errors.Is(err, fs.ErrNotExist) {
			slots = append(slots, nil)
			missing++
			continue
		}
		var info fs.FileInfo
		if err == nil {
			info, err = file.Stat()
		}
		if err != nil {
			closeAll(files)
			return nil, nil, unreadable(name, err)
		}
		slots, missing = append(slots, info), 0
		if slices.ContainsFunc(known, func(one fs.FileInfo) bool { return os.SameFile(one, info) }) {
			_ = file.Close()
			break
		}
		files = append(files, file)
	}
	return files, slots, nil
}

// steady reports whether each number still has the file that it had.
func steady(path string, slots []fs.FileInfo) bool {
	for n, info := range slots {
		now, err := os.Stat(nameOf(path, n))
		if (err == nil) != (info != nil) || err == nil && !os.SameFile(now, info) {
			return false
		}
	}
	return true
}

// nameOf is the file's name after it was renamed n times.
func nameOf(path string, n int) string {
	if n == 0 {
		return path
	}
	return fmt.Sprintf("%s.%d", path, n)
}

// maxFiles is how many files are looked for: more than can be kept.
const maxFiles = 1100

// openRegular opens a file, and no pipe, which would wait for its writer.
func openRegular(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is no regular file")
	}
	return os.Open(name)
}

func closeAll(files []*os.File) {
	for _, file := range files {
		_ = file.Close()
	}
}

func unreadable(path string, err error) error {
	why, hint := err, "is it the file that vendord writes? vendord status shows it"
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		why = e.Err // the path is said already
	}
	if errors.Is(err, fs.ErrPermission) {
		hint = "it is readable for the user that the daemon runs as: try it with sudo"
	}
	return &session.Error{Class: session.Configuration, Public: "record: " + path + ": cannot be read: " + why.Error(), Hint: hint, Err: err}
}

// file reads one file to its end; the last one of those that are followed until
// another file has its name.
func (r *Reader) file(ctx context.Context, path string, file *os.File, last bool, each func(*Line) error) error {
	if info, err := file.Stat(); err == nil && !last && info.ModTime().Before(r.Query.Since) {
		return nil // all of it is older
	}
	in := bufio.NewReaderSize(&tail{ctx: ctx, file: file, path: path, follow: last, idle: r.Idle}, maxLine)
	for {
		text, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
			r.Read++
			r.Broken++
		case len(text) > 0:
			if err := r.line(bytes.TrimSuffix(text, []byte{'\n'}), each); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if said, ok := errors.AsType[*session.Error](err); ok {
				return said
			}
			return unreadable(path, err)
		}
		if r.Read%1024 == 0 && ctx.Err() != nil {
			return nil
		}
	}
}

// line looks at one line.
func (r *Reader) line(text []byte, each func(*Line) error) error {
	r.Read++
	if !r.Oldest.IsZero() && !r.Query.maybe(text) {
		if !bytes.HasPrefix(text, beginning) || text[len(text)-1] != '}' {
			r.Broken++
		}
		return nil
	}
	l, err := ParseLine(text)
	if err != nil {
		r.Broken++
		return nil
	}
	if r.Oldest.IsZero() {
		r.Oldest = l.Time
	}
	if !r.Query.match(&l) {
		return nil
	}
	return each(&l)
}

// tail is a file that has no end while it is followed.
type tail struct {
	ctx    context.Context
	file   *os.File
	path   string
	follow bool
	idle   func() error
	moved  bool // another has the name: what is there now is all
}

// Read waits for more where there is none yet. The file is read once more after
// it was seen to be renamed: what was written before that is not lost.
func (t *tail) Read(p []byte) (int, error) {
	for {
		n, err := t.file.Read(p)
		if n > 0 || !errors.Is(err, io.EOF) || !t.follow || t.moved {
			return n, err
		}
		if t.idle != nil {
			if err := t.idle(); err != nil {
				return 0, err
			}
		}
		if !pause(t.ctx) {
			return 0, io.EOF
		}
		t.moved = t.isMoved()
	}
}

// isMoved reports whether the name is another file's, or whether ours was cut to
// less than was read, as logrotate's copytruncate does: that begins anew.
func (t *tail) isMoved() bool {
	ours, err := t.file.Stat()
	if err != nil {
		return true
	}
	if at, err := t.file.Seek(0, io.SeekCurrent); err == nil && ours.Size() < at {
		_, _ = t.file.Seek(0, io.SeekStart)
	}
	named, err := os.Stat(t.path)
	return err == nil && !os.SameFile(named, ours)
}
