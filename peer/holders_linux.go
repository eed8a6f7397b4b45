package peer

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// finder finds the processes that hold sockets, by a look at all open files of all
// processes: there is no other way. It is bounded in all directions, as whoever
// may connect can ask for it: one look at a time, for all who wait with sockets of
// one user; that user pays for the time it takes; and nobody's processes are looked at for
// longer than the rest can bear.
type finder struct {
	now     func() time.Time
	cost    func(func()) time.Duration
	foreign error         // why other users' processes may not be looked into
	turn    chan struct{} // held by the one that looks; guards seen
	seen    *seen

	record sync.Mutex // guards own
	own    *seen

	confirming sync.Mutex

	mu    sync.Mutex           // guards the rest
	wait  map[uint32]*look     // those that wait for their turn, by user
	spent map[uint32]time.Time // when what a user has used up is made good
	last  map[uint32]int       // who held a user's last socket: the first guess for the next
}

const (
	// lookFor is how long a look at the processes of the sockets' user may take,
	// which have to be seen to the end. SDKs wait for one second in all. Those of
	// others come then, for othersFor: with a million open files anybody could make
	// that as long as they like.
	lookFor, othersFor = 500 * time.Millisecond, 50 * time.Millisecond
	// longestTurn is how long to wait for the looks that others need.
	longestTurn = time.Second
	// A user may have us look for a share of the time, one part of so many, and
	// save up that of saved.
	share, saved = 5, 10 * time.Second
	// mostOpen is how many open files of one process are looked at: one of the
	// sockets' user that has more counts as hidden. With mostProcesses there are
	// too many to look through.
	mostOpen, mostProcesses = 1 << 16, 1 << 18
	// mostUsers is how many users' debts are remembered.
	mostUsers = 4_096
	// mostHolders is how many processes may share a socket.
	mostHolders = 32
	// recordFor is how long to look for what is only put on record.
	recordFor = 50 * time.Millisecond
	// tries is how often processes that fork and exec may change under our eyes.
	tries = 3
)

// look is one look, for sockets of one user.
type look struct {
	uid    uint32
	inodes map[uint32][]holding
	hidden int
	err    error
	done   chan struct{}
}

// holding is a process that had a socket, and as which open file.
type holding struct {
	pid int
	fd  string
}

func newFinder(now func() time.Time) *finder {
	return &finder{now: now, cost: processorTime, foreign: mayTrace(), turn: make(chan struct{}, 1), own: new(seen), seen: new(seen),
		wait: map[uint32]*look{}, spent: map[uint32]time.Time{}, last: map[uint32]int{}}
}

func openHolders() (holders, error) { return newFinder(time.Now), nil }

// mayTrace returns why we may not look into the processes of other users, or nil.
// It takes two capabilities (Linux, capabilities(7), proc(5)), one for the
// directory of open files and one for what they lead to.
func mayTrace() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("asking for our capabilities: %w: %w", err, errors.ErrUnsupported)
	}
	has := func(c int) bool { return data[0].Effective&(1<<c) != 0 }
	if !has(unix.CAP_SYS_PTRACE) || !has(unix.CAP_DAC_READ_SEARCH) && !has(unix.CAP_DAC_OVERRIDE) {
		return fmt.Errorf("it takes the capabilities CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: %w", errors.ErrUnsupported)
	}
	return nil
}

// all finds a socket's holders, looks at each, asks whether the socket is the same
// still, and looks at each again. Between the looks at a process its executable
// cannot have changed; its number is nobody else's, since its directory is held.
// The kernel gives inodes of 32 bits, so that after 4,294,967,296 of them another
// socket can have the same: its holders are then found as well, and disagree.
func (f *finder) all(s Socket, still func() error) (found []Process, hidden int, err error) {
	if err := f.may(s.UID); err != nil {
		return nil, 0, err
	}
	for range tries {
		if err := still(); err != nil { // a client that closes at once costs no look
			return nil, hidden, err
		}
		var held []holding
		if held, hidden, err = f.find(s); err != nil {
			return nil, hidden, err
		}
		if len(held) > mostHolders {
			return nil, hidden, errCrowd
		}
		if found, err = f.confirm(held, s, still); err == nil {
			f.remember(s.UID, found)
			return found, hidden, nil
		}
	}
	if err := still(); err != nil {
		return nil, hidden, err
	}
	return nil, hidden, errChanging
}

// may returns why the processes of a user may not be looked into.
func (f *finder) may(uid uint32) error {
	if f.foreign != nil && int(uid) != os.Geteuid() {
		return f.foreign
	}
	return nil
}

