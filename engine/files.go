package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/dop251/goja"
	"golang.org/x/sys/unix"
)

// maxRead bounds what one fs.readFileSync returns, in bytes.
const maxRead = 64 << 20

// fileSystem answers one call of the fs shim: (operation, absolute path, …) → value or {errno, code, syscall, path}.
func (r *Runtime) fileSystem(call goja.FunctionCall) goja.Value {
	operation, path := call.Argument(0).String(), call.Argument(1).String()
	value, err := r.fileOperation(operation, path, call)
	if err == nil {
		return value
	}
	failure := r.vm.NewObject()
	var errno syscall.Errno
	code, text := "EIO", err.Error()
	if errors.As(err, &errno) {
		code, text = unix.ErrnoName(errno), errno.Error()
		if known := nodeText(code); known != "" {
			text = known
		}
		_ = failure.Set("errno", -int(errno))
	}
	if errors.Is(err, errTooLarge) {
		code = "ERR_FS_FILE_TOO_LARGE"
	}
	_ = failure.Set("failed", true)
	_ = failure.Set("code", code)
	_ = failure.Set("text", text)
	return failure
}

var errTooLarge = fmt.Errorf("file is larger than %d bytes", maxRead)

// errorCode is Node's code for an error of the operating system, "" for others.
func errorCode(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	return ""
}

// unread is why a file could not be read, in Node's words where the system has said it.
func unread(err error) string {
	failed, isPath := errors.AsType[*os.PathError](err)
	code := errorCode(err)
	if !isPath || code == "" {
		return err.Error()
	}
	text := nodeText(code)
	if text == "" {
		text = failed.Err.Error()
	}
	if failed.Op == "read" { // which Node tells without the path
		return fmt.Sprintf("%s: %s, read", code, text)
	}
	return fmt.Sprintf("%s: %s, %s '%s'", code, text, failed.Op, failed.Path)
}

// nodeText is libuv's wording where it differs from the system's.
func nodeText(code string) string {
	switch code {
	case "ENOENT":
		return "no such file or directory"
	case "EISDIR":
		return "illegal operation on a directory"
	case "EACCES":
		return "permission denied"
	}
	return ""
}

func (r *Runtime) fileOperation(operation, path string, call goja.FunctionCall) (goja.Value, error) {
	switch operation {
	case "stat", "lstat":
		return r.stat(path, operation == "stat")
	case "readText":
		data, err := readBounded(path)
		return r.vm.ToValue(string(data)), err
	case "readBytes":
		data, err := readBounded(path)
		if err != nil {
			return nil, err
		}
		return r.vm.ToValue(r.vm.NewArrayBuffer(data)), nil
	case "readdir":
		return r.readdir(path)
	case "realpath":
		// The system's error for a missing part, not filepath's own.
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
		found, err := filepath.EvalSymlinks(path)
		return r.vm.ToValue(found), err
	case "readlink":
		target, err := os.Readlink(path)
		return r.vm.ToValue(target), err
	case "access":
		return goja.Undefined(), unix.Access(path, uint32(call.Argument(2).ToInteger()))
	}
	return nil, fmt.Errorf("no file operation %q", operation)
}

// readBounded reads a whole file, up to maxRead bytes.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if err == nil && len(data) > maxRead {
		return nil, errTooLarge
	}
	return data, err
}

// readdir gives an array of [name, kind].
func (r *Runtime) readdir(path string) (goja.Value, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	list := make([]any, len(entries))
	for i, entry := range entries {
		list[i] = r.vm.NewArray(entry.Name(), kindOf(entry.Type()))
	}
	return r.vm.NewArray(list...), nil
}

// kindOf is the letter that ls shows.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "d"
	case mode&fs.ModeSymlink != 0:
		return "l"
	case mode&fs.ModeNamedPipe != 0:
		return "p"
	case mode&fs.ModeSocket != 0:
		return "s"
	case mode&fs.ModeCharDevice != 0:
		return "c"
	case mode&fs.ModeDevice != 0:
		return "b"
	}
	return "-"
}

func (r *Runtime) stat(path string, follow bool) (goja.Value, error) {
	var st unix.Stat_t
	var err error
	if follow {
		err = unix.Stat(path, &st)
	} else {
		err = unix.Lstat(path, &st)
	}
	if err != nil {
		return nil, err
	}
	o := r.vm.NewObject()
	for name, value := range map[string]any{
		"dev": int64(st.Dev), "mode": int64(st.Mode), "nlink": int64(st.Nlink), "uid": int64(st.Uid), "gid": int64(st.Gid),
		"rdev": int64(st.Rdev), "blksize": int64(st.Blksize), "ino": int64(st.Ino), "size": st.Size, "blocks": st.Blocks,
	} {
		_ = o.Set(name, value)
	}
	access, change, modify := statTimes(&st)
	_ = o.Set("atimeMs", millis(access))
	_ = o.Set("ctimeMs", millis(change))
	_ = o.Set("mtimeMs", millis(modify))
	return o, nil
}

func millis(t unix.Timespec) float64 { return float64(t.Nano()) / 1e6 }

// fileTests is what js/shared asks about files, so that Node's fs need not be loaded for it; null says that fs has to be
// asked, which knows Node's words for what is wrong.
func (r *Runtime) fileTests() *goja.Object {
	tests := r.vm.NewObject()
	test := func(name string, look func(string) (os.FileInfo, error), is func(os.FileMode) bool) {
		_ = tests.Set(name, func(call goja.FunctionCall) goja.Value {
			info, err := look(call.Argument(0).String())
			if err != nil {
				return goja.Null()
			}
			return r.vm.ToValue(is(info.Mode()))
		})
	}
	test("isFile", os.Stat, os.FileMode.IsRegular)
	test("isLink", os.Lstat, func(mode os.FileMode) bool { return mode&os.ModeSymlink != 0 })
	return tests
}
