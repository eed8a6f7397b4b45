// Package sdkenv is what an AWS SDK finds around it when it looks for
// credentials: the variables that lead it to vendord, those that would lead it
// elsewhere first, and the shared files (~/.aws/config, ~/.aws/credentials), of
// which it makes copies that give no credentials.
//
// It guarantees that no parser of the shared files that is known to it finds a
// credential, or a way to one, in a copy, in whatever way the original was
// written: the copies are not the original's lines but written anew, from an
// allow-list of settings, in the one form that all parsers read alike. What it
// does not know is left out.
//
// It does not say who may have what, and reads no variable of its own process:
// callers pass the environment in.
package sdkenv

// The variables of the container credentials provider, and of the IMDS credential
// provider (AWS SDKs and Tools Reference Guide).
const (
	ContainerURI       = "AWS_CONTAINER_CREDENTIALS_FULL_URI"     // where to ask
	ContainerPath      = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" // or at what path of 169.254.170.2
	ContainerToken     = "AWS_CONTAINER_AUTHORIZATION_TOKEN"      // with what
	ContainerTokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" // or with what is in this file
	MetadataEndpoint   = "AWS_EC2_METADATA_SERVICE_ENDPOINT"      // where EC2's metadata service is
)

// Variable is one variable of a program's environment.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
