package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
)

// wouldStart marks a verb that would start a daemon, which is tried with the real program elsewhere.
const wouldStart = -1

// nameOf stands for the name that a state is tried with, in the arguments of verbs.
const nameOf = "NAME"

// verbsInBadStates are command lines with the exit codes that each bad state has to give, in the order of badStates.
func verbsInBadStates() map[string][4]int {
	return map[string][4]int{
		"config show":      {exitOK, exitOK, exitOK, exitOK},
		"config show NAME": {exitNotFound, exitUsage, exitNotFound, exitOK},
		"create NAME":      {exitNotFound, exitNotFound, exitNotFound, exitNotFound},
		"daemon reload":    {exitUnreachable, exitUnreachable, exitUnreachable, exitUnreachable},
		"daemon status":    {exitUnreachable, exitUnreachable, exitUnreachable, exitUnreachable},
		"daemon upgrade":   {exitUnreachable, exitUnreachable, exitUnreachable, exitUnreachable},
		"delete NAME":      {exitNotFound, exitUsage, exitNotFound, exitOK},
		"describe NAME":    {exitNotFound, exitUsage, exitNotFound, exitOK},
		"events NAME":      {exitNotFound, exitUsage, exitNotFound, exitOK},
		"exit":             {exitOK, exitOK, exitOK, exitOK},
		"import NAME":      {exitNotFound, exitNotFound, exitNotFound, exitNotFound},
		"list NAME":        {exitNotFound, exitUsage, exitNotFound, exitOK},
		"log NAME":         {exitNotFound, exitUsage, exitNotFound, exitNotFound},
		"operation NAME":   {exitUnreachable, exitUnreachable, exitUnreachable, exitUnreachable},
		"pid NAME":         {exitOK, exitOK, exitOK, exitOK},
		"plan NAME":        {exitNotFound, exitNotFound, exitNotFound, exitProcfile},
		"ps NAME":          {exitOK, exitOK, exitOK, exitOK},
		"reload NAME":      {exitNotFound, exitUsage, exitNotFound, wouldStart},
		"restart NAME":     {exitOK, exitUsage, exitOK, wouldStart},
		"scale NAME/web 2": {exitNotFound, exitUsage, exitNotFound, exitUnreachable},
		"start NAME/web":   {exitNotFound, exitNotFound, exitNotFound, exitUnreachable},
		"stop NAME":        {exitOK, exitUsage, exitOK, exitOK},
		"structure NAME":   {exitNotFound, exitNotFound, exitNotFound, exitNotFound},
		"top --once NAME":  {exitUnreachable, exitUsage, exitUnreachable, exitUnreachable},
		"validate NAME":    {exitNotFound, exitNotFound, exitNotFound, exitNotFound},
		"wait NAME":        {exitNotFound, exitUsage, exitNotFound, exitUnreachable},
	}
}

// withoutBadStates are the verbs that have nothing to do with what runs, or that do what a test must not.
func withoutBadStates() []string {
	return []string{"completion", "dev", "doctor", "guard", "help", "init", "resurrect", "startup", "version"}
}

// badState makes a home in which something is wrong, and says with which name verbs are tried there.
type badState struct {
	what, name string
	make       func(t *testing.T, home state.Home)
}

func badStates() []badState {
	return []badState{
		{"no daemon, and a name that nothing has", "nope", func(*testing.T, state.Home) {}},
		{"a name of 10,000 characters", strings.Repeat("x", 10_000), func(*testing.T, state.Home) {}},
		{"a dead socket, and a name that nothing has", "nope", func(t *testing.T, home state.Home) {
			listener := listenAt(t, home)
			listener.SetUnlinkOnClose(false)
			listener.Close()
		}},
		{"something else at the socket", "shop", func(t *testing.T, home state.Home) {
			gone := filepath.Join(home.Dir, "gone")
			record := &state.Record{Version: state.RecordVersion, AppName: "shop", AppDir: gone, Desired: state.DesiredRunning,
				App: procfile.Application{AppName: "shop", AppDir: gone}}
			if err := home.WriteRecord(record); err != nil {
				t.Fatal(err)
			}
			listener := listenAt(t, home)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := listener.Accept()
					if errors.Is(err, net.ErrClosed) {
						return
					}
					if err == nil {
						_, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n\x00\xff"))
						conn.Close()
					}
				}
			}()
			t.Cleanup(func() { listener.Close(); <-done })
		}},
	}
}

func listenAt(t *testing.T, home state.Home) *net.UnixListener {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: home.ControlSocket(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// TestVerbsInBadStates tries every verb in every bad state: it ends soon, with the code that says what is wrong, and tells it
// in few words; no application is recorded by it.
func TestVerbsInBadStates(t *testing.T) {
	for i, bad := range badStates() {
		for line, codes := range verbsInBadStates() {
			if codes[i] == wouldStart {
				continue
			}
			t.Run(bad.what+"/"+line, func(t *testing.T) {
				t.Parallel()
				dir, err := os.MkdirTemp("", "pandora-bad-") // t.TempDir is too long for a socket
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { os.RemoveAll(dir) })
				environ := []string{"PANDORA_DIR=" + filepath.Join(dir, "p"), "HOME=" + dir, "PATH=" + os.Getenv("PATH"), "PANDORA_CONFIG="}
				home, err := state.Locate((&cli{environ: environ}).getenv)
				if err != nil {
					t.Fatal(err)
				}
				if err := home.Prepare(); err != nil {
					t.Fatal(err)
				}
				bad.make(t, home)
				args := strings.Fields(line)
				for j := range args {
					args[j] = strings.Replace(args[j], nameOf, bad.name, 1)
				}
				var out, errOut strings.Builder
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				code := newCLI(&out, &errOut, environ).run(ctx, args)
				said := out.String() + errOut.String()
				if code != codes[i] {
					t.Errorf("exit code %d, want %d\n%s", code, codes[i], said)
				}
				if said == "" && code != exitOK || len(said) > 4000 && code != exitOK || strings.Contains(said, "goroutine ") {
					t.Errorf("it says %.4000q", said)
				}
			})
		}
	}
}

// TestEveryVerbIsTried holds that no verb is missing above.
func TestEveryVerbIsTried(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		name := strings.TrimPrefix(cmd.CommandPath(), "pandora ")
		tried := slices.Contains(withoutBadStates(), name)
		for line := range verbsInBadStates() {
			tried = tried || line == name || strings.HasPrefix(line, name+" ")
		}
		if !tried && !cmd.Hidden {
			t.Errorf("[ pandora %s ] is not tried in bad states", name)
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	for _, cmd := range newCLI(&strings.Builder{}, &strings.Builder{}, nil).root().Commands() {
		walk(cmd)
	}
}
