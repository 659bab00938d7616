package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"
)

// terminalPatience is how long a terminal is waited for to show something.
const terminalPatience = 30 * time.Second

// terminal is a command on a pseudo-terminal, and what a user sees there.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File
	before unix.Termios
	ended  chan error

	mu sync.Mutex // guards everything below
	// screen answers to what terminals are asked, too.
	screen *vt.Emulator
	// written counts what the command wrote; alternate is true while it has the screen to itself.
	written   int
	alternate bool
	changed   chan struct{} // closed and replaced when something was written
}

// onTerminal starts a command on a terminal of a size.
func onTerminal(t *testing.T, width, height int, env []string, name string, args ...string) *terminal {
	t.Helper()
	master, slave, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, master: master, slave: slave, ended: make(chan error, 1), changed: make(chan struct{})}
	term.screen = vt.NewEmulator(width, height)
	term.screen.SetCallbacks(vt.Callbacks{AltScreen: func(on bool) { term.alternate = on }})
	term.setSize(width, height)
	term.before = term.modes()
	term.cmd = exec.Command(name, args...)
	term.cmd.Env = append(env, "TERM=xterm-256color")
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = slave, slave, slave
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { term.ended <- term.cmd.Wait() })
	wg.Go(term.read)
	wg.Go(func() { _, _ = io.Copy(master, term.screen) })
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill() // it may have ended
		master.Close()
		slave.Close()
		if pipe, ok := term.screen.InputPipe().(io.Closer); ok {
			_ = pipe.Close() // its own Close is not for use beside Read
		}
		wg.Wait()
	})
	return term
}

// openTerminal makes a pseudo-terminal.
func openTerminal() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0); err != nil {
		return nil, nil, err
	}
	var number int
	conn, err := master.SyscallConn()
	if err == nil {
		inner := conn.Control(func(fd uintptr) {
			if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
				number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
			}
		})
		err = errors.Join(err, inner)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
	}
	return master, slave, err
}

// read takes what the command writes to the screen.
func (term *terminal) read() {
	buf := make([]byte, 32<<10)
	for {
		n, err := term.master.Read(buf)
		if err != nil {
			return
		}
		term.mu.Lock()
		_, _ = term.screen.Write(buf[:n])
		term.written += n
		close(term.changed)
		term.changed = make(chan struct{})
		term.mu.Unlock()
	}
}

// setSize gives the terminal a size, and tells the command.
func (term *terminal) setSize(width, height int) {
	term.t.Helper()
	term.mu.Lock()
	term.screen.Resize(width, height)
	term.mu.Unlock()
	size := &unix.Winsize{Row: uint16(height), Col: uint16(width)}
	if err := unix.IoctlSetWinsize(int(term.slave.Fd()), unix.TIOCSWINSZ, size); err != nil {
		term.t.Fatal(err)
	}
}

// modes are those of the terminal, which raw mode changes.
func (term *terminal) modes() unix.Termios {
	term.t.Helper()
	modes, err := unix.IoctlGetTermios(int(term.slave.Fd()), unix.TCGETS)
	if err != nil {
		term.t.Fatal(err)
	}
	return *modes
}

// text is what is seen, without blanks at the ends of lines.
func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	lines := strings.Split(term.screen.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \r")
	}
	return strings.Join(lines, "\n")
}

// press sends keys as a terminal does.
func (term *terminal) press(keys string) {
	term.t.Helper()
	if _, err := io.WriteString(term.master, keys); err != nil {
		term.t.Fatal(err)
	}
}

// until waits until what is seen is so.
func (term *terminal) until(what string, ok func(text string) bool) string {
	term.t.Helper()
	limit := time.After(terminalPatience)
	for {
		term.mu.Lock()
		changed := term.changed
		term.mu.Unlock()
		text := term.text()
		if ok(text) {
			return text
		}
		select {
		case <-changed:
		case <-limit:
			term.t.Fatalf("%s: not within %s. The terminal shows:\n%s", what, terminalPatience, text)
		}
	}
}

// shows waits until a text is seen.
func (term *terminal) shows(text string) string {
	term.t.Helper()
	return term.until("to show "+text, func(seen string) bool { return strings.Contains(seen, text) })
}

// end waits for the end of the command, which leaves the terminal as it was.
func (term *terminal) end() error {
	term.t.Helper()
	var err error
	select {
	case err = <-term.ended:
	case <-time.After(terminalPatience):
		term.t.Fatalf("the command does not end. The terminal shows:\n%s", term.text())
	}
	if now := term.modes(); now != term.before {
		term.t.Errorf("the terminal is not as it was:\n%+v\n%+v", now, term.before)
	}
	term.until("to give the screen back", func(string) bool {
		term.mu.Lock()
		defer term.mu.Unlock()
		return !term.alternate && !term.screen.CursorHidden()
	})
	return err
}
