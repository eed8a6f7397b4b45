package fakeaws_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/sso/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/vendord/vendord/fakeaws"
)

// portal is AWS's own SDK with a token.
type portal struct {
	*place
	sdk   *sso.Client
	token string
}

func (p *place) portal(token string) *portal {
	return &portal{p, sso.New(sso.Options{Region: region, BaseEndpoint: &p.url, Retryer: aws.NopRetryer{}}), token}
}

func (p *portal) role(account, name string) (*types.RoleCredentials, error) {
	out, err := p.sdk.GetRoleCredentials(p.t.Context(), &sso.GetRoleCredentialsInput{AccessToken: &p.token, AccountId: &account, RoleName: &name})
	if err != nil {
		return nil, err
	}
	return out.RoleCredentials, nil
}

// signedIn signs the first person of the example in.
func (p *place) signedIn() (*signer, *portal, string) {
	p.t.Helper()
	s := p.register(codeGrant, refreshGrant)
	out, err := s.byCode(s.approved(), callback, verifier)
	if err != nil {
		p.t.Fatal(err)
	}
	return s, p.portal(*out.AccessToken), *out.RefreshToken
}

func TestPortal(t *testing.T) {
	p := start(t, fakeaws.Config{})
	_, john, _ := p.signedIn()
	t.Run("a role's credentials are real", func(t *testing.T) {
		c, err := john.role("629470240201", "ReadOnly")
		if err != nil {
			t.Fatalf("GetRoleCredentials: %v", err)
		}
		if left := time.Until(time.UnixMilli(c.Expiration)); left < 59*time.Minute || left > time.Hour {
			t.Errorf("GetRoleCredentials: %s left, want an hour", left)
		}
		keys := aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}
		who, err := p.sts(keys).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || !strings.HasPrefix(*who.Arn, "arn:aws:sts::629470240201:assumed-role/AWSReservedSSO_ReadOnly_") || !strings.HasSuffix(*who.Arn, "/john") {
			t.Errorf("GetCallerIdentity: got %v, %v", who, err)
		}
		if _, err := p.client(keys).List(t.Context(), "company1-hr", ""); err != nil {
			t.Errorf("List: %v", err)
		}
		if err := p.client(keys).Put(t.Context(), "company1-hr", "x", nil); err == nil {
			t.Error("Put: got nil, want a denial")
		}
	})
	t.Run("what the person may have, page by page", func(t *testing.T) {
		accounts, err := john.sdk.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &john.token, MaxResults: aws.Int32(1)})
		if err != nil || len(accounts.AccountList) != 1 || *accounts.AccountList[0].AccountId != "111122223333" || accounts.NextToken == nil {
			t.Fatalf("ListAccounts: got %+v, %v", accounts, err)
		}
		accounts, err = john.sdk.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &john.token, NextToken: accounts.NextToken})
		if err != nil || len(accounts.AccountList) != 1 || accounts.NextToken != nil {
			t.Errorf("ListAccounts: got %+v, %v", accounts, err)
		}
		roles, err := john.sdk.ListAccountRoles(t.Context(), &sso.ListAccountRolesInput{AccessToken: &john.token, AccountId: aws.String("111122223333")})
		if err != nil || len(roles.RoleList) != 2 || *roles.RoleList[0].RoleName != "Administrator" {
			t.Errorf("ListAccountRoles: got %+v, %v", roles, err)
		}
		_, err = john.sdk.ListAccountRoles(t.Context(), &sso.ListAccountRolesInput{AccessToken: &john.token, AccountId: aws.String("123456789012")})
		wantError(t, "ListAccountRoles", err, "ForbiddenException", "No access")
		_, err = john.sdk.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &john.token, NextToken: aws.String("x")})
		wantError(t, "ListAccounts", err, "InvalidRequestException", "max_result must be 1 to 100, and next_token one that was given")
	})
	t.Run("a role that is somebody else's, or nobody's", func(t *testing.T) {
		for _, c := range [][2]string{{"629470240201", "Administrator"}, {"111122223333", "AWSReservedSSO_ReadOnly"}, {"1", "ReadOnly"}} {
			_, err := john.role(c[0], c[1])
			wantError(t, "GetRoleCredentials", err, "ForbiddenException", "No access")
		}
	})
	t.Run("a token that is not one", func(t *testing.T) {
		_, err := p.portal("x").role("111122223333", "ReadOnly")
		wantError(t, "GetRoleCredentials", err, "UnauthorizedException", "Session token not found or invalid")
	})
	t.Run("no token, no role", func(t *testing.T) {
		for _, c := range []struct{ path, token, want string }{
			{"/assignment/accounts", "", "x-amz-sso_bearer_token is required"},
			{"/federation/credentials?account_id=1", john.token, "account_id and role_name are required"},
			{"/assignment/roles", john.token, "account_id is required"},
		} {
			status, body := p.ask("GET", c.path, "", "x-amz-sso_bearer_token", c.token)
			if status != 400 || !strings.Contains(body, c.want) {
				t.Errorf("%s: got %d %s, want %s", c.path, status, body, c.want)
			}
		}
	})
	t.Run("nobody assumes such a role by another way", func(t *testing.T) {
		c, _ := john.role("111122223333", "Administrator")
		keys := aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}
		who, err := p.sts(keys).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Split(*who.Arn, "/")[1]
		_, err = p.sts(keys).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleSessionName: aws.String("again"),
			RoleArn: aws.String("arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/" + name)})
		if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("AssumeRole: got %v, want AccessDenied", err)
		}
	})
}

