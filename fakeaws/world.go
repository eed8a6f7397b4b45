package fakeaws

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/policy"
)

// world is a State that was checked and parsed. Nothing in it changes.
type world struct {
	region     string
	keys       map[string]longTermKey
	principals map[string]*principal // by ARN: users, roles and root users
	managed    map[string]*policy.Document
	texts      map[string]*managedText // what IAM shows of the managed policies
	regions    []string                // where STS and EC2 answer, beside region
	centers    []*center
	oidc       map[string]*oidcProvider // by account and issuer, see oidcKey
	saml       map[string]*samlProvider // by ARN
	issuers    map[string]*Issuer       // by URL: those that the fake plays
}

// longTermKey is an access key of a user.
type longTermKey struct {
	secret   string
	disabled bool
	owner    *principal
}

type principalKind int

const (
	rootUser principalKind = iota
	iamUser
	iamRole
)

// principal is a user, a role or an account's root user.
type principal struct {
	kind                   principalKind
	account, name, arn, id string
	policies               []*policy.Document
	mfa                    map[string][]byte // user: seeds by serial number
	trust                  *policy.Trust     // role
	maxSession             time.Duration     // role
}

// The names that IAM and S3 allow (IAM API reference; S3's rules before 2018,
// as capitals live on in old buckets).
var (
	accountPattern = expr(`^[0-9]{12}$`)
	namePattern    = expr(`^[A-Za-z0-9_+=,.@-]{1,64}$`)
	policyPattern  = expr(`^[A-Za-z0-9_+=,.@-]{1,128}$`)
	pathPattern    = expr(`^/(?:[\x21-\x7e]{1,510}/)?$`)
	bucketPattern  = expr(`^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$`)
	keyPattern     = expr(`^[A-Za-z0-9_]{16,128}$`)
	regionPattern  = expr(`^[a-z0-9-]{1,40}$`)
)

// builder makes a world and its buckets out of a State, collecting every
// problem on the way.
type builder struct {
	world    *world
	store    *store
	problems []error
}

// build checks a State and returns what New needs of it.
func build(s State) (*world, *store, error) {
	b := &builder{store: newStore(), world: &world{region: s.Region, regions: s.Regions, keys: map[string]longTermKey{},
		principals: map[string]*principal{}, managed: map[string]*policy.Document{}, texts: map[string]*managedText{},
		oidc: map[string]*oidcProvider{}, saml: map[string]*samlProvider{}, issuers: map[string]*Issuer{}}}
	b.awsManaged()
	b.must(s.Region == "" || regionPattern.MatchString(s.Region), "region", "%q is not the name of a region", s.Region)
	for i, r := range s.Regions {
		b.must(regionPattern.MatchString(r), fmt.Sprintf("regions[%d]", i), "%q is not the name of a region", r)
	}
	b.must(len(s.Accounts) > 0, "accounts", "none")
	b.problem("scoped", s.Scoped.check())
	// Managed policies come first: users and roles name them.
	for i, a := range s.Accounts {
		b.managed(fmt.Sprintf("accounts[%d]", i), a)
	}
	for i, a := range s.Accounts {
		b.account(fmt.Sprintf("accounts[%d]", i), a)
	}
	for i, ic := range s.IdentityCenters {
		b.identityCenter(fmt.Sprintf("identity_centers[%d]", i), s, ic)
	}
	return b.world, b.store, errors.Join(b.problems...)
}

// must notes a problem unless ok.
func (b *builder) must(ok bool, path, format string, args ...any) {
	if !ok {
		b.problems = append(b.problems, fmt.Errorf("%s: "+format, append([]any{path}, args...)...))
	}
}

// problem notes an error, if there is one.
func (b *builder) problem(path string, err error) {
	b.must(err == nil, path, "%v", err)
}

