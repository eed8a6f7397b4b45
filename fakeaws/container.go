package fakeaws

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"time"
)

// container is the endpoint that a container is given its role by.
type container struct {
	*machine
	token string
}

// Container returns a container credentials endpoint for a role, which must
// trust ecs-tasks.amazonaws.com or pods.eks.amazonaws.com, at every path. A
// request must carry the token as its Authorization header, unless token is "".
// It panics for a role that is not there. Its credentials are a real session, of
// six hours, and new ones come when half of that is over.
func (f *Fake) Container(roleARN, token string) http.Handler {
	return &container{machine: f.newMachine(roleARN, randomHex(16), machineLife/2, "ecs-tasks.amazonaws.com", "pods.eks.amazonaws.com"), token: token}
}

// ServeHTTP answers one request.
func (c *container) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := c.fake.now()
	given := r.Header.Get("Authorization")
	failed := guard(r)
	switch {
	case failed != nil:
		c.refuse(w, r, http.StatusForbidden, "AccessDenied", failed.message)
	case r.Method != http.MethodGet:
		c.refuse(w, r, http.StatusMethodNotAllowed, "MethodNotAllowed", "GET is the only method.")
	case c.token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(c.token)) != 1:
		c.refuse(w, r, http.StatusUnauthorized, "Unauthorized", "The Authorization header is not the token of this container.")
	case c.role == nil:
		c.refuse(w, r, http.StatusNotFound, "NoRole", "This container was given no role.")
	case !c.trusted():
		c.refuse(w, r, http.StatusForbidden, "AccessDenied", "The role "+c.role.arn+" does not trust the containers' service.")
	default:
		v := c.credentials(now)
		c.json(w, r, http.StatusOK, map[string]string{"RoleArn": c.role.arn, "AccessKeyId": v.AccessKeyID,
			"SecretAccessKey": v.SecretAccessKey, "Token": v.SessionToken, "Expiration": v.Expiration})
	}
}

// refuse answers with an error in the form that the SDKs read.
func (c *container) refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	c.json(w, r, status, map[string]string{"code": code, "message": message})
}

func (c *container) json(w http.ResponseWriter, r *http.Request, status int, v map[string]string) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings: cannot fail
	}
	c.fake.writeText(w, r, serverHeader, status, "application/json", string(body))
}

// milliseconds turns the expiry of credentials into the portal's form of it.
func milliseconds(expiry string) int64 {
	t, err := time.Parse(expiryFormat, expiry)
	if err != nil {
		panic(err) // written by us
	}
	return t.UnixMilli()
}
