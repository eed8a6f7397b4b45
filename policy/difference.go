package policy

// Difference is what two unions of policies let through, A and B, such as the
// session policies of a session before and after a change. Its JSON form is
// stable: fields may be added, and none changes its meaning.
type Difference struct {
	// OnlyA is let through by A and not, or perhaps not, by B; OnlyB the
	// other way round. Both are in the order of the policies, at most a
	// thousand of each.
	OnlyA []Change `json:"only_a"`
	OnlyB []Change `json:"only_b"`
	// UnreadA and UnreadB are the names of policies whose text is not at
	// hand. What they let through is in no Change, and with one of them
	// none is certain that it could undo.
	UnreadA []string `json:"unread_a,omitempty"`
	UnreadB []string `json:"unread_b,omitempty"`
	// Incomplete says that the policies are too large to compare, or differ
	// in too much to list: there may be more than these Changes.
	Incomplete bool `json:"incomplete,omitempty"`
	// Same says that both certainly let the same through. Where it is false
	// with no Change at all, nobody can tell.
	Same bool `json:"same"`
}

// Change is a permission that one side has and the other certainly or perhaps
// has not.
type Change struct {
	Permission
	// Certain says that a request of the kind was found that one side lets
	// through and the other does not. Otherwise there may be one.
	Certain bool `json:"certain"`
	// Reason is one lower-case line without a final full stop.
	Reason string `json:"reason"`
	// AllowedBy is the statement that lets it through on the one side.
	AllowedBy Place `json:"allowed_by"`
	// DeniedBy is the Deny of the other side that makes the difference, if
	// it is one.
	DeniedBy *Place `json:"denied_by,omitempty"`
	// Example is that request, with no context keys but its own. It is nil
	// where Certain is false, and where the name of its action would have
	// to be invented.
	Example *Request `json:"example,omitempty"`
}

// Request is one request, as an example.
type Request struct {
	Action   string              `json:"action"`
	Resource string              `json:"resource"`
	Context  map[string][]string `json:"context,omitempty"`
}

// The reasons of a Change.
const (
	reasonNotAllowed = "the other side has no statement that lets it through"
	reasonPart       = "the other side lets only a part of it through"
	reasonDenied     = "the other side denies it"
	reasonPartly     = "the other side may let through a part of it, or all"
	reasonMayDeny    = "the other side may deny a part of it, or all"
	reasonUnread     = "the other side may let it through by a policy whose text is not at hand"
	reasonOwnUnread  = "a policy of this side whose text is not at hand may deny it"
)
