package control

// ownNames says that a Unix socket can have a name without a file, by which its
// other end knows it.
const ownNames = true