// managed adds the customer managed policies of an account.
func (b *builder) managed(path string, a Account) {
	for i, m := range a.ManagedPolicies {
		at := fmt.Sprintf("%s.managed_policies[%d]", path, i)
		b.must(policyPattern.MatchString(m.Name), at+".name", "%q is not a policy name", m.Name)
		arn := fmt.Sprintf("arn:aws:iam::%s:policy%s%s", a.ID, b.path(at, m.Path), m.Name)
		_, taken := b.world.managed[arn]
		b.must(!taken, at+".name", "%s is there already", arn)
		b.world.managed[arn] = b.document(at+".document", string(m.Document))
		text := &managedText{arn: arn, defaultVersion: fmt.Sprintf("v%d", len(m.Older)+1), versions: map[string]string{}}
		for i, older := range m.Older {
			b.document(fmt.Sprintf("%s.older_versions[%d]", at, i), older)
			text.versions[fmt.Sprintf("v%d", i+1)] = older
		}
		text.versions[text.defaultVersion] = string(m.Document)
		b.world.texts[arn] = text
	}
}

// account adds the principals and buckets of an account.
func (b *builder) account(path string, a Account) {
	b.must(accountPattern.MatchString(a.ID), path+".id", "%q is not twelve digits", a.ID)
	// Every account has a root user, with keys or without: trust policies name
	// it to mean the account.
	root := &principal{kind: rootUser, account: a.ID, name: "root", arn: rootARN(a.ID), id: a.ID,
		policies: []*policy.Document{everything()}}
	b.add(path+".id", root)
	b.keys(path+".root_keys", root, a.RootKeys)
	for i, u := range a.Users {
		b.user(fmt.Sprintf("%s.users[%d]", path, i), a.ID, u)
	}
	for i, r := range a.Roles {
		b.role(fmt.Sprintf("%s.roles[%d]", path, i), a.ID, r)
	}
	b.providers(path, a)
	for i, bucket := range a.Buckets {
		b.bucket(fmt.Sprintf("%s.buckets[%d]", path, i), a.ID, bucket)
	}
}

// user adds a user with its keys and MFA devices.
func (b *builder) user(path, account string, u User) {
	b.must(namePattern.MatchString(u.Name), path+".name", "%q is not a user name", u.Name)
	arn := fmt.Sprintf("arn:aws:iam::%s:user%s%s", account, b.path(path, u.Path), u.Name)
	p := &principal{kind: iamUser, account: account, name: u.Name, arn: arn, id: uniqueID("AIDA", u.ID, arn),
		policies: b.policies(path, account, u.Policies, u.PolicyARNs), mfa: map[string][]byte{}}
	b.add(path+".name", p)
	b.keys(path+".keys", p, u.Keys)
	for i, d := range u.MFA {
		at := fmt.Sprintf("%s.mfa[%d]", path, i)
		seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(d.Seed, "="))
		b.must(err == nil && len(seed) > 0, at+".seed", "not base32")
		b.must(serialPattern.MatchString(d.Serial), at+".serial", "%q is not a serial number", d.Serial)
		p.mfa[d.Serial] = seed
	}
}

// role adds a role.
func (b *builder) role(path, account string, r Role) {
	b.must(namePattern.MatchString(r.Name), path+".name", "%q is not a role name", r.Name)
	arn := fmt.Sprintf("arn:aws:iam::%s:role%s%s", account, b.path(path, r.Path), r.Name)
	p := &principal{kind: iamRole, account: account, name: r.Name, arn: arn, id: uniqueID("AROA", r.ID, arn),
		policies: b.policies(path, account, r.Policies, r.PolicyARNs), maxSession: time.Hour}
	if s := r.MaxSessionDuration; s != 0 {
		b.must(s >= 3600 && s <= 43200, path+".max_session_duration", "%d is not between 3600 and 43200 seconds", s)
		p.maxSession = time.Duration(s) * time.Second
	}
	// Whom the trust names need not be there. AWS would refuse to save that; a
	// made-up world may have only the half that a test needs.
	trust, err := policy.ParseTrust([]byte(r.Trust))
	b.must(err == nil, path+".trust", "%v", err)
	p.trust = trust
	b.add(path+".name", p)
}