// TestSignInEnds: expired, renewed, revoked, signed out.
func TestSignInEnds(t *testing.T) {
	p := start(t, fakeaws.Config{})
	dead := func(what string, q *portal) {
		t.Helper()
		_, err := q.role("111122223333", "ReadOnly")
		wantError(t, what, err, "UnauthorizedException", "Session token not found or invalid")
	}
	t.Run("a refresh token is good once", func(t *testing.T) {
		s, q, refresh := p.signedIn()
		p.Advance(61 * time.Minute)
		dead("an hour later", q)
		out, err := s.byRefresh(refresh)
		if err != nil || *out.RefreshToken == refresh {
			t.Fatalf("CreateToken: got %v, %v, want another refresh token", out, err)
		}
		if _, err := p.portal(*out.AccessToken).role("111122223333", "ReadOnly"); err != nil {
			t.Errorf("GetRoleCredentials: %v", err)
		}
		_, err = s.byRefresh(refresh)
		p.wantCode("the old one", err, "InvalidGrantException")
		_, err = p.register(refreshGrant).byRefresh(*out.RefreshToken)
		p.wantCode("another client's", err, "InvalidGrantException")
	})
	t.Run("after eight hours", func(t *testing.T) {
		s, _, refresh := p.signedIn()
		p.Advance(7*time.Hour + 30*time.Minute)
		out, err := s.byRefresh(refresh)
		if err != nil || out.ExpiresIn > 1800 {
			t.Fatalf("CreateToken: got %+v, %v, want half an hour", out, err)
		}
		p.Advance(31 * time.Minute)
		_, err = s.byRefresh(*out.RefreshToken)
		p.wantCode("CreateToken", err, "InvalidGrantException")
	})
	t.Run("signed out", func(t *testing.T) {
		s, q, refresh := p.signedIn()
		if _, err := q.sdk.Logout(t.Context(), &sso.LogoutInput{AccessToken: &q.token}); err != nil {
			t.Fatalf("Logout: %v", err)
		}
		dead("afterwards", q)
		_, err := s.byRefresh(refresh)
		p.wantCode("CreateToken", err, "InvalidGrantException")
	})
	t.Run("tokens expired by hand", func(t *testing.T) {
		s, q, refresh := p.signedIn()
		if status, body := p.ask("POST", "/_fake/sso/expire", `{"person":"john"}`); status != 200 {
			t.Fatalf("expire: got %d %s", status, body)
		}
		dead("afterwards", q)
		if _, err := s.byRefresh(refresh); err != nil {
			t.Errorf("CreateToken: %v", err)
		}
	})
	t.Run("revoked by hand", func(t *testing.T) {
		s, q, refresh := p.signedIn()
		if n := p.Revoke("mary"); n != 0 {
			t.Errorf("Revoke: got %d of mary's", n)
		}
		p.ask("POST", "/_fake/sso/revoke", `{"person":"john"}`)
		dead("afterwards", q)
		_, err := s.byRefresh(refresh)
		p.wantCode("CreateToken", err, "InvalidGrantException")
	})
	t.Run("without the scope there is nothing to refresh", func(t *testing.T) {
		status, body := p.ask("POST", "/client/register", `{"clientName":"old","clientType":"public"}`)
		var c struct {
			ClientID, ClientSecret, DeviceCode, UserCode, RefreshToken string
			ExpiresIn                                                  int
		}
		if err := json.Unmarshal([]byte(body), &c); err != nil || status != 200 {
			t.Fatalf("register: got %d %s", status, body)
		}
		secrets := `{"clientId":"` + c.ClientID + `","clientSecret":"` + c.ClientSecret + `",`
		_, body = p.ask("POST", "/device_authorization", secrets+`"startUrl":"`+startURL+`"}`)
		_ = json.Unmarshal([]byte(body), &c)
		if status, body = p.ask("POST", "/_fake/sso/approve", `{"user_code":"`+c.UserCode+`"}`); status != 200 {
			t.Fatalf("approve: got %d %s", status, body)
		}
		_, body = p.ask("POST", "/token", secrets+`"grantType":"`+deviceGrant+`","deviceCode":"`+c.DeviceCode+`"}`)
		if _ = json.Unmarshal([]byte(body), &c); c.RefreshToken != "" || c.ExpiresIn != 8*3600 {
			t.Errorf("token: got %+v, want eight hours and no refresh token", c)
		}
	})
}

