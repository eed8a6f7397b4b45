package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const addressesAtAWS = `
[sources.none]
type = "environment"
[profiles.p]
source   = "none"
region   = "eu-west-1"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"
[apps.own]
match    = { user = "root" }
profiles = ["p"]
`

const (
	ecsAndEKS = "[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n[endpoints.eks]\nlisten = [\"169.254.170.23:80\", \"[fd00:ec2::23]:80\"]\n"
	imds      = "[[endpoints.imds]]\nlisten = \"169.254.169.254:80\"\n[[endpoints.imds]]\nlisten = \"127.0.0.1:9254\"\n"
)

// netUser types `vendord net` on a machine.
type netUser struct {
	*network
	dir     string
	as      *syscall.SysProcAttr
	environ []string
}

func newNetUser(t *testing.T, endpoints string) *netUser {
	t.Helper()
	u := &netUser{network: newNetwork(t), dir: t.TempDir()}
	for dir := u.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) { // for other users to read
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	u.configure(endpoints)
	return u
}

func (u *netUser) configure(endpoints string) {
	u.t.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, "vendord.toml"), []byte(addressesAtAWS+endpoints), 0o644); err != nil {
		u.t.Fatal(err)
	}
}

// types runs a command, and returns all that it says, with its exit status where that is
// not 0.
func (u *netUser) types(args ...string) string {
	u.t.Helper()
	vendord, err := exec.LookPath("vendord")
	if err != nil {
		u.t.Fatal(err)
	}
	program, err := os.Open(vendord)
	if err != nil {
		u.t.Fatal(err)
	}
	defer func() { _ = program.Close() }()
	// By its descriptor: it may be in a directory that other users cannot look into.
	cmd := exec.CommandContext(u.t.Context(), "/proc/self/fd/3", append([]string{"--config", filepath.Join(u.dir, "vendord.toml"), "net"}, args...)...)
	cmd.Args[0], cmd.ExtraFiles = "vendord", []*os.File{program}
	cmd.Env = append([]string{"HOME=/nowhere", "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}, u.environ...)
	cmd.SysProcAttr = u.as
	var out []byte
	u.in(func() error { out, err = cmd.CombinedOutput(); return nil })
	said := strings.NewReplacer("sudo "+vendord+" ", "sudo VENDORD ", u.dir, "DIR").Replace(string(out))
	if err != nil {
		said += err.Error() + "\n"
	}
	return said
}

func (u *netUser) wants(command, want string) {
	u.t.Helper()
	if got := u.types(strings.Fields(command)...); got != want {
		u.t.Errorf("net %s: got\n%s\nwant\n%s", command, got, want)
	}
}

func TestNetCommands(t *testing.T) {
	u := newNetUser(t, ecsAndEKS)
	const there = "ADDRESS         STATE  ENDPOINT\n169.254.170.2   there  endpoints.ecs.listen\n169.254.170.23  there  endpoints.eks.listen\nfd00:ec2::23    there  endpoints.eks.listen\n"
	u.wants("status", "ADDRESS         STATE    ENDPOINT\n169.254.170.2   missing  endpoints.ecs.listen\n169.254.170.23  missing  endpoints.eks.listen\n"+
		"fd00:ec2::23    missing  endpoints.eks.listen\nhint: sudo VENDORD net up --config DIR/vendord.toml\nexit status 1\n")
	u.wants("up", "169.254.170.2: added\n169.254.170.23: added\nfd00:ec2::23: added\n")
	u.wants("status", there)
	u.wants("up", "169.254.170.2: there already\n169.254.170.23: there already\nfd00:ec2::23: there already\n")
	u.configure("[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n")
	u.wants("up", "169.254.170.2: there already\n") // the others may be another configuration's
	u.wants("up --system", "169.254.170.2: there already\n169.254.170.23: removed, no endpoint names it\nfd00:ec2::23: removed, no endpoint names it\n")
	u.wants("status --json", `{
  "addresses": [
    {
      "address": "169.254.170.2",
      "state": "own",
      "endpoints": [
        "endpoints.ecs.listen"
      ]
    }
  ],
  "up": true
}
`)
	u.wants("down", "169.254.170.2: removed\n")
	u.wants("down", "no address of vendord's is on this machine\n")
	u.wants("down --json", "{\n  \"removed\": []\n}\n")
	u.ip("addr add 169.254.170.2/32 dev lo")
	u.wants("up", "169.254.170.2: there already, by somebody else\n")
	u.wants("status", "ADDRESS        STATE                    ENDPOINT\n169.254.170.2  there, by somebody else  endpoints.ecs.listen\n")
	u.wants("down", "no address of vendord's is on this machine\n")
	u.configure("[endpoints.imds]\nlisten = \"127.0.0.1:9254\"\n")
	u.wants("up", "DIR/vendord.toml names no link-local address: there is nothing to add\n")
	u.wants("status", "DIR/vendord.toml names no link-local address\n")
	u.wants("up --json", "{\n  \"added\": [],\n  \"addresses\": [],\n  \"removed\": []\n}\n")
}

func TestNetWhatIsInTheWay(t *testing.T) {
	u := newNetUser(t, ecsAndEKS)
	u.ip("link add br0 type bridge", "link set br0 up", "addr add 169.254.170.2/32 dev br0", "route add 169.254.170.16/28 dev br0")
	const hints = "hint: find out what it is there for; ip addr del 169.254.170.2/32 dev br0, or leave this endpoint out of vendord.toml\n"
	const other = "hint: find out what answers there; remove the route with ip route del, or leave this endpoint out of vendord.toml\n"
	// The third is had all the same.
	refused := "vendord: net up: 169.254.170.2: link br0 has this address\n" + hints +
		"vendord: net up: 169.254.170.23: a route of this machine leads elsewhere: 169.254.170.16/28 dev br0\n" + other + "exit status 1\n"
	u.wants("up", "fd00:ec2::23: added\n"+refused)
	u.wants("up --system", "fd00:ec2::23: there already\n"+refused)
	u.wants("status", "ADDRESS         STATE                                        ENDPOINT\n"+
		"169.254.170.2   taken: link br0                              endpoints.ecs.listen\n"+
		"169.254.170.23  routed elsewhere: 169.254.170.16/28 dev br0  endpoints.eks.listen\n"+
		"fd00:ec2::23    there                                        endpoints.eks.listen\n"+
		"warning: 169.254.170.2: link br0 has this address\n"+hints+
		"warning: 169.254.170.23: a route of this machine leads elsewhere: 169.254.170.16/28 dev br0\n"+other+"exit status 1\n")
}

func TestNetRights(t *testing.T) {
	u := newNetUser(t, ecsAndEKS)
	somebody := &syscall.Credential{Uid: stranger, Gid: stranger}
	u.as = &syscall.SysProcAttr{Credential: somebody}
	u.wants("up", "vendord: net up: needs root, or CAP_NET_ADMIN\nhint: sudo VENDORD net up --config DIR/vendord.toml\nexit status 1\n")
	u.as = &syscall.SysProcAttr{Credential: somebody, AmbientCaps: []uintptr{unix.CAP_NET_ADMIN}}
	u.wants("up", "169.254.170.2: added\n169.254.170.23: added\nfd00:ec2::23: added\n")
	u.as = &syscall.SysProcAttr{Credential: somebody}
	u.wants("up", "169.254.170.2: there already\n169.254.170.23: there already\nfd00:ec2::23: there already\n")
	u.wants("down", "vendord: net down: needs root, or CAP_NET_ADMIN\nhint: sudo VENDORD net down\nexit status 1\n")
}

// Root puts the addresses of a user's configuration there, which the user may write.
func TestNetOfAUsersConfiguration(t *testing.T) {
	u := newNetUser(t, "[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n")
	for _, path := range []string{u.dir, filepath.Join(u.dir, "vendord.toml")} {
		if err := os.Chown(path, stranger, stranger); err != nil {
			t.Fatal(err)
		}
	}
	u.wants("up", "169.254.170.2: added\n")
	// Nor does it take away what the machine's service has, whose programs would ask
	// the network then.
	u.configure("[endpoints.imds]\nlisten = \"169.254.169.254:80\"\n")
	u.wants("up", "169.254.169.254: added\n")
	if got := u.types("down"); got != "169.254.169.254: removed\n169.254.170.2: removed\n" && got != "169.254.170.2: removed\n169.254.169.254: removed\n" {
		t.Errorf("net down: got %s, want both removed", got)
	}
}

// It reads it as they can: what is wrong with a file that it names is shown, and would
// show them root's.
func TestNetShowsNobodyRootsFiles(t *testing.T) {
	u := newNetUser(t, "")
	secret := filepath.Join(u.dir, "shadow")
	if err := os.WriteFile(secret, []byte("root:canary:1:2:3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(u.dir, "theirs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	u.dir = dir
	u.configure("[profiles.q]\nextends = \"p\"\npolicy_file = \"../shadow\"\n" + imds)
	for _, path := range []string{dir, filepath.Join(dir, "vendord.toml")} {
		if err := os.Chown(path, stranger, stranger); err != nil {
			t.Fatal(err)
		}
	}
	want := "vendord: vendord.toml:13: profiles.q.policy_file: " + secret + ": permission denied\nhint: a relative path begins in the folder of vendord.toml\nexit status 1\n"
	u.wants("up", want)
	u.wants("status", want)
	if err := os.Remove(filepath.Join(dir, "vendord.toml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "vendord.toml")); err != nil {
		t.Fatal(err)
	}
	if got := u.types("up"); strings.Contains(got, "canary") || !strings.Contains(got, "belongs to") {
		t.Errorf("a link to root's file in place of the configuration: got %s, want it refused", got)
	}
}

// On a cloud's machine the address is somebody's already.
func TestNetWhereAMetadataServiceAnswers(t *testing.T) {
	refusal := func(before string) string {
		return before + ": 169.254.169.254: a metadata service answers there already (status 200, EC2ws): this machine is a cloud's, whose agents, cloud-init and own role ask there\n" +
			"hint: listen at a loopback port, and set AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:PORT/ for programs; to take it over: --force, or VENDORD_NET_FORCE=1\n"
	}
	for name, row := range map[string]struct {
		endpoints, command string
		environ            []string
		status             int
		want               string
	}{
		"it is refused":                     {imds, "up", nil, 200, refusal("vendord") + "exit status 1\n"},
		"past any proxy":                    {imds, "up", []string{"HTTP_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1"}, 200, refusal("vendord") + "exit status 1\n"},
		"and keeps no other address away":   {imds + "[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n", "up", nil, 200, "169.254.170.2: added\n" + refusal("vendord") + "exit status 1\n"},
		"forced":                            {imds, "up --force", nil, 200, refusal("warning") + "169.254.169.254: added\n"},
		"forced by a unit's environment":    {imds, "up", []string{"VENDORD_NET_FORCE=1"}, 200, refusal("warning") + "169.254.169.254: added\n"},
		"forced by 0":                       {imds, "up", []string{"VENDORD_NET_FORCE=0"}, 200, refusal("vendord") + "exit status 1\n"},
		"another cloud's, which knows none": {imds, "up", nil, 404, strings.Replace(refusal("vendord"), "200", "404", 1) + "exit status 1\n"},
		"a network that answers anything":   {imds, "up", nil, 502, "169.254.169.254: added\n"},
		"an endpoint of another kind":       {"[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n", "up", nil, 200, "169.254.170.2: added\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, cloud := newNetUser(t, row.endpoints), newNetwork(t)
			u.environ = row.environ
			cloud.ip("link add theirs type veth peer name ours netns "+strconv.Itoa(u.tid), "addr add 169.254.169.254/32 dev lo", "addr add 192.0.2.1/24 dev theirs", "link set theirs up")
			u.ip("addr add 192.0.2.2/24 dev ours", "link set ours up", "route add default via 192.0.2.1")
			asked := make(chan string, 10)
			serveIn(t, cloud, "169.254.169.254:80", func(w http.ResponseWriter, r *http.Request) {
				asked <- r.Method + " " + r.URL.Path + " " + r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds")
				w.Header().Set("Server", "EC2ws")
				w.WriteHeader(row.status)
			})
			u.joined("169.254.169.254:80")
			u.wants(row.command, row.want)
			if !strings.Contains(row.endpoints, "imds") {
				return
			}
			got := "nothing"
			select {
			case got = <-asked:
			default:
			}
			if got != "PUT /latest/api/token 1" {
				t.Errorf("what was asked: got %s, want as SDKs ask", got)
			}
			if strings.Contains(row.want, "169.254.169.254: added") {
				u.wants(row.command, "169.254.169.254: there already\n") // and nobody is asked once more
			}
		})
	}
}

// serveIn serves in a network until the test ends.
func serveIn(t *testing.T, n *network, at string, handler http.HandlerFunc) net.Listener {
	t.Helper()
	var ln net.Listener
	n.in(func() (err error) { ln, err = net.Listen("tcp", at); return err })
	web, ended := http.Server{Handler: handler}, make(chan struct{})
	go func() { _ = web.Serve(ln); close(ended) }()
	t.Cleanup(func() { _ = web.Close(); <-ended })
	return ln
}

// A daemon's listeners outlive their address: nobody reaches them without it, and all do
// once it is back.
func TestNetDownWhileSomebodyListens(t *testing.T) {
	u := newNetUser(t, "[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n[endpoints.eks]\nlisten = \"169.254.170.23:80\"\n")
	u.wants("up", "169.254.170.2: added\n169.254.170.23: added\n")
	serveIn(t, u.network, "0.0.0.0:8080", nil) // which needs no address in particular
	ln := serveIn(t, u.network, "169.254.170.2:80", func(http.ResponseWriter, *http.Request) {})
	if err := bindLocal(ecsAt("169.254.170.2:80"), ln, true, true); err != nil {
		t.Fatal(err)
	}
	reached := func() bool {
		c, err := u.dial("", "169.254.170.2:80")
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
	if !reached() {
		t.Error("with the address: nobody reaches the listener")
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	who := fmt.Sprintf("%s (pid %d, user root)", strings.TrimSpace(string(comm)), os.Getpid())
	u.wants("down", "169.254.170.23: removed\nvendord: net down: 169.254.170.2:80: "+who+" listens there\n"+
		"hint: stop it first (the machine's service: sudo vendord service stop); --force takes the address away all the same\nexit status 1\n")
	u.wants("down --json", "{\n  \"removed\": []\n}\nvendord: net down: 169.254.170.2:80: "+who+" listens there\n"+
		"hint: stop it first (the machine's service: sudo vendord service stop); --force takes the address away all the same\nexit status 1\n")
	if !reached() {
		t.Error("after a refusal: nobody reaches the listener")
	}
	u.environ = []string{"VENDORD_NET_FORCE=1"} // which is about taking addresses over
	if got := u.types("down"); !strings.HasSuffix(got, "exit status 1\n") {
		t.Errorf("net down, where net up is forced: got %s, want it refused", got)
	}
	u.wants("down --force", "169.254.170.2: removed\nwarning: 169.254.170.2:80: "+who+" listens there still, and nobody reaches it\n"+
		"hint: net up brings it back, without a restart\n")
	if reached() {
		t.Error("without the address: somebody reaches the listener")
	}
	u.wants("up", "169.254.170.2: added\n169.254.170.23: added\n")
	if !reached() {
		t.Error("with the address again: nobody reaches the listener")
	}
}