// add makes a principal known.
func (b *builder) add(path string, p *principal) {
	_, taken := b.world.principals[p.arn]
	b.must(!taken, path, "%s is there already", p.arn)
	b.world.principals[p.arn] = p
}

// keys adds the access keys of a principal.
func (b *builder) keys(path string, owner *principal, keys []AccessKey) {
	for i, k := range keys {
		at := fmt.Sprintf("%s[%d]", path, i)
		_, taken := b.world.keys[k.ID]
		b.must(!taken, at+".id", "%s is there already", k.ID)
		// Keys of sessions begin with ASIA; AWS never gives users such.
		b.must(keyPattern.MatchString(k.ID) && !strings.HasPrefix(k.ID, sessionKeyPrefix), at+".id",
			"%q is not a long-term access key id", k.ID)
		b.must(k.Secret != "", at+".secret", "empty")
		b.world.keys[k.ID] = longTermKey{secret: k.Secret, disabled: k.Disabled, owner: owner}
	}
}

// bucket adds a bucket and its objects.
func (b *builder) bucket(path, account string, bucket Bucket) {
	b.must(bucketPattern.MatchString(bucket.Name), path+".name", "%q is not a bucket name", bucket.Name)
	b.must(b.store.create(bucket.Name, account), path+".name", "%s is there already", bucket.Name)
	for _, key := range slices.Sorted(maps.Keys(bucket.Objects)) {
		failed := b.object(bucket.Name, key, bucket.Objects[key])
		b.must(failed == nil, fmt.Sprintf("%s.objects[%q]", path, key), "%v", failed)
	}
}

// object puts one object, within the limits that clients have.
func (b *builder) object(bucket, key, content string) error {
	if failed := checkKey(key); failed != nil {
		return failed
	}
	size := int64(len(content))
	if failed := b.store.reserve(size); failed != nil {
		return failed
	}
	if failed := b.store.put(bucket, key, newObject([]byte(content), time.Time{}), size, always); failed != nil {
		return failed
	}
	return nil // not the nil *failure, which as an error would not be nil
}

// always lets an object be replaced.
func always(*object) *failure { return nil }

// policies parses the documents of a principal and looks its managed ones up.
func (b *builder) policies(path, account string, documents, arns []string) []*policy.Document {
	var all []*policy.Document
	for i, text := range documents {
		all = append(all, b.document(fmt.Sprintf("%s.policies[%d]", path, i), text))
	}
	for i, arn := range arns {
		d, found := b.world.managed[arn]
		b.must(found && sameOwner(arn, account), fmt.Sprintf("%s.policy_arns[%d]", path, i),
			"%s is not a managed policy of this account or of AWS", arn)
		all = append(all, d)
	}
	return all
}

// document parses one policy.
func (b *builder) document(path, text string) *policy.Document {
	d, err := policy.Parse([]byte(text))
	b.must(err == nil, path, "%v", err)
	return d
}

// path checks an IAM path and returns it, or "/" for none.
func (b *builder) path(at, path string) string {
	if path == "" {
		return "/"
	}
	b.must(pathPattern.MatchString(path), at+".path", "%q is not an IAM path", path)
	return path
}

// rootARN returns the ARN of an account's root user, which in a trust policy
// stands for the whole account.
func rootARN(account string) string { return "arn:aws:iam::" + account + ":root" }

// sameOwner reports whether a managed policy belongs to an account or to AWS.
func sameOwner(policyARN, account string) bool {
	owner, _, _ := strings.Cut(strings.TrimPrefix(policyARN, "arn:aws:iam::"), ":")
	return owner == account || owner == "aws"
}

// uniqueID returns an id, or one made of the ARN: 4 letters of kind and 17 of
// base32, the same in every run.
func uniqueID(kind, id, arn string) string {
	if id != "" {
		return id
	}
	sum := sha256.Sum256([]byte(arn))
	return kind + base32.StdEncoding.EncodeToString(sum[:])[:17]
}
