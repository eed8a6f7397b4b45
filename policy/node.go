package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// kind is a JSON type.
type kind int

const (
	object kind = iota + 1
	array
	text
	number
	boolean
	null
)

var kindNames = [...]string{object: "an object", array: "a list", text: "a string",
	number: "a number", boolean: "a boolean", null: "null"}

// String returns the type with its article, for messages.
func (k kind) String() string { return kindNames[k] }

// node is a JSON value with its place in the text.
type node struct {
	kind kind
	// at is the offset of its first character; keyAt that of its key, and
	// key the key itself, if it is the member of an object.
	at, keyAt int
	key       string
	// index is its place, if it is an item of a list.
	index  int
	parent *node
	// value is what a string spells, or a number or boolean as written.
	value string
	// children are members or items, in order.
	children []*node
	// broken says that the text ends, or cannot be read, somewhere inside:
	// what is missing may have been there.
	broken bool
}

// member returns the first member with a key, or nil.
func (n *node) member(key string) *node {
	for _, c := range n.children {
		if c.key == key {
			return c
		}
	}
	return nil
}

// path returns where the node stands, such as Statement[0].Action[1].
func (n *node) path() string {
	if n == nil || n.parent == nil {
		return ""
	}
	before := n.parent.path()
	if n.parent.kind == array {
		return before + "[" + strconv.Itoa(n.index) + "]"
	}
	key := n.key
	if strings.Trim(key, keyCharacters) != "" || key == "" {
		key = fmt.Sprintf("%q", key)
	}
	if before == "" {
		return key
	}
	return before + "." + key
}

// keyCharacters are those of keys that need no quotes in a path.
const keyCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/_.-"
