package peer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
)

// Kernel is what this machine's kernel tells of the clients of connections: their
// users, the control groups that their sockets were made in, the processes that
// hold them. Its methods may be called at the same time.
type Kernel struct {
	tcp     *TCP
	cgroups cgroups
	holders holders
	off     map[Ability]error // why something is not told
}

// cgroups finds the path of a control group by its id.
type cgroups interface {
	Path(id uint64) (string, error)
}

// holders finds the processes that hold a socket of this machine.
type holders interface {
	// all returns all of them that may be looked into, and the number of
	// processes of the socket's user that may not. still fails if the socket is
	// no longer the one that it was.
	all(s Socket, still func() error) (found []Process, hidden int, err error)
	// one returns any, for the record.
	one(s Socket) (Process, bool)
	// others returns why the processes of other users than our own may not be
	// looked into, or nil.
	others() error
}

// Ability is something that a Kernel may be able to tell.
type Ability string

// The abilities, each of which is tried at the start.
const (
	Users     Ability = "users"
	Cgroup    Ability = "control groups"
	Processes Ability = "processes"
	Others    Ability = "processes of other users"
)

// OpenKernel finds out what this machine's kernel tells, by trying it. What it
// does not tell is off, for the reason that Off gives. It fails where something
// else went wrong, which can be another user's doing, who has used up all ports
// for example: that is no reason to do without.
func OpenKernel() (*Kernel, error) {
	k := &Kernel{off: map[Ability]error{}}
	var err error
	if k.tcp, err = OpenTCP(); err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
		k.off[Users], k.off[Cgroup], k.off[Processes], k.off[Others] = err, err, err, err
		return k, nil
	}
	if k.cgroups, err = openCgroups(); err != nil {
		k.off[Cgroup] = err
	}
	if k.holders, err = openHolders(); err != nil {
		k.off[Processes] = err
	}
	if err := k.test(); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// test tries on a connection of our own what is left.
func (k *Kernel) test() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("trying what the kernel tells: %w", err)
	}
	defer func() { _ = ln.Close() }()
	own, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return fmt.Errorf("trying what the kernel tells: %w", err)
	}
	defer func() { _ = own.Close() }()
	client := k.between(own.LocalAddr(), own.RemoteAddr())
	if client.Err != nil { // it was known a moment ago
		return fmt.Errorf("trying what the kernel tells: %w", client.Err)
	}
	if k.off[Cgroup] == nil {
		k.off[Cgroup] = client.testCgroup()
	}
	if k.off[Processes] == nil {
		k.off[Processes] = client.testProcesses()
	}
	if k.off[Others] = k.off[Processes]; k.off[Others] == nil {
		k.off[Others] = k.holders.others()
	}
	return nil
}

// testCgroup expects our own control group.
func (c *Client) testCgroup() error {
	own, err := ownCgroup()
	if err != nil {
		return fmt.Errorf("control groups: trying it: %w", err)
	}
	found, err := c.Cgroup()
	if err != nil {
		return fmt.Errorf("control groups: trying it: %w: %w", err, errors.ErrUnsupported)
	}
	if found != own {
		return fmt.Errorf("control groups: trying it: ours is said to be %s, and is %s: %w", found, own, errors.ErrUnsupported)
	}
	return nil
}

// testProcesses expects our own process.
func (c *Client) testProcesses() error {
	found, err := c.Processes()
	if err != nil {
		return fmt.Errorf("processes: trying it: %w: %w", err, errors.ErrUnsupported)
	}
	if !slices.ContainsFunc(found, func(p Process) bool { return p.PID == os.Getpid() }) {
		return fmt.Errorf("processes: trying it: ours is not among those found: %w", errors.ErrUnsupported)
	}
	return nil
}

// Off returns why the kernel does not tell something, or nil where it does.
func (k *Kernel) Off(a Ability) error { return k.off[a] }

// Close ends it. Clients are not known any more from then on.
func (k *Kernel) Close() error {
	if k.tcp == nil {
		return nil
	}
	return k.tcp.Close()
}

// Client is the program at the other end of a connection, as far as the kernel
// knows it. Its methods are for one goroutine at a time.
type Client struct {
	// Socket is its end of the connection, if there is no Err.
	Socket Socket
	// Err is why its user is not known; with errors.ErrUnsupported in its chain
	// it means that this system tells nobody's.
	Err error
	// Addr is where it connects from.
	Addr netip.Addr
	// Hidden is how many processes of the socket's user Processes could not look
	// into the last time: any of them can hold the socket as well.
	Hidden int

	kernel *Kernel
	client netip.AddrPort
	server netip.AddrPort
	cgroup string // its path, once it was found
}

// Client finds out who is at the other end of an accepted connection. It waits
// for nobody.
func (k *Kernel) Client(c net.Conn) *Client { return k.between(c.RemoteAddr(), c.LocalAddr()) }

// between finds out who is at the client's end of a connection.
func (k *Kernel) between(client, server net.Addr) *Client {
	c := &Client{kernel: k}
	c.client, c.server, c.Err = ends(client, server)
	c.Addr = c.client.Addr()
	if c.Err == nil {
		c.Err = k.off[Users]
	}
	if c.Err == nil {
		c.Socket, c.Err = k.tcp.Of(c.client, c.server)
	}
	return c
}

// Cgroup returns the path of the control group that the client's socket was made
// in, which begins with a slash. It can take as long as to look at all control
// groups there are, if it is a new one, once for a Client.
func (c *Client) Cgroup() (string, error) {
	if err := c.off(Cgroup); err != nil {
		return "", err
	}
	if c.cgroup != "" {
		return c.cgroup, nil
	}
	path, err := c.kernel.cgroups.Path(c.Socket.Cgroup)
	c.cgroup = path
	return path, err
}

// Processes returns the processes that hold the client's socket, at least one: all
// that may be looked into, and were found in bounded time. It takes milliseconds,
// and fails with ErrBusy in its chain where the socket's user has asked for too
// many of them.
//
// What is decided by the executable of a process holds against mistakes, and not
// against the user whose process it is: they can trace it, load a library into it,
// run it with a script of theirs, or hold the socket where it is not seen: in a
// process that cannot be dumped (Hidden), in a message that is under way, in a
// thread with open files of its own. Whoever has the socket passed on to a process
// of another user is seen, as far as that process is: see Process.UID.
func (c *Client) Processes() ([]Process, error) {
	if err := c.off(Processes); err != nil {
		return nil, err
	}
	var gone error
	found, hidden, err := c.kernel.holders.all(c.Socket, func() error { gone = c.Still(); return gone })
	c.Hidden = hidden
	switch {
	case gone != nil:
		return nil, gone
	case err != nil:
		return nil, fmt.Errorf("processes of %s: %w", c.client, err)
	}
	return found, nil
}

// Process returns a process that holds the client's socket, for the record:
// nothing may be decided by it. It can take milliseconds, and the caller has to
// bound how often.
func (c *Client) Process() (Process, bool) {
	if c.off(Processes) != nil {
		return recorded(c.client, c.server)
	}
	return c.kernel.holders.one(c.Socket)
}

// Still fails unless the client is the one that it was: its socket neither closed
// since, nor another with the same address.
func (c *Client) Still() error {
	if err := c.off(Users); err != nil {
		return err
	}
	return c.kernel.tcp.still(c.client, c.server, c.Socket)
}

// off returns why the kernel does not tell something of this client.
func (c *Client) off(a Ability) error {
	if c.Err != nil {
		return c.Err
	}
	if c.kernel == nil {
		return fmt.Errorf("%s: %w", a, errors.ErrUnsupported)
	}
	return c.kernel.off[a]
}
