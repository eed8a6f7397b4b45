package peer

// CanTell reports whether this operating system tells something at all, as far
// as it is known before it was tried: user and group of a rule need Users; unit,
// user_unit, cgroup and container need Cgroup; exe needs Processes. Of one machine
// OpenKernel says more: a sandbox, or an old kernel, can be in the way.
func CanTell(a Ability) bool { return untold(a) == nil }
