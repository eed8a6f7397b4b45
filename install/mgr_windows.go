package install

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

// windowsManager is Windows' service control manager, steered by its own calls. The
// library would install the service as LocalSystem's, without a restart after a
// failure, and would remove it while it runs.
type windowsManager struct{ Host }

// NewWindows is Windows.
func NewWindows(h Host) Manager { return windowsManager{h} }

// Name returns "Windows".
func (windowsManager) Name() string { return string(KindWindows) }

// Render returns no file but a first configuration; the rest is said to the manager.
func (m windowsManager) Render(plan Plan) (files []File, commands []string, err error) {
	w, err := plan.Service.Windows()
	if plan.First.Path != "" {
		files = append(files, plan.First)
	}
	return files, []string{"CreateService " + w.Name + " as " + w.Account + ": " + w.CommandLine}, err
}

// Check refuses every install: what a service would start does not run here yet.
func (m windowsManager) Check(context.Context, Plan) ([]string, error) {
	return nil, problem("vendord exec works without a daemon", "Windows service: vendord serve does not run on Windows yet: its control socket could not tell who asks")
}

// Install installs or upgrades.
func (m windowsManager) Install(ctx context.Context, plan Plan) error {
	if _, err := m.Check(ctx, plan); err != nil {
		return err
	}
	w, err := plan.Service.Windows()
	if err != nil {
		return err
	}
	if err := m.create(w, plan.Service.Binary); err != nil {
		return err
	}
	err = m.Start(ctx)
	if err == nil && plan.Ready != nil {
		st, _ := m.State(ctx)
		soon, done := context.WithTimeout(ctx, readyTime)
		defer done()
		err = plan.Ready(soon, st.PID)
	}
	if err == nil {
		return nil
	}
	if _, back := m.Uninstall(context.WithoutCancel(ctx), false); back != nil {
		err = errors.Join(err, &NotBack{back})
	}
	return &NotStarted{Err: err}
}

// create makes the service, disabled until all of it is set; where one of the steps
// fails it is taken away again.
func (m windowsManager) create(w WindowsService, binary string) (err error) {
	scm, err := mgr.Connect()
	if err != nil {
		return problem("open the console as an administrator", "service control manager: %w", err)
	}
	defer scm.Disconnect()
	if other, err := scm.OpenService(w.Name); err == nil {
		other.Close()
		return problem("vendord service uninstall --system", "service %s: exists already", w.Name)
	}
	s, err := scm.CreateService(w.Name, binary, mgr.Config{StartType: mgr.StartDisabled, ServiceStartName: w.Account})
	if err != nil {
		return problem("", "service %s: creating it: %w", w.Name, err)
	}
	defer s.Close()
	defer func() {
		if err != nil {
			_ = s.Delete()
		}
	}()
	var restarts []mgr.RecoveryAction
	for _, delay := range w.Restarts {
		restarts = append(restarts, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: delay})
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"its command line and account", func() error {
			return s.UpdateConfig(mgr.Config{ServiceType: windows.SERVICE_WIN32_OWN_PROCESS, StartType: mgr.StartAutomatic, ErrorControl: mgr.ErrorNormal, BinaryPathName: w.CommandLine,
				ServiceStartName: w.Account, DisplayName: w.DisplayName, Description: w.Description, DelayedAutoStart: w.DelayedStart, SidType: windows.SERVICE_SID_TYPE_UNRESTRICTED})
		}},
		{"restarts after failures", func() error { return s.SetRecoveryActions(restarts, uint32(w.ResetAfter.Seconds())) }},
		{"restarts after an end with an error", func() error { return s.SetRecoveryActionsOnNonCrashFailures(true) }},
		{"its privileges", func() error { return requirePrivileges(s.Handle, w.Privileges) }},
		{"its source in the event log", func() error { return eventSource(w.Name) }},
	} {
		// Wine does not know all settings; Windows has since 6.0.
		if err := step.do(); err != nil && !errors.Is(err, windows.ERROR_INVALID_LEVEL) {
			return problem("", "service %s: %s: %w", w.Name, step.what, err)
		}
	}
	return nil
}

// requirePrivileges takes all others from the service's token.
func requirePrivileges(service windows.Handle, names []string) error {
	var list []uint16
	for _, name := range names {
		word, err := windows.UTF16FromString(name)
		if err != nil {
			return err
		}
		list = append(list, word...)
	}
	list = append(list, 0)
	info := struct{ names *uint16 }{&list[0]} // SERVICE_REQUIRED_PRIVILEGES_INFOW
	return windows.ChangeServiceConfig2(service, windows.SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, (*byte)(unsafe.Pointer(&info)))
}

func eventSource(name string) error {
	err := eventlog.InstallAsEventCreate(name, eventlog.Error|eventlog.Warning|eventlog.Info)
	if err != nil && strings.Contains(err.Error(), "already exists") { // of an earlier install
		return nil
	}
	return err
}

// Uninstall stops the service first.
func (m windowsManager) Uninstall(ctx context.Context, purge bool) (r Removed, err error) {
	st, err := m.State(ctx)
	if err != nil || st.Phase == Absent {
		return r, err
	}
	if err := m.Stop(ctx); err != nil {
		return r, err
	}
	err = m.with(windows.DELETE, func(s *mgr.Service) error { return s.Delete() })
	if err != nil {
		return r, err
	}
	_ = eventlog.Remove(WindowsName) // it is no more than a name for what the log shows
	r.Gone = append(r.Gone, "service "+WindowsName)
	data := filepath.Join(os.Getenv("ProgramData"), "vendord")
	if _, err := os.Stat(data); err != nil {
		return r, nil
	}
	if !purge {
		r.Kept = append(r.Kept, data)
		return r, nil
	}
	r.Gone = append(r.Gone, data)
	return r, os.RemoveAll(data)
}

