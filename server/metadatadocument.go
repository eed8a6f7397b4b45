package server

import (
	"time"

	"github.com/vendord/vendord/session"
)

// roleWire is the document of a role, in EC2's spelling (EC2 User Guide, "Retrieve
// security credentials from instance metadata"), with the account, which newer SDKs
// read. There is no RoleArn: s3fs takes a document with one for a container's.
type roleWire struct {
	Code            string
	LastUpdated     string
	Type            string
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
	AccountID       string `json:"AccountId,omitempty"`
}

// roleDocument returns the document of a role for c, or an error as document does.
func roleDocument(c *session.Credentials, now time.Time) ([]byte, error) {
	if _, err := document(c, now); err != nil {
		return nil, err
	}
	return c.MetadataBody(renderRole), nil
}

// renderRole makes what Credentials.MetadataBody keeps, of credentials that are whole.
func renderRole(c *session.Credentials) []byte {
	secret, token := c.Reveal()
	return compact(roleWire{
		Code: "Success", LastUpdated: c.Minted.UTC().Format(expiration), Type: "AWS-HMAC",
		AccessKeyID: c.KeyID, SecretAccessKey: secret, Token: token,
		Expiration: c.Expires.UTC().Format(expiration), AccountID: c.AccountID,
	})
}
