package peer

// Process is a process that holds a socket. One that ends gives its number away;
// number and start together are nobody else's, until the machine starts again.
type Process struct {
	PID int
	// Started is when it began, in clock ticks since the machine did.
	Started uint64
	// UID is its effective user, or root where its memory is nobody's to see.
	UID uint32
	// Exe is the path of its executable, as it is seen where the process lives:
	// it can have a mount namespace of its own, in which /usr/bin/aws is
	// anything. The file itself is Device and Inode.
	Exe           string
	Device, Inode uint64
}
