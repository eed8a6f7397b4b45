package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/vendord/vendord/fakeaws"
)

// world is what all measurements share: the programs, a made-up AWS inside this
// process, and a directory that is removed at the end with everything in it.
type world struct {
	dir     string
	vendord string // the binary, built from this tree
	self    string // this binary: the bare handler and the client
	aws     *fakeaws.Fake
	sts     string   // its URL
	environ []string // of every server: nothing of the caller's that could change a figure
	lifted  bool     // whether vendord knows the limit of honest requests, so that it had to be lifted
}

func newWorld(ctx context.Context, dir string) (*world, error) {
	w := &world{dir: dir, vendord: filepath.Join(dir, "vendord"+executable())}
	var err error
	if w.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if err := build(ctx, w.vendord); err != nil {
		return nil, err
	}
	if w.aws, err = fakeaws.New(fakeaws.Config{State: fakeaws.Example()}); err != nil {
		return nil, err
	}
	john := fakeaws.Example().Accounts[0].Users[0].Keys[0]
	w.environ = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(),
		"AWS_ACCESS_KEY_ID=" + john.ID, "AWS_SECRET_ACCESS_KEY=" + john.Secret}
	if err := w.serveAWS(ctx); err != nil {
		return nil, err
	}
	w.lifted, err = w.knowsLimit(ctx)
	return w, err
}

// build builds vendord as anybody would.
func build(ctx context.Context, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/vendord/vendord/cmd/vendord")
	if out, err := cmd.CombinedOutput(); err != nil {
		return failure{fmt.Sprintf("building vendord: %v: %s", err, bytes.TrimSpace(out)), "run it where go.mod is: go run ./bench"}
	}
	return nil
}

func executable() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// serveAWS starts the made-up AWS on a loopback port: over TLS where vendord can
// be made to trust it by a variable, since a daemon that never spoke TLS would
// have neither its code nor the system's certificates in memory.
func (w *world) serveAWS(ctx context.Context) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.sts = "http://" + ln.Addr().String()
	if bundle := systemRoots(); runtime.GOOS == "linux" && bundle != "" {
		certificate, err := w.trusted(bundle)
		if err != nil {
			return err
		}
		w.sts = "https://" + ln.Addr().String()
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}
	go func() { _ = w.aws.Serve(ctx, ln) }()
	return nil
}

// systemRoots returns the file with the certificates that this system trusts,
// or "": the two most common of those that crypto/x509 looks for.
func systemRoots() string {
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// trusted makes a certificate for this run, and a bundle of it and the system's
// own for the servers to trust.
func (w *world) trusted(bundle string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	form := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	certificate, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	all, err := os.ReadFile(bundle)
	if err != nil {
		return tls.Certificate{}, err
	}
	all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})...)
	path := filepath.Join(w.dir, "roots.pem")
	w.environ = append(w.environ, "SSL_CERT_FILE="+path)
	return tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: key}, os.WriteFile(path, all, 0o600)
}

// knowsLimit reports whether this vendord limits the requests of an honest app.
// The bench lifts that limit: it asks far more than any SDK does.
func (w *world) knowsLimit(ctx context.Context) (bool, error) {
	path := filepath.Join(w.dir, "limit.toml")
	w.lifted = true
	if err := w.writeConfig(path, 1); err != nil {
		return false, err
	}
	return exec.CommandContext(ctx, w.vendord, "check", path).Run() == nil, nil
}

// fewProfiles is a person's own configuration; up to ownPolicies every profile
// has a policy of its own, beyond it they share one: vendord.toml may have no
// more than 1 MiB.
const (
	fewProfiles = 10
	ownPolicies = 1_000
)

// oneFolder is a session policy for a folder of a bucket, or for several.
const oneFolder = `policy = '''{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::company1-hr"},
  {"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::company1-hr/%s"]}]}'''
`

// folders returns what a profile is narrowed to. In a small configuration it is
// so long that answers have the size of those of AWS, about 1,300 bytes: the
// session token holds the policy, compressed.
func folders(profile, profiles int) string {
	if profiles > fewProfiles {
		return fmt.Sprintf("team-%d/*", profile)
	}
	var names []string
	for i := range 22 {
		sum := sha256.Sum256(fmt.Append(nil, profile, i))
		names = append(names, fmt.Sprintf("%x/*", sum[:20]))
	}
	return strings.Join(names, `", "arn:aws:s3:::company1-hr/`)
}

// writeConfig writes a configuration with n profiles of one role, narrowed, an app
// for each, and one for programs of our own user, recognised by the kernel.
func (w *world) writeConfig(path string, n int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "[daemon]\nregion = \"eu-west-1\"\nsts_endpoint = %q\n", w.sts)
	if w.lifted {
		b.WriteString("requests_per_second = 0\n")
	}
	b.WriteString("\n[sources.john]\ntype = \"environment\"\n\n[profiles.all]\nsource = \"john\"\n" +
		"role_arn = \"arn:aws:iam::629470240201:role/JohnUploadRole\"\n")
	fmt.Fprintf(&b, oneFolder, "*")
	for i := range n {
		fmt.Fprintf(&b, "\n[profiles.p%d]\nextends = \"all\"\nsession_name = \"s%d\"\n", i, i)
		if n <= ownPolicies {
			fmt.Fprintf(&b, oneFolder, folders(i, n))
		}
	}
	for i := range n {
		fmt.Fprintf(&b, "\n[apps.a%d]\nprofiles = [\"p%d\"]\n", i, i)
	}
	if kernelTells {
		fmt.Fprintf(&b, "\n[apps.ours]\nprofiles = [\"p0\"]\nmatch = { user = \"#%d\" }\n", os.Getuid())
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}
