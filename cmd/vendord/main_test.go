package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/fakeaws"
)

// The scripts run the real command, as a person types it; sdk is a program of
// somebody else's that knows nothing of vendord.
func TestMain(m *testing.M) {
	testscript.Main(unhung{m}, map[string]func(){
		"vendord": main,
		"sdk":     sdk,
		"ending":  ending,
		"asks":    asks,
		"browser": browser,
		"aws":     awsCLI,
	})
}

// The first thread is kept from tests: what they change of theirs, its user or its
// network, ends with the thread, and the first does not end. /proc shows it as the
// whole process's. Only an init runs on it for certain; main may not any more.
func init() { runtime.LockOSThread() }

// unhung runs the tests so that their commands take a SIGHUP as they do in a
// terminal. Under nohup, as in some CI, it is ignored, and programs inherit that,
// but not from one that handles it.
type unhung struct{ *testing.M }

func (m unhung) Run() int {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	return m.M.Run()
}

func TestScripts(t *testing.T) { testscript.Run(t, scripts()) }

// scripts says where each script runs, as whom, and what it can do besides running
// programs.
func scripts() testscript.Params {
	return testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // under -race every command would sleep for a second
			for _, kv := range [][2]string{{"HOME", home}, {"XDG_RUNTIME_DIR", filepath.Join(e.WorkDir, "run")},
				{"XDG_STATE_HOME", filepath.Join(e.WorkDir, "state")}, {"XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "conf")}, {"TMPDIR", filepath.Join(e.WorkDir, "tmp")}} {
				e.Setenv(kv[0], kv[1])
				if err := os.MkdirAll(kv[1], 0o700); err != nil {
					return err
				}
			}
			return chmodAll(e.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fakeaws": startFakeAWS,
			"ready":   ready,
			"expand":  expand,
			"fault":   fault,
			"listen":  occupy,
			"status":  status,
			"mfa":     mfaCodes,
			"sso":     fakeSSO,
			"waitfor": waitFor,
			"named":   callerNamed,
			"systemd": fakeSystemd,
		},
	}
}

// chmodAll makes the script's files such that the daemon trusts them, whatever
// the umask of who runs the tests.
func chmodAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
}

// startFakeAWS starts an AWS for the script: $AWS is its address, $KEY_ID and
// $SECRET are john's.
func startFakeAWS(ts *testscript.TestScript, _ bool, _ []string) {
	fake, err := fakeaws.New(fakeaws.Config{State: signInWorld()})
	ts.Check(err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- fake.Serve(ctx, ln) }()
	ts.Defer(func() { cancel(); <-done })
	key := exampleKey()
	ts.Setenv("AWS", "http://"+ln.Addr().String())
	ts.Setenv("KEY_ID", key.ID)
	ts.Setenv("SECRET", key.Secret)
	sdk, err := exec.LookPath("sdk")
	if err == nil {
		sdk, err = filepath.EvalSymlinks(sdk)
	}
	ts.Check(err)
	ts.Setenv("SDK", sdk) // as the kernel knows it
}

// fault injects one, as JSON.
func fault(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.Post(ts.Getenv("AWS")+"/_fake/faults", "application/json", strings.NewReader(args[0]))
	ts.Check(err)
	r.Body.Close()
	if r.StatusCode/100 != 2 {
		ts.Fatalf("fault: %s", r.Status)
	}
}

// expand replaces $VARIABLES in files.
func expand(ts *testscript.TestScript, _ bool, files []string) {
	for _, file := range files {
		path := ts.MkAbs(file)
		text := os.Expand(ts.ReadFile(file), func(name string) string {
			if value := ts.Getenv(name); value != "" {
				return value
			}
			return "${" + name + "}"
		})
		ts.Check(os.WriteFile(path, []byte(text), 0o600))
	}
}

// ready waits for the daemon's control socket.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	socket := filepath.Join(ts.Getenv("XDG_RUNTIME_DIR"), "vendord", "control.sock")
	for range 2400 {
		if c, err := control.Dial(context.Background(), socket); err == nil {
			r, err := c.Ready(context.Background())
			c.Close()
			if err == nil && r.Reason != "starting" {
				return
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	ts.Fatalf("ready: no daemon within a minute")
}

// callerNamed runs a program until a command of vendord's says which process asked:
// named REGEXP COMMAND PROGRAM, both for a shell. The record's look for the process
// has 50 ms, and goes without where a busy machine takes longer.
func callerNamed(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile(args[0])
	for range 100 {
		_ = ts.Exec("sh", "-c", args[2])
		ts.Check(ts.Exec("sh", "-c", args[1]))
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("%s: never says %s", args[1], args[0])
}

// status runs a command and wants this exit status of it.
func status(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s: exit status %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// occupy listens on a free port, as another program would; $PORT is which.
func occupy(ts *testscript.TestScript, _ bool, _ []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { ln.Close() })
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	ts.Setenv("PORT", port)
}

// sdk is a program that uses AWS through the SDK's default chain.
func sdk() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := useAWS(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func useAWS(ctx context.Context, args []string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	bucket := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	name := "company1-hr"
	switch args[0] {
	case "whoami":
		who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
		if err == nil {
			fmt.Println(*who.Arn)
		}
		return err
	case "token":
		got, err := cfg.Credentials.Retrieve(ctx)
		if err == nil {
			fmt.Println(got.AccessKeyID[:4], len(got.SessionToken))
		}
		return err
	case "put":
		_, err := bucket.PutObject(ctx, &s3.PutObjectInput{Bucket: &name, Key: &args[1], Body: bytes.NewReader([]byte("x"))})
		return err
	case "ls":
		list, err := bucket.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &name})
		if err != nil {
			return err
		}
		for _, o := range list.Contents {
			fmt.Println(*o.Key)
		}
		return nil
	}
	return errors.New("usage: sdk whoami|token|put KEY|ls")
}

// ending ends as it is told: "exit N", "signal N" (its own), or "wait", which
// prints the first signal that it gets and exits with 7.
func ending() {
	switch os.Args[1] {
	case "exit":
		n, _ := strconv.Atoi(os.Args[2])
		os.Exit(n)
	case "signal":
		n, _ := strconv.Atoi(os.Args[2])
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Signal(syscall.Signal(n))
		time.Sleep(10 * time.Second)
	case "wait":
		caught := make(chan os.Signal, 1)
		signal.Notify(caught, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		_ = os.WriteFile(os.Args[2], []byte("ready"), 0o600)
		select {
		case s := <-caught:
			fmt.Println(s)
			os.Exit(7)
		case <-time.After(time.Minute):
			os.Exit(1)
		}
	}
}
