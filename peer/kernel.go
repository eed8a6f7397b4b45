package peer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Kernel is what this machine's kernel tells of the clients of connections: their
// users, the control groups that their sockets were made in, the processes that
// hold them. Its methods may be called at the same time.
type Kernel struct {
	tcp     *TCP
	noUsers error // why users are not known, or nil
	cgroups interface {
		Path(id uint64) (string, error)
	}
	noGroups error // why control groups are not known, or nil
	noHolder error // why processes are not known, or nil
}

// Ability is something that a Kernel may be able to tell.
type Ability string

// The abilities, each of which is tried at the start.
const (
	Users     Ability = "users"
	Cgroup    Ability = "control groups"
	Processes Ability = "processes"
)

// OpenKernel finds out what this machine's kernel tells, by trying it. What it
// does not tell is off, for the reason that Off gives. It fails where something
// else went wrong, which can be another user's doing, who has used up all ports
// for example: that is no reason to do without.
func OpenKernel() (*Kernel, error) {
	k := &Kernel{}
	if k.tcp, k.noUsers = OpenTCP(); k.noUsers != nil {
		if !errors.Is(k.noUsers, errors.ErrUnsupported) {
			return nil, k.noUsers
		}
		k.noGroups, k.noHolder = k.noUsers, k.noUsers
		return k, nil
	}
	return k, nil
}

// Off returns why the kernel does not tell something, or nil where it does.
func (k *Kernel) Off(a Ability) error {
	switch a {
	case Users:
		return k.noUsers
	case Cgroup:
		return k.noGroups
	}
	return k.noHolder
}

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

	kernel *Kernel
	conn   net.Conn
}

// Client finds out who is at the other end of an accepted connection. It waits
// for nobody.
func (k *Kernel) Client(c net.Conn) *Client {
	client := &Client{kernel: k, conn: c}
	if at, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		client.Addr = plain(at.AddrPort()).Addr()
	}
	if client.Err = k.noUsers; client.Err == nil {
		client.Socket, client.Err = k.tcp.OfConn(c)
	}
	return client
}

// Cgroup returns the path of the control group that the client's socket was made
// in, which begins with a slash.
func (c *Client) Cgroup() (string, error) {
	if err := c.off(Cgroup); err != nil {
		return "", err
	}
	return c.kernel.cgroups.Path(c.Socket.Cgroup)
}

// Processes returns the processes that hold the client's socket, all that may be
// looked into.
func (c *Client) Processes() ([]Process, error) {
	if err := c.off(Processes); err != nil {
		return nil, err
	}
	return nil, errors.ErrUnsupported
}

// Process returns a process that holds the client's socket, for the record:
// nothing may be decided by it.
func (c *Client) Process() (Process, bool) { return Process{}, false }

// Still fails unless the client is the one that it was: its socket neither closed
// since, nor another with the same address.
func (c *Client) Still() error {
	if err := c.off(Users); err != nil {
		return err
	}
	return c.kernel.tcp.Still(c.conn, c.Socket)
}

// off returns why the kernel does not tell something of this client.
func (c *Client) off(a Ability) error {
	if c.Err != nil {
		return c.Err
	}
	if c.kernel == nil {
		return fmt.Errorf("%s: %w", a, errors.ErrUnsupported)
	}
	return c.kernel.Off(a)
}
