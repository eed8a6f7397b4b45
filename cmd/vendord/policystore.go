package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vendord/vendord/disk"
	"github.com/vendord/vendord/policy"
)

// keptPolicy is a managed policy as IAM had it when it was fetched. AWS may
// have another version by now; nothing renews a copy but the next fetch.
type keptPolicy struct {
	ARN      string    `json:"arn"`
	Version  string    `json:"version"`
	Fetched  time.Time `json:"fetched"`
	Document string    `json:"document"`
}

// policyStore is the directory of copies. They are read by explain, diff and
// check, and never sent to AWS.
type policyStore struct{ dir string }

func (p *program) policyStore() policyStore {
	return policyStore{filepath.Join(p.stateDirectory(), "policies")}
}

// path returns where a policy's copy is. What the ARN names is in the file's
// name for people; its hash tells the ARNs apart, whatever is in them.
func (s policyStore) path(arn string) string {
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '-' || r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z') {
			return r
		}
		return '-'
	}, arn[strings.LastIndexByte(arn, '/')+1:])
	sum := sha256.Sum256([]byte(arn))
	return filepath.Join(s.dir, fmt.Sprintf("%.64s-%s.json", name, hex.EncodeToString(sum[:8])))
}

// get returns the copy of a policy, and false if there is none.
func (s policyStore) get(arn string) (keptPolicy, bool, error) {
	path := s.path(arn)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return keptPolicy{}, false, nil
	}
	var k keptPolicy
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err == nil && k.ARN != arn {
		err = fmt.Errorf("of another policy, %s", k.ARN)
	}
	if err == nil {
		_, err = policy.Parse([]byte(k.Document))
	}
	if err != nil {
		return keptPolicy{}, false, fail("remove it, and fetch the policy again: vendord policy fetch", "%s: cannot be used: %w", path, bare(err))
	}
	return k, true, nil
}

// put keeps a copy: the file is the old one or the new one, whole.
func (s policyStore) put(k keptPolicy) error {
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fail("name another state directory with $XDG_STATE_HOME", "%s: %w", s.dir, bare(err))
	}
	dir, err := os.OpenRoot(s.dir)
	if err == nil {
		err = errors.Join(disk.Replace(dir, filepath.Base(s.path(k.ARN)), append(text, '\n')), dir.Close())
	}
	if err != nil {
		return fail("", "%s: not written: %w", s.path(k.ARN), disk.Reason(err))
	}
	return nil
}
