package install

// What is tested without a machine of each kind.
var (
	DetectAt   = detect
	EventLevel = eventLevel
)