// with opens the service with no more rights than are needed.
func (m windowsManager) with(access uint32, do func(*mgr.Service) error) error {
	scm, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return problem("", "service control manager: %w", err)
	}
	defer windows.CloseServiceHandle(scm)
	name, err := windows.UTF16PtrFromString(WindowsName)
	if err != nil {
		return err
	}
	h, err := windows.OpenService(scm, name, access)
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		return problem("vendord service install --system", "service: not installed")
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return problem("open the console as an administrator", "service %s: this user may not change it", WindowsName)
	case err != nil:
		return problem("", "service %s: %w", WindowsName, err)
	}
	s := &mgr.Service{Name: WindowsName, Handle: h}
	defer s.Close()
	return do(s)
}

// Start starts it, and waits until it runs.
func (m windowsManager) Start(ctx context.Context) error {
	return m.with(windows.SERVICE_START|windows.SERVICE_QUERY_STATUS, func(s *mgr.Service) error {
		if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return problem("see the event log: vendord service logs", "service %s: starting it: %w", WindowsName, err)
		}
		return until(ctx, s, svc.Running, svc.StartPending)
	})
}

// Stop stops it, and waits until it has.
func (m windowsManager) Stop(ctx context.Context) error {
	return m.with(windows.SERVICE_STOP|windows.SERVICE_QUERY_STATUS, func(s *mgr.Service) error {
		if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
			return problem("", "service %s: stopping it: %w", WindowsName, err)
		}
		return until(ctx, s, svc.Stopped, svc.StopPending, svc.Running)
	})
}

// Restart stops and starts it.
func (m windowsManager) Restart(ctx context.Context) error {
	if err := m.Stop(ctx); err != nil {
		return err
	}
	return m.Start(ctx)
}

// until waits for a state, as long as the service is on its way there.
func until(ctx context.Context, s *mgr.Service, want svc.State, way ...svc.State) error {
	soon, done := context.WithTimeout(ctx, stopTime)
	defer done()
	for {
		st, err := s.Query()
		if err != nil || st.State == want {
			return err
		}
		onTheWay := false
		for _, w := range way {
			onTheWay = onTheWay || st.State == w
		}
		if !onTheWay || soon.Err() != nil {
			return problem("see the event log: vendord service logs", "service %s: %s (exit code %d)", WindowsName, phases[st.State], max(st.ServiceSpecificExitCode, st.Win32ExitCode))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

var phases = map[svc.State]Phase{svc.Stopped: Stopped, svc.StartPending: Starting, svc.StopPending: Stopping, svc.Running: Running,
	svc.ContinuePending: Starting, svc.PausePending: Stopping, svc.Paused: Stopped}

// State asks the manager. Everybody may.
func (m windowsManager) State(context.Context) (State, error) {
	var st State
	err := m.with(windows.SERVICE_QUERY_STATUS|windows.SERVICE_QUERY_CONFIG, func(s *mgr.Service) error {
		now, err := s.Query()
		if err != nil {
			return problem("", "service %s: %w", WindowsName, err)
		}
		config, err := configOf(s.Handle)
		if err != nil {
			return problem("", "service %s: %w", WindowsName, err)
		}
		st = State{Phase: phases[now.State], PID: int(now.ProcessId), Enabled: config.StartType == windows.SERVICE_AUTO_START}
		if code := max(now.ServiceSpecificExitCode, now.Win32ExitCode); now.State == svc.Stopped && code != 0 && code != uint32(windows.ERROR_SERVICE_NEVER_STARTED) {
			st.Phase, st.Exit = Failed, "exit code "+strconv.Itoa(int(code))
		}
		if words, err := windows.DecomposeCommandLine(windows.UTF16PtrToString(config.BinaryPathName)); err == nil && len(words) > 0 {
			st.Binary = words[0]
		}
		return nil
	})
	if err != nil && strings.HasSuffix(err.Error(), "not installed") {
		return State{Phase: Absent}, nil
	}
	return st, err
}

// configOf is the part of a service's settings that every manager has: mgr's Config
// asks for all of them, and fails under Wine. What it points to lies behind it.
func configOf(service windows.Handle) (*windows.QUERY_SERVICE_CONFIG, error) {
	for size := uint32(8192); ; { // which Windows documents as the most
		buffer := make([]byte, size)
		config := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buffer[0]))
		err := windows.QueryServiceConfig(service, config, size, &size)
		if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) || size <= uint32(len(buffer)) {
			return config, err
		}
	}
}

// Logs has Windows' own program print the events of the service.
func (m windowsManager) Logs(ctx context.Context, l Logs) error {
	if l.Follow || l.Since != "" {
		return problem("the Event Viewer does", "logs: of Windows' event log, neither --follow nor --since")
	}
	args := []string{"qe", "Application", "/q:*[System[Provider[@Name='" + WindowsName + "']]]", "/f:text"}
	if l.Lines > 0 {
		args = append(args, "/rd:true", "/c:"+strconv.Itoa(l.Lines))
	}
	cmd := exec.CommandContext(ctx, "wevtutil", args...)
	cmd.Stdout, cmd.Stderr = l.Out, l.Err
	return cmd.Run()
}
