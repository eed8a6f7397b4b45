package fakeaws

import (
	"cmp"
	"net/http"
)

// modeJSON is what POST /_fake/sso/mode takes: see SignIn.
type modeJSON struct {
	Mode   SignInMode `json:"mode"`
	Person string     `json:"person"`
}

// decisionJSON is what POST /_fake/sso/approve takes: see Decide. One of the
// names, or none where only one sign-in waits.
type decisionJSON struct {
	UserCode string `json:"user_code"`
	State    string `json:"state"`
	Person   string `json:"person"`
	Refuse   bool   `json:"refuse"`
}

// personJSON names somebody, or everybody.
type personJSON struct {
	Person string `json:"person"`
}

// serveSignInControl answers /_fake/sso/, and reports whether there is such an
// address.
func (f *Fake) serveSignInControl(w http.ResponseWriter, r *http.Request) bool {
	switch r.Method + " " + r.URL.Path {
	case "GET " + devicePage:
		f.serveDevicePage(w, r)
	case "POST /_fake/sso/mode":
		control(w, r, func(j modeJSON) error { return f.SignIn(j.Mode, j.Person) })
	case "POST /_fake/sso/approve":
		control(w, r, func(j decisionJSON) error {
			mode := ApproveSignIn
			if j.Refuse {
				mode = RefuseSignIn
			}
			return f.Decide(mode, cmp.Or(j.UserCode, j.State), j.Person)
		})
	case "POST /_fake/sso/revoke":
		control(w, r, func(j personJSON) error { f.Revoke(j.Person); return nil })
	case "POST /_fake/sso/expire":
		control(w, r, func(j personJSON) error { f.ExpireTokens(j.Person); return nil })
	default:
		return false
	}
	return true
}
