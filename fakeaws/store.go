package fakeaws

import (
	"crypto/md5" // what S3's ETags are made of
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// The limits of what a fake holds, all in bytes.
const (
	maxObject  = 16 << 20  // one object
	maxObjects = 256 << 20 // all objects, and bodies on their way in
	maxKey     = 1024      // one key, by S3's own rule
	objectCost = 512       // what an object weighs besides its body and key
)

// object is one version of an object's content. Nothing in it changes after it
// is in the store.
type object struct {
	body     []byte
	etag     string
	modified time.Time
	header   map[string]string // what the client sent along and gets back
	checksum checksum          // the one that came with it, or the zero value
}

// newObject makes an object.
func newObject(body []byte, modified time.Time) *object {
	sum := md5.Sum(body)
	return &object{body: body, etag: `"` + hex.EncodeToString(sum[:]) + `"`, modified: modified.Truncate(time.Second)}
}

// store is every bucket of every account.
type store struct {
	mu       sync.RWMutex // guards buckets, what is in them, and used
	buckets  map[string]*bucket
	used     int64
	creation time.Time
}

// bucket is one bucket; its name is its own in all of AWS.
type bucket struct {
	name, account string
	objects       map[string]*object
}

// full is what AWS never says. 507 is an error that no SDK tries again.
var full = fail(http.StatusInsufficientStorage, "FakeAWSFull", "fakeaws holds at most %d MiB in all.", maxObjects>>20)

func newStore() *store { return &store{buckets: map[string]*bucket{}} }

// create adds a bucket, and returns false if the name is taken.
func (s *store) create(name, account string) bool {
	if s.buckets[name] != nil {
		return false
	}
	s.buckets[name] = &bucket{name: name, account: account, objects: map[string]*object{}}
	return true
}

// stamp dates everything that the state brought along.
func (s *store) stamp(now time.Time) {
	s.creation = now.Truncate(time.Second)
	for _, b := range s.buckets {
		for _, o := range b.objects {
			o.modified = s.creation
		}
	}
}

// owner returns the account of a bucket, or "" if there is no such bucket.
func (s *store) owner(name string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b := s.buckets[name]; b != nil {
		return b.account
	}
	return ""
}

// names returns the buckets of an account, sorted.
func (s *store) names(account string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	for name, b := range s.buckets {
		if b.account == account {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// get returns an object, or nil.
func (s *store) get(bucket, key string) *object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.buckets[bucket].objects[key]
}

// keyed is an object with its key.
type keyed struct {
	key string
	*object
}

// sorted returns the objects whose keys begin with prefix, in the order of the
// keys' bytes.
func (s *store) sorted(bucket, prefix string) []keyed {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []keyed
	for key, o := range s.buckets[bucket].objects {
		if strings.HasPrefix(key, prefix) {
			all = append(all, keyed{key, o})
		}
	}
	slices.SortFunc(all, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	return all
}

// reserve takes room for a body before it is read, so that uploads that arrive
// together cannot hold more than the limit either.
func (s *store) reserve(n int64) *failure {
	if n > maxObject {
		return fail(http.StatusBadRequest, "EntityTooLarge",
			"Your proposed upload exceeds the maximum allowed size (fakeaws: %d MiB for one object).", maxObject>>20)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used+n > maxObjects {
		return full
	}
	s.used += n
	return nil
}

// release gives back what reserve took.
func (s *store) release(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
}

// put stores an object in place of the one before it (nil: none), if may says
// that it may be replaced. It uses up what was reserved for the body, also
// where it fails.
func (s *store) put(bucket, key string, o *object, reserved int64, may func(before *object) *failure) *failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= reserved
	objects := s.buckets[bucket].objects
	before := objects[key]
	if failed := may(before); failed != nil {
		return failed
	}
	more := o.cost(key)
	if before != nil {
		more -= before.cost(key)
	}
	if s.used+more > maxObjects {
		return full
	}
	s.used += more
	objects[key] = o
	return nil
}

// remove deletes an object if it is there.
func (s *store) remove(bucket, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	objects := s.buckets[bucket].objects
	if o := objects[key]; o != nil {
		s.used -= o.cost(key)
		delete(objects, key)
	}
}

// cost is what an object takes of the limit.
func (o *object) cost(key string) int64 {
	n := len(o.body) + len(key) + objectCost
	for name, value := range o.header {
		n += len(name) + len(value)
	}
	return int64(n)
}

// checkKey holds a key to S3's rules.
func checkKey(key string) *failure {
	switch {
	case len(key) > maxKey:
		return fail(http.StatusBadRequest, "KeyTooLongError", "Your key is too long")
	case !utf8.ValidString(key):
		return fail(http.StatusBadRequest, "InvalidURI", "Couldn't parse the specified URI.")
	case key == "":
		return fail(http.StatusBadRequest, "InvalidArgument", "Object key must not be empty.")
	}
	return nil
}

// Error makes a failure an error, for logs and for New.
func (f *failure) Error() string { return f.code + ": " + f.message }
