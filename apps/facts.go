package apps

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

// facts are what is found out of a caller for one decision, each when a rule
// needs it first, and once.
type facts struct {
	caller *Caller
	user   func(uid uint32) (name string, groups []string, err error)

	named   bool
	name    string
	groups  []string
	nameErr error

	grouped  bool
	path     string
	groupErr error

	looked    bool
	processes []peer.Process
	lookErr   error
}

// names returns the caller's name and groups.
func (f *facts) names() (string, []string, error) {
	if !f.named {
		f.named = true
		f.name, f.groups, f.nameErr = f.user(f.caller.UID)
		if f.nameErr != nil {
			f.nameErr = &session.Error{Class: session.Retry, Err: f.nameErr,
				Public: "caller: its name and groups are not known now", Hint: "ask again: the user database did not answer"}
		} else if f.name == "" || checkUser(f.name) != nil {
			f.name = number(f.caller.UID)
		}
	}
	return f.name, f.groups, f.nameErr
}

// number is the name of a user who has none.
func number(uid uint32) string { return fmt.Sprintf("#%d", uid) }

// cgroup returns the path of the caller's control group.
func (f *facts) cgroup() (string, error) {
	if !f.grouped {
		f.grouped = true
		f.path, f.groupErr = f.caller.Kernel.Cgroup()
	}
	return f.path, f.groupErr
}

// holders returns the processes that hold the caller's socket.
func (f *facts) holders() ([]peer.Process, error) {
	if !f.looked {
		f.looked = true
		f.processes, f.lookErr = f.caller.Kernel.Processes()
	}
	return f.processes, f.lookErr
}

// busy is the error of who asks the kernel too much, and nil for any other: what
// the kernel does not tell holds for nobody, however often it is asked.
func busy(err error) error {
	if !errors.Is(err, peer.ErrBusy) {
		return nil
	}
	return &session.Error{Class: session.Limited, Err: err, Public: "caller: too many of its connections have to be looked into",
		Hint: "use one SDK client: it keeps its connection; or try again in a second"}
}

// deleted ends the path of an executable that is not there any more (Linux,
// proc(5)).
const deleted = " (deleted)"

// runs says whether all processes that hold the caller's socket, as far as they
// can be seen, run the file that is at a path now. A path alone is nothing: each
// process can have a mount namespace in which /usr/bin/aws is anything.
func (f *facts) runs(path string) (bool, error) {
	processes, err := f.holders()
	if err != nil {
		return false, busy(err)
	}
	file, err := stat(path)
	if err != nil || len(processes) == 0 {
		return false, nil
	}
	for _, p := range processes {
		if p.UID != f.caller.UID || !file.is(p, path) {
			return false, nil
		}
	}
	return true, nil
}

// exe says which executable a caller runs instead of the one at a path.
func (f *facts) exe(path string) string {
	processes, err := f.holders()
	if err != nil {
		return "its processes are not known: " + quoted(err.Error())
	}
	if len(processes) == 0 {
		return "no process can be seen that holds its connection"
	}
	first := processes[0]
	for _, p := range processes {
		if p.UID != f.caller.UID {
			return fmt.Sprintf("a process of user #%d holds its connection too: %s", p.UID, quoted(p.Exe))
		}
		if p.Exe != first.Exe || p.Device != first.Device || p.Inode != first.Inode {
			return fmt.Sprintf("processes with different executables hold its connection: %s and %s", quoted(first.Exe), quoted(p.Exe))
		}
	}
	switch _, err := stat(path); {
	case strings.TrimSuffix(first.Exe, deleted) != path && first.Exe != path:
		return fmt.Sprintf("its executable is %s, not %q", quoted(first.Exe), path)
	case err != nil:
		return fmt.Sprintf("its executable %q cannot be found now", path)
	}
	return fmt.Sprintf("its executable %q was replaced since it started: restart it", path)
}

// replaced says whether a caller runs what was the file at a path when it started.
func (f *facts) replaced(path string) bool {
	processes, err := f.holders()
	if _, missing := stat(path); missing != nil {
		return false // to restart it does not help
	}
	for _, p := range processes {
		if p.UID != f.caller.UID || p.Exe != path && p.Exe != path+deleted {
			return false
		}
	}
	return err == nil && len(processes) > 0
}

// inGroup says what a caller's control group belongs to instead.
func (f *facts) inGroup(what, want string, of func(path string) string) string {
	path, err := f.cgroup()
	if err != nil {
		return "its control group is not known: " + quoted(err.Error())
	}
	if is := of(path); is != "" {
		return fmt.Sprintf("its %s is %s, not %q", what, quoted(is), want)
	}
	if id, within := peer.Container(path); what == "container" && id != "" {
		return fmt.Sprintf("its control group is named for container %q by unit %q, which the rule would have to name", id, within)
	}
	return fmt.Sprintf("its control group %s is of no %s, and not of %q", quoted(path), what, want)
}

// quoted is what a caller can have chosen, fit for the owner's terminal, in
// bounds.
func quoted(text string) string { return fmt.Sprintf("%.100q", text) }
