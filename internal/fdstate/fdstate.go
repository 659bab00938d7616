// Package fdstate lets a program replace itself by another build in the same process: the pid, the children and chosen
// descriptors stay, and a document tells the new build what they are.
//
//	err := fdstate.Exec(fdstate.Handover{Executable: path, Args: args, Env: env, Document: doc, Descriptors: fds})
//	// only reached when the system refused, and then nothing has changed
//
//	doc, err := fdstate.Load(fd)   // in the new build; the descriptors are close-on-exec again
//
// The document lies in memory that belongs to the process alone, so it may hold secrets.
//
// Concurrency: Exec ends every goroutine without telling it. Whoever calls it has brought to rest what must not be cut in
// the middle.
//
// It does not know what the document says.
package fdstate

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// magic begins every state; the number is that of this framing, not of the document.
const magic = "pandora-state 1\n"

// maxDocument bounds a document that is read.
const maxDocument = 1 << 30

// FDPlaceholder is replaced in Handover.Args by the number of the descriptor to Load.
const FDPlaceholder = "{fd}"

// Handover says who takes over, and what.
type Handover struct {
	// Executable is the absolute path of the new build, Name what it is called ("" is that path), Args its arguments.
	Executable string
	Name       string
	Args       []string
	Env        []string
	Document   []byte
	// Descriptors stay open. They may be named more than once.
	Descriptors []int
}

// header describes what follows it.
type header struct {
	Descriptors []int  `json:"descriptors"`
	Size        int    `json:"size"`
	Sum         string `json:"sum"`
}

// Exec replaces this program. It returns only when that was refused.
func Exec(h Handover) error {
	file, err := store(h)
	if err != nil {
		return fmt.Errorf("hand over to %q: %w", h.Executable, err)
	}
	defer file.Close()
	fd := int(file.Fd())
	argv := []string{cmp.Or(h.Name, h.Executable)}
	for _, arg := range h.Args {
		argv = append(argv, strings.ReplaceAll(arg, FDPlaceholder, strconv.Itoa(fd)))
	}
	// Nothing may be forked while these descriptors would go along.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	all := append([]int{fd}, h.Descriptors...)
	if err = setCloseOnExec(all, false); err == nil {
		err = syscall.Exec(h.Executable, argv, h.Env)
	}
	err = errors.Join(err, setCloseOnExec(all, true))
	return fmt.Errorf("hand over to %q: %w", h.Executable, err)
}

// store writes a state.
func store(h Handover) (*os.File, error) {
	sum := sha256.Sum256(h.Document)
	head, err := json.Marshal(header{Descriptors: h.Descriptors, Size: len(h.Document), Sum: hex.EncodeToString(sum[:])})
	if err != nil {
		return nil, err
	}
	file, err := anonymous()
	if err != nil {
		return nil, fmt.Errorf("make room for the state: %w", err)
	}
	for _, part := range [][]byte{[]byte(magic), head, []byte("\n"), h.Document} {
		if _, err := file.Write(part); err != nil {
			file.Close()
			return nil, fmt.Errorf("write the state: %w", err)
		}
	}
	return file, nil
}

// setCloseOnExec says whether descriptors end with this program.
func setCloseOnExec(fds []int, closed bool) error {
	flags := 0
	if closed {
		flags = unix.FD_CLOEXEC
	}
	var errs []error
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags); err != nil {
			errs = append(errs, fmt.Errorf("descriptor %d: %w", fd, err))
		}
	}
	return errors.Join(errs...)
}

// Load reads the state behind a descriptor, closes that, and makes the descriptors that came along close-on-exec. The
// error says what is wrong with the state; what came along is then open all the same.
func Load(fd int) ([]byte, error) {
	file := os.NewFile(uintptr(fd), "state")
	if file == nil {
		return nil, fmt.Errorf("take over: %d is no descriptor", fd)
	}
	defer file.Close()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("take over: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxDocument))
	if err != nil {
		return nil, fmt.Errorf("take over: %w", err)
	}
	head, document, err := split(data)
	if err != nil {
		return nil, fmt.Errorf("take over: %w", err)
	}
	if err := setCloseOnExec(head.Descriptors, true); err != nil {
		return nil, fmt.Errorf("take over: what the state names is not there: %w", err)
	}
	return document, nil
}

// split takes a state apart.
func split(data []byte) (header, []byte, error) {
	var head header
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok {
		return head, nil, fmt.Errorf("the state does not begin with %q", strings.TrimSpace(magic))
	}
	line, document, ok := bytes.Cut(rest, []byte("\n"))
	if !ok {
		return head, nil, errors.New("the state has no document")
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return head, nil, fmt.Errorf("read the head of the state: %w", err)
	}
	sum := sha256.Sum256(document)
	if len(document) != head.Size || hex.EncodeToString(sum[:]) != head.Sum {
		return head, nil, fmt.Errorf("the document of the state has %d bytes, want the %d that were written", len(document), head.Size)
	}
	return head, document, nil
}
