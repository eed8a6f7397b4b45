//go:build linux

package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkMetadataExe is a metadata read by a program that has just connected, of an app
// that is recognised by its executable, beside so many processes of other users, and of
// its own user. Both what lists and what hands out look at all open files of all of them;
// how long each of the three requests took is the median:
//
//	go test ./server -run '^$' -bench MetadataExe -benchtime 10x
func BenchmarkMetadataExe(b *testing.B) {
	own := uint32(os.Getuid())
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		b.Fatal(err)
	}
	w := startMetadata(b, always(lasting()), fmt.Sprintf("[apps.exe]\nprofiles = [\"upload\"]\nmatch = {user = \"#%d\", exe = %q}\n", own, exe), byTheClock)
	for whose, uid := range map[string]uint32{"others": 21_001, "its own": own} {
		if own != 0 && uid != own {
			continue // it takes root to be two users
		}
		for _, n := range []int{100, 1_000, 5_000} {
			name := fmt.Sprintf("%d of %s", n, whose)
			end := sleepers(b, uid, n)
			b.Run(name, func(b *testing.B) { benchmarkFirstRead(b, w) })
			end()
		}
	}
}

func benchmarkFirstRead(b *testing.B, w *world) {
	var took [3][]time.Duration
	var spent int64
	for b.Loop() {
		before := processor(b)
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			b.Fatal(err)
		}
		in := bufio.NewReader(c)
		token := ""
		for i, request := range []string{put, reading(roles, "SESSION"), reading(roles+"upload", "SESSION")} {
			began := time.Now()
			_, _ = io.WriteString(c, strings.Replace(w.put(request), "SESSION", token, 1))
			if i == 0 {
				var said []byte
				said, err = bodyOf(in)
				token = string(said)
			} else {
				err = skip(in)
			}
			if err != nil {
				b.Fatalf("request %d, after %v: %v", i+1, time.Since(began), err)
			}
			took[i] = append(took[i], time.Since(began))
		}
		_ = c.Close()
		used := processor(b) - before
		spent += used
		b.StopTimer()
		time.Sleep(6 * time.Duration(used)) // a user may have us look for a fifth of the time
		b.StartTimer()
	}
	b.ReportMetric(float64(spent)/float64(b.N)/1e6, "cpu-ms/op")
	for i, name := range []string{"PUT", "list", "role"} {
		slices.Sort(took[i])
		b.ReportMetric(took[i][len(took[i])/2].Seconds()*1e3, name+"-ms")
	}
}

// sleepers starts so many processes of a user, which wait for as long as this one lives.
func sleepers(b *testing.B, uid uint32, n int) (end func()) {
	b.Helper()
	cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf("exec 3<&0; i=0; while [ $i -lt %d ]; do (read x) <&3 & i=$((i+1)); done; echo; wait", n))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
	return func() { _, _ = in.Close(), cmd.Wait() }
}
