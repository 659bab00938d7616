// Package secret reads values that are kept outside of an application: in a file, in a credential of systemd, or with a
// program that prints them. Nothing here keeps a value, and no error has one.
//
//	value, err := secret.Read(ctx, source, secret.Options{Dir: dir, Env: env, Credentials: os.Getenv("CREDENTIALS_DIRECTORY")})
//
// Concurrency: the functions may be called from many goroutines.
package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pandora-go/pandora/internal/fserr"
)

const (
	// MaxSize is the largest value in bytes: Linux gives no process a longer variable, its name included.
	MaxSize = 131071
	// DefaultTimeout is how long a program may take where its source does not say.
	DefaultTimeout = 10 * time.Second
)

// ErrMissing says that there is no such file or credential.
var ErrMissing = errors.New("missing")

// missing is an ErrMissing that says what is to be done.
type missing string

// Error is the sentence.
func (m missing) Error() string { return string(m) }

// Unwrap tells what it is.
func (missing) Unwrap() error { return ErrMissing }

// Source is where one value comes from: one of File, Command and Credential is set.
type Source struct {
	// Name is the variable.
	Name string
	// File is an absolute path.
	File string
	// Command is a program with its arguments; it prints the value.
	Command []string
	// Credential is the name of a credential that systemd hands to the service.
	Credential string
	// TimeoutMs bounds Command; 0 is DefaultTimeout.
	TimeoutMs int64
	// Optional says that File or Credential may be missing.
	Optional bool
}

// String tells where the value comes from, without the arguments of a command, which may be secrets themselves.
func (s Source) String() string {
	switch {
	case s.File != "":
		return "file " + s.File
	case s.Credential != "":
		return "credential " + s.Credential
	case len(s.Command) > 0:
		return "command " + s.Command[0]
	}
	return "nothing"
}

// Options tell what sources count from.
type Options struct {
	// Dir is the folder that a command runs in, and Env its environment (NAME=value), whose PATH it is looked up in.
	Dir string
	Env []string
	// Credentials is the folder with the credentials of systemd; "" when there are none.
	Credentials string
}

// Read reads the value of a source. One line end at its end does not count. An error that wraps ErrMissing says that the
// file or credential is not there.
func Read(ctx context.Context, s Source, o Options) (string, error) {
	value, err := read(ctx, s, o)
	if err != nil {
		return "", fmt.Errorf("secret %s: %s: %w", s.Name, s, err)
	}
	value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
	switch {
	case strings.ContainsRune(value, 0):
		err = errors.New("its value holds a NUL character, which no variable can have")
	case len(s.Name)+1+len(value) > MaxSize:
		err = fmt.Errorf("its value is longer than the %d bytes that a variable can have", MaxSize-1-len(s.Name))
	}
	if err != nil {
		return "", fmt.Errorf("secret %s: %s: %w", s.Name, s, err)
	}
	return value, nil
}

func read(ctx context.Context, s Source, o Options) (string, error) {
	switch {
	case s.File != "":
		return readFile(s.File)
	case len(s.Command) > 0:
		return run(ctx, s, o)
	case s.Credential == "":
		return "", errors.New("it comes from nowhere; name a file, a command or a credential")
	case o.Credentials == "":
		return "", missing("pandora was not given any credentials; name it in the unit of its daemon, with LoadCredential=" +
			s.Credential + ":/path/of/it, and restart that unit")
	}
	value, err := readFile(filepath.Join(o.Credentials, s.Credential))
	if errors.Is(err, ErrMissing) {
		err = missing("it is not among those that systemd gave pandora; name it in the unit of its daemon, with LoadCredential=" +
			s.Credential + ":/path/of/it, and restart that unit")
	}
	return value, err
}

// readFile reads a whole file, up to a little more than a value can have.
func readFile(path string) (string, error) {
	// What is no ordinary file might keep the reader waiting for ever.
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", missing("there is no such file")
	case errors.Is(err, syscall.ENOTDIR):
		return "", missing("there is no such file: the path leads through a file")
	case errors.Is(err, syscall.ENAMETOOLONG):
		return "", missing("there is no such file, and the path is longer than the system allows")
	case errors.Is(err, syscall.ELOOP):
		return "", errors.New("it is a link that leads back to itself")
	case info != nil && info.IsDir():
		return "", errors.New("it is a folder, and not a file")
	case err != nil:
		return "", reason(err)
	case !info.Mode().IsRegular():
		return "", errors.New("it is not an ordinary file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", reason(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+2))
	if err != nil {
		return "", reason(err)
	}
	return string(data), nil
}

// reason is why a file operation failed, without the path, and what to do where that is known.
func reason(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("user %d may not read it; give it to that user, or let its group read it", os.Getuid())
	}
	return fserr.Bare(err)
}
