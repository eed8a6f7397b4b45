package peer

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Cgroups finds the paths of control groups by their ids, which are the inodes of
// their directories (Linux, cgroups(7), version 2). Its methods may be called at
// the same time; what was found once is found again without a lock.
//
// The kernel gives an id to one control group only, until the machine starts
// again, and version 2 cannot rename any: a path that is remembered stays true,
// also of one that is gone since, where a socket was made that lives on.
type Cgroups struct {
	root  string // where version 2 is mounted
	known atomic.Pointer[map[uint64]string]

	mu     sync.Mutex // one walk at a time; guards the rest
	walked time.Time  // when the last ended
}

const (
	// walkEvery bounds how often the tree is walked in vain. A user may have a
	// part of it, make a control group for each connection, and remove it at
	// once: that must not cost us a walk each.
	walkEvery = 100 * time.Millisecond
	// mostCgroups is how many directories are looked at, and remembered.
	mostCgroups = 20_000
)

var errNoCgroup = errors.New("no control group has this id, or it is gone")

// OpenCgroups finds where version 2 is mounted, and tries it on our own control
// group. It fails with errors.ErrUnsupported in its chain where there is none, or
// a container hides it.
func OpenCgroups() (*Cgroups, error) {
	root, err := cgroupMount()
	if err != nil {
		return nil, fmt.Errorf("control groups: %w", err)
	}
	c := &Cgroups{root: root}
	c.known.Store(&map[uint64]string{})
	return c, nil
}

// Path returns the path of the control group with an id, which begins with a slash.
func (c *Cgroups) Path(id uint64) (string, error) {
	if id == 0 {
		return "", fmt.Errorf("control group: %w", errors.ErrUnsupported)
	}
	if path, ok := (*c.known.Load())[id]; ok {
		return path, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if path, ok := (*c.known.Load())[id]; ok {
		return path, nil
	}
	if time.Since(c.walked) >= walkEvery {
		c.walkLocked()
	}
	if path, ok := (*c.known.Load())[id]; ok {
		return path, nil
	}
	return "", fmt.Errorf("control group %d: %w", id, errNoCgroup)
}

// walkLocked looks at every control group there is.
func (c *Cgroups) walkLocked() {
	found := maps.Clone(*c.known.Load()) // with those that are gone, and whose sockets live on
	if len(found) > mostCgroups/2 {
		clear(found)
	}
	_ = filepath.WalkDir(c.root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil: // gone meanwhile
			return nil
		case !entry.IsDir():
			return nil
		case len(found) >= mostCgroups:
			return fs.SkipAll
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			found[stat.Ino] = "/" + strings.TrimPrefix(strings.TrimPrefix(path, c.root), "/")
		}
		return nil
	})
	c.known.Store(&found)
	c.walked = time.Now()
}

// cgroupMount returns where version 2 of control groups is mounted, whole.
func cgroupMount() (string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if at, ok := parseCgroupMount(line); ok {
			return at, nil
		}
	}
	return "", fmt.Errorf("version 2 is not mounted: %w", errors.ErrUnsupported)
}

// parseCgroupMount reads a line of mountinfo (Linux, proc(5)).
func parseCgroupMount(line string) (at string, ok bool) {
	before, after, ok := strings.Cut(line, " - ")
	fields, kind := strings.Fields(before), strings.Fields(after)
	if !ok || len(fields) < 6 || len(kind) == 0 || kind[0] != "cgroup2" || fields[3] != "/" {
		return "", false
	}
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4]), true
}
