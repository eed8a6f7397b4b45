package peer_test

import (
	"strings"
	"testing"

	"github.com/vendord/vendord/peer"
)

var (
	id      = strings.Repeat("0123456789abcdef", 4)
	another = strings.Repeat("fedcba9876543210", 4)
)

// TestUnits: what a path belongs to is said by whoever could not have made it.
func TestUnits(t *testing.T) {
	const john = "/user.slice/user-1000.slice/user@1000.service"
	for _, test := range []struct {
		name, cgroup, system, user string
		uid                        uint32
	}{
		{"a service", "/system.slice/sshd.service", "sshd.service", "", 0},
		{"what a service made below itself", "/system.slice/sshd.service/worker", "sshd.service", "", 0},
		{"a template's instance in its slice", "/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", "", 0},
		{"a login", "/user.slice/user-1000.slice/session-3.scope", "session-3.scope", "", 0},
		{"a user's unit", john + "/app.slice/app.service", "user@1000.service", "app.service", 1000},
		{"a user's unit, named like a system's", john + "/system.slice/sshd.service", "user@1000.service", "sshd.service", 1000},
		{"a user's manager itself", john + "/init.scope", "user@1000.service", "init.scope", 1000},
		{"a user's manager inside a service", "/system.slice/x.service/user@1000.service/app.service", "x.service", "", 0},
		{"a manager for no number", "/user@01000.service/app.service", "user@01000.service", "", 0},
		{"the root", "/", "", "", 0},
		{"a slice alone", "/system.slice", "", "", 0},
		{"what no systemd made", "/docker/" + id + "/system.slice/sshd.service", "", "", 0},
		{"an escaped name", "/_system.slice/_cpu.service", "cpu.service", "", 0},
		{"no unit's letters", "/system.slice/ssh d.service", "", "", 0},
		{"nothing", "", "", "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := peer.SystemUnit(test.cgroup); got != test.system {
				t.Errorf("SystemUnit: got %q, want %q", got, test.system)
			}
			if unit, uid, ok := peer.UserUnit(test.cgroup); unit != test.user || uid != test.uid || ok != (test.user != "") {
				t.Errorf("UserUnit: got %q of %d, %v; want %q of %d", unit, uid, ok, test.user, test.uid)
			}
		})
	}
}

// TestContainer: a container is the outermost, since those inside it are its own
// to name.
func TestContainer(t *testing.T) {
	for _, test := range []struct{ name, cgroup, want, within string }{
		{"podman, without systemd", "/libpod_parent/libpod-" + id, id, ""},
		{"podman", "/machine.slice/libpod-" + id + ".scope/container", id, ""},
		{"docker", "/system.slice/docker-" + id + ".scope", id, ""},
		{"docker, without systemd", "/docker/" + id, id, ""},
		{"containerd in Kubernetes", "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope", id, ""},
		{"containerd, by its own driver", "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + id, id, "containerd.service"},
		{"one inside another", "/docker/" + id + "/docker/" + another, id, ""},
		{"one digit too many", "/docker/" + id + "0", "", ""},
		{"capitals", "/docker/" + strings.ToUpper(id), "", ""},
		{"a service", "/system.slice/sshd.service", "", ""},
		{"podman without root", "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope", id, "user@1000.service"},
		{"podman in a service, as a part of it", "/system.slice/web.service/libpod-payload-" + id, id, "web.service"},
		{"a directory that a login made", "/user.slice/user-1000.slice/session-3.scope/" + id, id, "session-3.scope"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, within := peer.Container(test.cgroup); got != test.want || within != test.within {
				t.Errorf("Container: got %q within %q, want %q within %q", got, within, test.want, test.within)
			}
		})
	}
}

// FuzzUnits: whatever a path ends in, it belongs to what it begins with.
func FuzzUnits(f *testing.F) {
	f.Add("x/../system.slice/sshd.service")
	f.Add("user@0.service/a.service")
	f.Fuzz(func(t *testing.T, below string) {
		if got := peer.SystemUnit("/system.slice/own.service/" + below); got != "own.service" {
			t.Errorf("SystemUnit of a path in own.service: got %q", got)
		}
		if unit, _, ok := peer.UserUnit("/system.slice/own.service/" + below); ok {
			t.Errorf("UserUnit of a path in own.service: got %q", unit)
		}
		if got, within := peer.Container("/docker/" + id + "/" + below); got != id || within != "" {
			t.Errorf("Container: got %q within %q", got, within)
		}
		if got, within := peer.Container("/user.slice/user-1000.slice/user@1000.service/" + below); got != "" && within != "user@1000.service" {
			t.Errorf("Container of a path in a user's manager: got %q within %q", got, within)
		}
	})
}
