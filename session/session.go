// Package session holds the nouns that every other package of vendord speaks
// in: a Request (what to ask AWS for), its Key (a comparable handle of the
// request, the identity of a session), Credentials (what AWS gave for it) and
// Error (what went wrong, in words that a caller may read).
//
// A session is identified by everything that shapes it. Two apps that would
// ask AWS for exactly the same thing share one session; a difference in any
// field of Request, be it the policy, a tag or the key file of the source,
// makes another. Caches of other tools were keyed by role alone and handed one
// caller the credentials made for another; a Key cannot.
//
// Credentials redact themselves in every form of printing. The package does no
// I/O and imports nothing of vendord.
package session
