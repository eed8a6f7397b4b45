package peer

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// tree finds the paths of control groups by their ids, which are the inodes of
// their directories (Linux, cgroups(7), version 2). Its methods may be called at
// the same time; what was found once is found again without a lock.
//
// The kernel gives an id to one control group only, until the machine starts
// again, and version 2 cannot rename any: a path that is remembered stays true,
// also of one that is gone since, where a socket was made that lives on.
type tree struct {
	root  string // where version 2 is mounted
	known atomic.Pointer[map[uint64]string]

	mu    sync.Mutex // one walk at a time; guards the rest
	began time.Time  // when the last walk did
	next  time.Time  // when the next may
}

const (
	// A user may have a part of the tree, make a control group for each
	// connection, and remove it at once: that must not cost us a walk each.
	// Between two walks is a pause, as long as the last one took four times, and
	// who asks for a group that is not known waits for its end.
	shortestPause, longestPause = 50 * time.Millisecond, time.Second

	// mostCgroups is how many are remembered, and looked at.
	mostCgroups = 50_000
	// mostBelow is how many of them can be below one that was given to a user,
	// who could make as many as there are otherwise, so that nobody else's are
	// found. mostPath does the same for their depth.
	mostBelow, mostPath = 2_000, 1_024
)

var errNoCgroup = errors.New("no control group has this id, or it is gone")

// openTree finds where version 2 is mounted. It fails with
// errors.ErrUnsupported in its chain where there is none, or a container hides it.
func openTree() (*tree, error) {
	root, err := cgroupMount()
	if err != nil {
		return nil, fmt.Errorf("control groups: %w", err)
	}
	c := &tree{root: root}
	c.known.Store(&map[uint64]string{})
	return c, nil
}

func openCgroups() (cgroups, error) { return openTree() }

// Path returns the path of the control group with an id, which begins with a
// slash. It waits a second at most for others who ask for what is not known, and
// then for one look at all there are.
func (c *tree) Path(id uint64) (string, error) {
	if id == 0 {
		return "", fmt.Errorf("control group: %w", errors.ErrUnsupported)
	}
	if path, ok := (*c.known.Load())[id]; ok {
		return path, nil
	}
	asked := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	// A walk that began after we were asked has seen all that was there then.
	if c.began.Before(asked) {
		time.Sleep(time.Until(c.next))
		c.walk()
	}
	if path, ok := (*c.known.Load())[id]; ok {
		return path, nil
	}
	return "", fmt.Errorf("control group %d: %w", id, errNoCgroup)
}

// walk looks at every control group there is, those nearest to the root first.
// Those that are gone are kept, for sockets that live on, until there are too many.
func (c *tree) walk() {
	c.began = time.Now()
	found := maps.Clone(*c.known.Load())
	if len(found) > mostCgroups/2 {
		clear(found)
	}
	var root unix.Stat_t
	if err := unix.Stat(c.root, &root); err == nil {
		found[root.Ino] = "/"
		c.below(root.Uid, found)
	}
	c.known.Store(&found)
	c.next = time.Now().Add(min(max(4*time.Since(c.began), shortestPause), longestPause))
}

// A branch is a control group whose children are to be looked at.
type branch struct {
	path  string
	quota *int // how many more are looked at, here and elsewhere in the same part
}

// below finds those below the root, whose owner is given: what another owns was
// given away, and comes last, since it can hold anything.
func (c *tree) below(owner uint32, found map[uint64]string) {
	all := mostCgroups
	own, given, d := []branch{{"", &all}}, []branch(nil), new(dir)
	for all > 0 && len(own)+len(given) > 0 {
		next := &own
		if len(own) == 0 {
			next = &given
		}
		in := (*next)[0]
		*next = (*next)[1:]
		c.children(d, in, func(child branch, stat *unix.Stat_t) {
			found[stat.Ino] = child.path
			if in.quota != &all { // which children counts down
				all--
			}
			switch {
			case stat.Nlink <= 2: // none below
			case next == &given:
				given = append(given, child)
			case stat.Uid != owner:
				quota := mostBelow
				given = append(given, branch{child.path, &quota})
			default:
				own = append(own, child)
			}
		})
	}
}

// children calls f for each child of a control group, as far as its quota goes.
// One that is gone meanwhile has none.
func (c *tree) children(d *dir, in branch, f func(branch, *unix.Stat_t)) {
	if *in.quota <= 0 {
		return
	}
	var stat unix.Stat_t
	_ = d.each(unix.AT_FDCWD, c.root+in.path, func(at int, name []byte, kind byte) bool {
		if kind != unix.DT_DIR || len(in.path)+1+len(name) > mostPath {
			return true
		}
		path := in.path + "/" + string(name)
		if unix.Fstatat(at, path[len(in.path)+1:], &stat, unix.AT_SYMLINK_NOFOLLOW) != nil {
			return true
		}
		f(branch{path, in.quota}, &stat)
		*in.quota--
		return *in.quota > 0
	})
}

// ownCgroup returns our own control group, as our namespace shows it.
func ownCgroup() (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	return parseOwnCgroup(string(text))
}

// parseOwnCgroup reads /proc/PID/cgroup (Linux, cgroups(7)): version 2 is the
// hierarchy with number 0.
func parseOwnCgroup(text string) (string, error) {
	for line := range strings.Lines(text) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSuffix(path, "\n"), nil
		}
	}
	return "", fmt.Errorf("no control group of version 2: %w", errors.ErrUnsupported)
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
	return "", fmt.Errorf("version 2 is not mounted whole: %w", errors.ErrUnsupported)
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
