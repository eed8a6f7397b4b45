//go:build machine

// Command probe is a program that wants AWS credentials, as honest or as sly as it
// is told to be. It asks once and prints, as a line of JSON, what it was answered,
// and who it was when it asked. It is for the tests of conformance/systemd,
// conformance/containers and conformance/service.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Answer is what it prints.
type Answer struct {
	// Status is 0 for no answer at all, and Key the access key id, if any.
	Status    int
	Code, Key string `json:",omitempty"`
	Problem   string `json:",omitempty"`
	// UID and Cgroup are the process's own, and Port is where it asked from.
	UID    int
	Cgroup string
	Port   int `json:",omitempty"`
}

type probe struct {
	url, agent, token, metadata string
	group, from, via            string
	relay, hold, become         string
	pass, take                  string
	mapped, hangUp, orphan, sdk bool
	read                        bool
	crowd, fd                   int
	load                        string
	kept, sandbox               bool
	workers, asks               int
	pace                        time.Duration
}

func main() {
	var p probe
	flag.StringVar(&p.url, "url", "http://127.0.0.1:9797/v1/process/credentials", "where to ask")
	flag.StringVar(&p.agent, "agent", "probe", "the `name` to ask by")
	flag.StringVar(&p.token, "token", "", "the `token` to show")
	flag.StringVar(&p.metadata, "metadata", "", "ask as one asks EC2's metadata service, with the session token in this `file`; one is got where there is none")
	flag.StringVar(&p.group, "group", "", "make this control group, a `path` from the root of all, and move there first")
	flag.StringVar(&p.from, "from", "", "`address` and port to ask from")
	flag.StringVar(&p.via, "via", "", "`address` to connect to, where that is not the one to ask")
	flag.BoolVar(&p.mapped, "mapped", false, "ask through an IPv6 socket, as Java does")
	flag.BoolVar(&p.hangUp, "hang-up", false, "close without waiting for the answer")
	flag.BoolVar(&p.sdk, "sdk", false, "be a program with the AWS SDK, led by its environment")
	flag.StringVar(&p.become, "become", "", "ask, and be another `program` before the answer is there")
	flag.StringVar(&p.pass, "pass", "", "connect, and pass the socket to who takes it at a `path`")
	flag.StringVar(&p.take, "take", "", "ask through a socket that is passed at a `path`")
	flag.BoolVar(&p.orphan, "orphan", false, "connect, and have a child ask once we are gone")
	flag.BoolVar(&p.read, "read", false, "read an answer that another program waits for, from standard input")
	flag.IntVar(&p.crowd, "crowd", 0, "how `many` connections to ask through at once")
	flag.IntVar(&p.fd, "fd", 0, "a connection that is open already")
	flag.StringVar(&p.relay, "relay", "", "pass on all that comes to this `address`, until killed")
	flag.StringVar(&p.hold, "hold", "", "connect, write our port to this `file`, and ask when it is gone")
	flag.StringVar(&p.load, "load", "", "ask again and again until this `file` is gone")
	flag.BoolVar(&p.kept, "kept", false, "with -load: keep connections")
	flag.IntVar(&p.workers, "workers", 4, "with -load: how `many` ask at once")
	flag.IntVar(&p.asks, "asks", 0, "with -load: how `often` each asks at most; 0: no bound")
	flag.DurationVar(&p.pace, "pace", time.Millisecond, "with -load: the `time` from an answer to the next question")
	flag.BoolVar(&p.sandbox, "sandbox", false, "try what a daemon that was taken over would, and say what came of it")
	flag.Parse()
	if p.sandbox {
		tryAll()
		return
	}
	if p.relay != "" {
		fatal(relay(p.relay, strings.TrimPrefix(p.host(), "http://")))
	}
	if p.metadata != "" {
		var err error
		if p.token, err = p.session(p.metadata); err != nil {
			p.print(Answer{Problem: err.Error()})
			return
		}
	}
	p.run()
}

func (p *probe) run() {
	if p.group != "" {
		if err := enter(p.group); err != nil { // and asks all the same, from where it is
			fmt.Fprintln(os.Stderr, err)
		}
	}
	switch {
	case p.sdk:
		p.print(askSDK())
	case p.read:
		if c, err := connOf(0); err == nil {
			p.print(read(c, Answer{}))
		}
	case p.crowd > 0:
		p.askAll()
	case p.load != "":
		p.askUntil(p.load)
	default:
		c, err := p.connection()
		if err != nil {
			p.print(Answer{Problem: err.Error()})
			return
		}
		p.print(p.ask(c))
	}
}

// print prints an answer with who we are.
func (p *probe) print(a Answer) {
	a.UID = os.Geteuid()
	a.Cgroup = ownGroup()
	_ = json.NewEncoder(os.Stdout).Encode(a)
}

// ownGroup is the control group that the process is in, as the process sees it.
func ownGroup() string {
	text, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSpace(path)
		}
	}
	return ""
}

// enter makes a control group and moves the process there.
func enter(path string) error {
	dir := filepath.Join("/sys/fs/cgroup", path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0)
}

// ask asks through a connection.
func (p *probe) ask(c net.Conn) (a Answer) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if at, ok := c.LocalAddr().(*net.TCPAddr); ok {
		a.Port = at.Port
	}
	if _, err := c.Write([]byte(p.request())); err != nil {
		a.Problem = err.Error()
		return a
	}
	if p.hangUp {
		return a
	}
	return read(c, a)
}

// request is what an SDK sends, but for the User-Agent, by which the record is
// searched.
func (p *probe) request() string {
	lines := []string{"GET " + strings.TrimPrefix(p.url, p.host()) + " HTTP/1.1", "Host: " + strings.TrimPrefix(p.host(), "http://"), "User-Agent: " + p.agent}
	if !p.kept {
		lines = append(lines, "Connection: close")
	}
	switch {
	case p.metadata != "":
		lines = append(lines, "X-aws-ec2-metadata-token: "+p.token)
	case p.token != "":
		lines = append(lines, "Authorization: "+p.token)
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func read(c net.Conn, a Answer) Answer {
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		a.Problem = err.Error()
		return a
	}
	defer r.Body.Close()
	var body struct{ AccessKeyID, Code string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		a.Problem = err.Error()
	}
	a.Status, a.Code, a.Key = r.StatusCode, body.Code, body.AccessKeyID
	return a
}

// host is the address with its scheme.
func (p *probe) host() string {
	rest := strings.TrimPrefix(p.url, "http://")
	address, _, _ := strings.Cut(rest, "/")
	return "http://" + address
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "probe:", err)
	os.Exit(1)
}
