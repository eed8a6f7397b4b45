package fakeaws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/vendord/vendord/fakeaws"
)

const (
	home = "111111111111"
	away = "222222222222"
)

// trusting is a trust policy for principals, with more in the statement.
func trusting(principals, actions, more string) fakeaws.Document {
	return fakeaws.Document(fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%s},"Action":%s%s}]}`,
		list(principals), list(actions), more))
}

// small is a world of one user with some policies, and roles; a role whose name
// begins with "away-" is in the other account.
func small(userPolicies []string, roles ...fakeaws.Role) fakeaws.State {
	s := fakeaws.State{Region: region, Accounts: []fakeaws.Account{
		{ID: home, Users: []fakeaws.User{{Name: "ann", Keys: []fakeaws.AccessKey{{ID: "AKIAANNANNANNEXAMPLE", Secret: "ann"}}, Policies: userPolicies}}},
		{ID: away},
	}}
	for _, r := range roles {
		at := 0
		if strings.HasPrefix(r.Name, "away-") {
			at = 1
		}
		s.Accounts[at].Roles = append(s.Accounts[at].Roles, r)
	}
	return s
}

var ann = aws.Credentials{AccessKeyID: "AKIAANNANNANNEXAMPLE", SecretAccessKey: "ann"}

func roleARN(name string) string {
	if strings.HasPrefix(name, "away-") {
		return "arn:aws:iam::" + away + ":role/" + name
	}
	return "arn:aws:iam::" + home + ":role/" + name
}

const annARN = "arn:aws:iam::" + home + ":user/ann"

// TestWhoMayAssume reads like IAM's rules: what the trust says, what the user's
// policy says, and whether that is enough.
func TestWhoMayAssume(t *testing.T) {
	const (
		mayHome = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`
		denies  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*"}]}`
		account = "arn:aws:iam::" + home + ":root"
	)
	for _, c := range []struct {
		name, role string
		trust      fakeaws.Document
		user       string
		more       []string
		want       bool
	}{
		{"trusted by name", "r", trusting(annARN, "sts:AssumeRole", ""), "", nil, true},
		{"trusted by name, denied by the own policy", "r", trusting(annARN, "sts:AssumeRole", ""), denies, nil, false},
		{"trusted as a part of the account", "r", trusting(account, "sts:AssumeRole", ""), "", nil, false},
		{"trusted as a part of the account, and permitted", "r", trusting(account, "sts:AssumeRole", ""), mayHome, nil, true},
		{"the account as a number", "r", trusting(home, "sts:AssumeRole", ""), mayHome, nil, true},
		{"everybody is trusted", "r", trusting("*", "sts:AssumeRole", ""), "", nil, true},
		{"another account is trusted", "r", trusting(away, "sts:AssumeRole", ""), mayHome, nil, false},
		{"another user is trusted", "r", trusting(annARN+"a", "sts:AssumeRole", ""), mayHome, nil, false},
		{"permitted only", "r", trusting(away, "sts:AssumeRole", ""), mayHome, nil, false},
		{"in another account, trusted by name", "away-r", trusting(annARN, "sts:AssumeRole", ""), "", nil, false},
		{"in another account, trusted by name, and permitted", "away-r", trusting(annARN, "sts:AssumeRole", ""), mayHome, nil, true},
		{"in another account, everybody is trusted", "away-r", trusting("*", "sts:AssumeRole", ""), "", nil, false},
		{"in another account, permitted only", "away-r", trusting(away, "sts:AssumeRole", ""), mayHome, nil, false},
		{"denied by name in the trust", "r", fakeaws.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"},` +
			`{"Effect":"Deny","Principal":{"AWS":"` + annARN + `"},"Action":"sts:AssumeRole"}]}`), mayHome, nil, false},
		{"without the external id", "r", trusting(annARN, "sts:AssumeRole", `,"Condition":{"StringEquals":{"sts:ExternalId":"42"}}`), "", nil, false},
		{"with another external id", "r", trusting(annARN, "sts:AssumeRole", `,"Condition":{"StringEquals":{"sts:ExternalId":"42"}}`), "", []string{"ExternalId=43"}, false},
		{"with the external id", "r", trusting(annARN, "sts:AssumeRole", `,"Condition":{"StringEquals":{"sts:ExternalId":"42"}}`), "", []string{"ExternalId=42"}, true},
		{"with another session name", "r", trusting(annARN, "sts:AssumeRole", `,"Condition":{"StringLike":{"sts:RoleSessionName":"${aws:username}-*"}}`), "", nil, false},
		{"with the session name", "r", trusting(annARN, "sts:AssumeRole", `,"Condition":{"StringLike":{"sts:RoleSessionName":"${aws:username}-*"}}`), "", []string{"RoleSessionName=ann-1"}, true},
		{"a tag without sts:TagSession", "r", trusting(annARN, "sts:AssumeRole", ""), "", tag, false},
		{"a tag with sts:TagSession", "r", trusting(annARN, "sts:AssumeRole sts:TagSession", ""), "", tag, true},
		{"a tag that the trust asks for", "r", trusting(annARN, "sts:AssumeRole sts:TagSession", `,"Condition":{"StringEquals":{"aws:RequestTag/team":"red"}}`), "", tag, true},
		{"a tag in another account, not permitted there", "away-r", trusting(annARN, "sts:AssumeRole sts:TagSession", ""),
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`, tag, false},
		{"a source identity without its permission", "r", trusting(annARN, "sts:AssumeRole", ""), "", []string{"SourceIdentity=ann"}, false},
		{"a source identity with its permission", "r", trusting(annARN, "sts:AssumeRole sts:SetSourceIdentity", ""), "", []string{"SourceIdentity=ann"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var user []string
			if c.user != "" {
				user = []string{c.user}
			}
			p := start(t, fakeaws.Config{State: small(user, fakeaws.Role{Name: c.role, Trust: c.trust})})
			got := p.send(form(ann, append([]string{"Action=AssumeRole", "RoleArn=" + roleARN(c.role), "RoleSessionName=test"}, c.more...)...))
			if c.want {
				got.want(t, 200, "", "")
				return
			}
			action := "sts:AssumeRole"
			if slices.Equal(c.more, tag) {
				action = "sts:TagSession"
			} else if len(c.more) > 0 && strings.HasPrefix(c.more[0], "SourceIdentity") {
				action = "sts:SetSourceIdentity"
			}
			got.want(t, 403, "AccessDenied", "User: "+annARN+" is not authorized to perform: "+action+" on resource: "+roleARN(c.role))
		})
	}
}

var tag = []string{"Tags.member.1.Key=team", "Tags.member.1.Value=red"}

// TestMissingRole: a role that is not there looks like one that does not trust.
func TestMissingRole(t *testing.T) {
	p := start(t, fakeaws.Config{State: small(nil, fakeaws.Role{Name: "r1", Trust: trusting(away, "sts:AssumeRole", "")})})
	refusal := func(name string) reply {
		return p.send(form(ann, "Action=AssumeRole", "RoleSessionName=test", "DurationSeconds=43200", "RoleArn="+roleARN(name)))
	}
	there, missing := refusal("r1"), refusal("r2")
	if there.status != missing.status || there.code != missing.code || there.message != strings.ReplaceAll(missing.message, "r2", "r1") {
		t.Errorf("got %v\nand %v, want the same but for the name", there, missing)
	}
}

// TestChain walks from a user over two roles.
func TestChain(t *testing.T) {
	first := "arn:aws:sts::" + home + ":assumed-role/first/one"
	all := "sts:AssumeRole sts:TagSession sts:SetSourceIdentity"
	everything := []string{fakeaws.AdministratorAccess}
	p := start(t, fakeaws.Config{State: small(nil,
		fakeaws.Role{Name: "first", Trust: trusting(annARN, all, ""), PolicyARNs: everything, MaxSessionDuration: 43200},
		fakeaws.Role{Name: "second", Trust: trusting(roleARN("first"), all, ""), MaxSessionDuration: 43200},
		fakeaws.Role{Name: "session", Trust: trusting(first, all, "")},
		fakeaws.Role{Name: "plain", Trust: trusting(roleARN("first"), "sts:AssumeRole", "")},
		fakeaws.Role{Name: "tagged", Trust: trusting(roleARN("first"), all, `,"Condition":{"StringEquals":{"aws:PrincipalTag/team":"red","aws:SourceIdentity":"ann"}}`)},
		fakeaws.Role{Name: "whole", Trust: trusting(home, all, "")},
	)})
	tagged := func(key string, transitive bool) func(*sts.AssumeRoleInput) {
		return func(in *sts.AssumeRoleInput) {
			in.Tags = []types.Tag{{Key: &key, Value: aws.String("red")}}
			in.SourceIdentity = aws.String("ann")
			if transitive {
				in.TransitiveTagKeys = []string{key}
			}
		}
	}
	hop := func(c aws.Credentials, role string, more ...string) reply {
		return p.send(form(c, append([]string{"Action=AssumeRole", "RoleArn=" + roleARN(role), "RoleSessionName=two"}, more...)...))
	}
	refused := func(action, role string) string {
		return "User: " + first + " is not authorized to perform: " + action + " on resource: " + roleARN(role)
	}
	bare := p.assume(ann, roleARN("first"), "one")
	t.Run("the role is trusted", func(t *testing.T) { hop(bare, "second").want(t, 200, "", "") })
	t.Run("the session is trusted", func(t *testing.T) { hop(bare, "session").want(t, 200, "", "") })
	t.Run("the account is trusted, and the role may", func(t *testing.T) { hop(bare, "whole").want(t, 200, "", "") })
	t.Run("an hour is the most", func(t *testing.T) {
		hop(bare, "second", "DurationSeconds=3601").want(t, 400, "ValidationError",
			"The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	})
	t.Run("no session token for a session", func(t *testing.T) {
		p.send(form(bare, "Action=GetSessionToken")).want(t, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	})

	narrow := p.assume(ann, roleARN("first"), "one", with(allow("s3:*", "*")))
	t.Run("session policies cap trust in the role", func(t *testing.T) {
		hop(narrow, "second").want(t, 403, "AccessDenied", refused("sts:AssumeRole", "second"))
		hop(narrow, "whole").want(t, 403, "AccessDenied", refused("sts:AssumeRole", "whole"))
	})
	t.Run("and not trust in the session", func(t *testing.T) { hop(narrow, "session").want(t, 200, "", "") })
	t.Run("a session policy that lets the hop through", func(t *testing.T) {
		wide := p.assume(ann, roleARN("first"), "one", with(allow("sts:AssumeRole", roleARN("second"))))
		hop(wide, "second").want(t, 200, "", "")
	})

	carried := p.assume(ann, roleARN("first"), "one", tagged("team", true))
	t.Run("a source identity stays", func(t *testing.T) {
		if got := hop(carried, "second"); !strings.Contains(got.body, "<SourceIdentity>ann</SourceIdentity>") {
			t.Errorf("got %s, want the source identity in it", got.body)
		}
		hop(carried, "second", "SourceIdentity=ann").want(t, 200, "", "")
		hop(carried, "second", "SourceIdentity=bob").want(t, 403, "AccessDenied", refused("sts:SetSourceIdentity", "second"))
	})
	t.Run("tags that come along need the permission", func(t *testing.T) {
		hop(carried, "plain").want(t, 403, "AccessDenied", refused("sts:TagSession", "plain"))
	})
	t.Run("the caller's tags are known to the trust", func(t *testing.T) {
		hop(carried, "tagged").want(t, 200, "", "")
		hop(bare, "tagged").want(t, 403, "AccessDenied", refused("sts:AssumeRole", "tagged"))
	})
	t.Run("a transitive tag cannot be set again", func(t *testing.T) {
		hop(carried, "second", "Tags.member.1.Key=TEAM", "Tags.member.1.Value=blue").want(t, 400, "InvalidParameterValue",
			"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
	})
	t.Run("a tag that is not transitive ends with its session", func(t *testing.T) {
		c := p.assume(ann, roleARN("first"), "one", func(in *sts.AssumeRoleInput) {
			in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}
		})
		hop(c, "plain").want(t, 200, "", "")
	})
}
