// Package trust answers one question: could somebody else than root and one
// user replace what is at a path? Whoever can decides what is read from it,
// what is written to it, or who answers at it: vendord.toml and what it names,
// the state directory, the audit log and the control socket.
//
// Check and Placed walk a path component by component, through symbolic links.
// File and Own judge one thing that the caller has opened or looked at. All of
// them return a Fault, which says what to mend, or nil.
//
// The rule: everything on the way belongs to root or to that user, and nobody
// else may write to it. Excepted are sticky directories such as /tmp, where
// others cannot touch what is not theirs; the owner's private group; and
// sockets, to which writing is connecting. Access control lists need no look of
// their own: where there is one, the group's bits are its mask.
//
// Since everything on the way is in trusted hands, nobody else can exchange it
// between a check and the use of what was checked.
//
// Windows says who may write a file in access control lists, which this package
// does not read: there it finds no fault. The folders that vendord uses by
// itself are below %USERPROFILE%, which only its user and administrators may
// write.
package trust

// Fault says why something cannot be trusted. It is an error without its hint.
type Fault struct {
	// Path is the file, link or directory at fault: what was asked about, or
	// something on the way to it.
	Path string
	// Problem is one lower-case line.
	Problem string
	// Hint says what to do, and may be empty.
	Hint string
}

// Error returns "path: problem".
func (f *Fault) Error() string { return f.Path + ": " + f.Problem }

// HintOr returns the hint and what else can be done, such as to use another
// path.
func (f *Fault) HintOr(other string) string {
	if f.Hint == "" {
		return other
	}
	return f.Hint + ", or " + other
}