func (f *finder) others() error { return f.foreign }

// confirm returns the processes, if nothing about them changes meanwhile. It is done
// for one socket at a time: each process that is held is an open file of ours, and
// who shares a socket with many, on many connections, would use all of them up.
func (f *finder) confirm(held []holding, s Socket, still func() error) (found []Process, err error) {
	f.confirming.Lock()
	defer f.confirming.Unlock()
	f.charge(s.UID, f.cost(func() { found, err = unchanged(held, s.Inode, still) }))
	return found, err
}

func unchanged(held []holding, inode uint32, still func() error) (found []Process, err error) {
	handles := make([]handle, 0, len(held))
	defer func() {
		for _, h := range handles {
			h.close()
		}
	}()
	for _, at := range held {
		h, err := take(at.pid, at.fd, inode)
		if err != nil {
			return nil, err
		}
		handles = append(handles, h)
	}
	if err := still(); err != nil {
		return nil, err
	}
	for _, h := range handles {
		if err := h.again(inode); err != nil {
			return nil, err
		}
		found = append(found, h.Process)
	}
	return found, nil
}

// find takes part in the next look for sockets of this user: one that has begun
// may have passed by a process before it got this socket.
func (f *finder) find(s Socket) (held []holding, hidden int, err error) {
	f.mu.Lock()
	if f.overspentLocked(s.UID) {
		f.mu.Unlock()
		return nil, 0, ErrBusy
	}
	l, joined := f.wait[s.UID]
	if !joined {
		l = &look{uid: s.UID, inodes: map[uint32][]holding{}, done: make(chan struct{})}
		f.wait[s.UID] = l
	}
	if _, ok := l.inodes[s.Inode]; !ok {
		l.inodes[s.Inode] = nil
	}
	f.mu.Unlock()
	if joined {
		<-l.done
	} else {
		f.run(l)
	}
	if held = l.inodes[s.Inode]; l.err == nil && len(held) == 0 {
		return nil, l.hidden, errNobodySeen
	}
	return held, l.hidden, l.err
}

// run waits for a turn, and looks for all who have joined by then.
func (f *finder) run(l *look) {
	defer close(l.done)
	late := time.NewTimer(longestTurn)
	defer late.Stop()
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-late.C:
		l.err = ErrBusy
	}
	f.mu.Lock()
	delete(f.wait, l.uid)
	f.mu.Unlock()
	if l.err != nil {
		return
	}
	f.charge(l.uid, f.cost(func() { l.err = f.seen.look(l) }))
}

// overspentLocked reports whether a user has to wait.
func (f *finder) overspentLocked(uid uint32) bool { return f.spent[uid].Sub(f.now()) > saved }

// charge makes a user pay for a look.
func (f *finder) charge(uid uint32, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if len(f.spent) >= mostUsers {
		maps.DeleteFunc(f.spent, func(_ uint32, until time.Time) bool { return until.Before(now) })
	}
	if len(f.spent) >= mostUsers { // one person's, in a user namespace
		clear(f.spent)
	}
	until := f.spent[uid]
	if until.Before(now) {
		until = now
	}
	f.spent[uid] = until.Add(share * took)
}

// processorTime is how long f takes of a processor: that others keep them busy is
// not the doing of who asks.
func processorTime(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var began, ended unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &began) // no error with this clock
	f()
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ended)
	return time.Duration(ended.Nano() - began.Nano())
}

// one returns a process of the socket's user that holds it: the one that held the
// user's last socket, or the first that is found, newest first. It is no way round
// what a user may have us do.
func (f *finder) one(s Socket) (p Process, found bool) {
	f.record.Lock()
	defer f.record.Unlock()
	f.mu.Lock()
	guess, overspent := f.last[s.UID], f.overspentLocked(s.UID)
	f.mu.Unlock()
	if overspent || f.may(s.UID) != nil {
		return Process{}, false
	}
	f.charge(s.UID, f.cost(func() { p, found = f.own.one(s, guess) }))
	if !found {
		return Process{}, false
	}
	f.remember(s.UID, []Process{p})
	return p, true
}

// remember keeps which process of a user's holds their last socket. After a look for
// all that do, the one for the record is found at once; what else it would take is as
// much again where a user has thousands.
func (f *finder) remember(uid uint32, holders []Process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range holders {
		if p.UID == uid {
			if len(f.last) >= mostUsers {
				clear(f.last)
			}
			f.last[uid] = p.PID
			return
		}
	}
}