// TestSignInControl: the words of the refusals.
func TestSignInControl(t *testing.T) {
	p := start(t, fakeaws.Config{})
	for _, c := range []struct {
		path, body, want string
		status           int
	}{
		{"mode", `{"mode":"maybe"}`, `fakeaws: sign-in mode "maybe": there are wait, approve and refuse`, 400},
		{"mode", `{"mode":"approve","person":"mary"}`, "{}", 200},
		{"approve", `{}`, "fakeaws: 0 sign-ins are waiting: name one by its user code or state", 400},
		{"approve", `{"state":"x"}`, `fakeaws: sign-in "x": none waits by this user code or state`, 400},
	} {
		if status, body := p.ask("POST", "/_fake/sso/"+c.path, c.body); status != c.status || body != c.want {
			t.Errorf("%s %s: got %d %s, want %d %s", c.path, c.body, status, body, c.status, c.want)
		}
	}
	if err := p.Decide(fakeaws.WaitSignIn, "", ""); err == nil || err.Error() != `decision "wait": there are approve and refuse` {
		t.Errorf("Decide: got %v", err)
	}
	if _, err := fakeaws.New(fakeaws.Config{State: fakeaws.Example(), SignIn: "x"}); err == nil {
		t.Error("New: got nil for a mode that there is not")
	}
	_ = p.SignIn(fakeaws.WaitSignIn, "")
	if status, _, body := p.open(t.Context(), p.url+"/_fake/sso/device"); status != 200 || body != "fakeaws: the sign-in waits for POST /_fake/sso/approve\n" {
		t.Errorf("page: got %d %s", status, body)
	}
}

// TestSignInFaults: a bad day is worded as each service words it, and no token
// is written down.
func TestSignInFaults(t *testing.T) {
	p := start(t, fakeaws.Config{})
	s, q, refresh := p.signedIn()
	p.Inject(fakeaws.Fault{Kind: fakeaws.Throttle, Operation: "GetRoleCredentials", Count: 1})
	_, err := q.role("111122223333", "ReadOnly")
	wantError(t, "GetRoleCredentials", err, "TooManyRequestsException", "Rate exceeded")
	p.Inject(fakeaws.Fault{Kind: fakeaws.ServerError, Operation: "CreateToken", Count: 1})
	_, err = s.byRefresh(refresh)
	p.wantCode("CreateToken", err, "InternalServerException")
	journal, err := json.Marshal(p.Journal())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{q.token, refresh, s.secret, verifier} {
		if strings.Contains(string(journal), secret) {
			t.Errorf("the journal has %.10s…", secret)
		}
	}
	if p.Calls("CreateToken") != 2 || p.Calls("GetRoleCredentials") != 1 || p.Calls("Authorize") != 1 {
		t.Errorf("calls: got %d CreateToken, %d GetRoleCredentials, %d Authorize", p.Calls("CreateToken"), p.Calls("GetRoleCredentials"), p.Calls("Authorize"))
	}
}

// TestSignInIsBounded: registrations do not grow for ever.
func TestSignInIsBounded(t *testing.T) {
	p := start(t, fakeaws.Config{})
	refused := false
	for range 1001 {
		status, body := p.ask("POST", "/client/register", `{"clientName":"x","clientType":"public"}`)
		refused = status == http.StatusBadRequest && strings.Contains(body, "fakeaws keeps 1000 of these at a time.")
	}
	if !refused {
		t.Error("the last of 1001 registrations was taken")
	}
}
