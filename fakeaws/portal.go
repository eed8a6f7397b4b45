package fakeaws

import (
	"net/http"
	"slices"
	"strconv"
)

// portal is IAM Identity Center's portal (SSO API, 2019-06-10): what somebody
// who has signed in may have.
var portal = service{name: "sso", serve: (*Fake).servePortal, failure: portalFailure, auth: portalWords}

// portalOperations are those of the API, by method and path.
var portalOperations = map[string]portalOperation{
	"GET /federation/credentials": {"GetRoleCredentials", (*Fake).roleCredentials},
	"GET /assignment/accounts":    {"ListAccounts", (*Fake).listAccounts},
	"GET /assignment/roles":       {"ListAccountRoles", (*Fake).listAccountRoles},
	"POST /logout":                {"Logout", (*Fake).logout},
}

// portalOperation is one operation: it is given who has signed in.
type portalOperation struct {
	name string
	do   func(*Fake, *request, *signIn) (*answer, *failure)
}

// servePortal answers a request to the portal. A token that was never made, one
// that is over and one that was ended look the same.
func (f *Fake) servePortal(rq *request) (*answer, *failure) {
	operation := portalOperations[rq.Method+" "+rq.URL.Path]
	if failed := f.begin(rq, operation.name); failed != nil {
		return nil, failed
	}
	token := rq.Header.Get("x-amz-sso_bearer_token")
	if token == "" {
		return nil, badRequest("x-amz-sso_bearer_token is required")
	}
	f.signIns.mu.Lock()
	in, _, live := f.signIns.access.get(token, rq.now)
	f.signIns.mu.Unlock()
	if !live {
		return nil, fail(http.StatusUnauthorized, "UnauthorizedException", "Session token not found or invalid")
	}
	f.journal.signer(rq, "", in.person.name)
	return operation.do(f, rq, in)
}

// roleCredentials gives a session of a role that the person has.
func (f *Fake) roleCredentials(rq *request, in *signIn) (*answer, *failure) {
	account, name := rq.URL.Query().Get("account_id"), rq.URL.Query().Get("role_name")
	if account == "" || name == "" {
		return nil, badRequest("account_id and role_name are required")
	}
	i := slices.IndexFunc(in.person.roles, func(r ssoRole) bool { return r.account == account && r.name == name })
	if i < 0 {
		return nil, fail(http.StatusForbidden, "ForbiddenException", "No access")
	}
	r, now := in.person.roles[i], rq.now.Unix()
	s := &session{Principal: r.role.arn, Name: in.person.name, Issued: now, Expires: now + int64(r.duration.Seconds())}
	keyID, issued := f.issue(rq, s, 0)
	f.config.Log.Debug("fakeaws session", "key_id", keyID, "role", r.role.arn, "name", s.Name)
	return jsonAnswer(map[string]any{"roleCredentials": map[string]any{
		"accessKeyId": issued.Credentials.AccessKeyID, "secretAccessKey": issued.Credentials.SecretAccessKey,
		"sessionToken": issued.Credentials.SessionToken, "expiration": milliseconds(issued.Credentials.Expiration)}}), nil
}

// listAccounts lists the accounts where the person has anything.
func (f *Fake) listAccounts(rq *request, in *signIn) (*answer, *failure) {
	var ids []string
	for _, r := range in.person.roles {
		ids = append(ids, r.account)
	}
	slices.Sort(ids)
	return portalPage(rq, "accountList", slices.Compact(ids), func(id string) map[string]any {
		return map[string]any{"accountId": id, "accountName": "account " + id, "emailAddress": id + "@example.com"}
	})
}

// listAccountRoles lists what the person has in an account.
func (f *Fake) listAccountRoles(rq *request, in *signIn) (*answer, *failure) {
	account := rq.URL.Query().Get("account_id")
	if account == "" {
		return nil, badRequest("account_id is required")
	}
	var names []string
	for _, r := range in.person.roles {
		if r.account == account {
			names = append(names, r.name)
		}
	}
	if len(names) == 0 {
		return nil, fail(http.StatusForbidden, "ForbiddenException", "No access")
	}
	slices.Sort(names)
	return portalPage(rq, "roleList", slices.Compact(names), func(name string) map[string]any {
		return map[string]any{"accountId": account, "roleName": name}
	})
}

// portalPage answers a page of a list. Its next token is where to go on.
func portalPage(rq *request, name string, all []string, row func(string) map[string]any) (*answer, *failure) {
	q, size, from := rq.URL.Query(), 100, 0
	var err1, err2 error
	if q.Has("max_result") {
		size, err1 = strconv.Atoi(q.Get("max_result"))
	}
	if q.Has("next_token") {
		from, err2 = strconv.Atoi(q.Get("next_token"))
	}
	if err1 != nil || err2 != nil || size < 1 || size > 100 || from < 0 || from > len(all) {
		return nil, badRequest("max_result must be 1 to 100, and next_token one that was given")
	}
	rows, end := []map[string]any{}, min(len(all), from+size)
	for _, v := range all[from:end] {
		rows = append(rows, row(v))
	}
	out := map[string]any{name: rows}
	if end < len(all) {
		out["nextToken"] = strconv.Itoa(end)
	}
	return jsonAnswer(out), nil
}

// logout ends the sign-in that the token is of, with all its tokens.
func (f *Fake) logout(_ *request, in *signIn) (*answer, *failure) {
	f.signIns.mu.Lock()
	defer f.signIns.mu.Unlock()
	for _, t := range []table[*signIn]{f.signIns.access, f.signIns.refresh} {
		for token, e := range t {
			if e.value == in {
				delete(t, token)
			}
		}
	}
	return &answer{status: http.StatusOK}, nil
}

// portalFailure writes an error; the SDKs take its name from the header.
func portalFailure(rq *request, f *failure) *answer {
	a := jsonStatus(f.status, map[string]any{"__type": "com.amazonaws.switchboard.portal#" + f.code, "message": f.message})
	a.header["x-amzn-ErrorType"], a.header["x-amzn-RequestId"] = f.code, rq.id
	return a
}
