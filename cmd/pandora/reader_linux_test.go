package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// unread runs a command whose standard output, or standard error, nobody reads any more.
func (b *bench) unread(toError bool, args ...string) (other string, err error) {
	b.t.Helper()
	exe, err := exec.LookPath("pandora")
	if err != nil {
		b.t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	reader.Close()
	defer writer.Close()
	var said strings.Builder
	cmd := exec.Command(exe, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = b.env, b.dir, writer, &said
	if toError {
		cmd.Stdout, cmd.Stderr = &said, writer
	}
	err = cmd.Run()
	return said.String(), err
}

// TestWithoutReader: verbs that print end by SIGPIPE, without a word; verbs that change something do it.
func TestWithoutReader(t *testing.T) {
	b := newBench(t)
	dir := filepath.Join(b.dir, "shop")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "procfile.js"), `module.exports = (pandora) => { pandora.fork('web', './web.js'); };`)
	b.write(filepath.Join(dir, "web.js"), `setInterval(() => {}, 1000);`)
	changed := func(want string, args ...string) {
		t.Helper()
		for _, toError := range []bool{false, true} {
			if said, err := b.unread(toError, args...); err != nil || strings.Contains(said, "pipe") {
				t.Errorf("%v: %v\n%s", args, err, said)
			}
		}
		if list := b.run("list", "-o", "wide"); !strings.Contains(list, want) {
			t.Errorf("after %v %q is not in:\n%s", args, want, list)
		}
	}
	if said, err := b.unread(false, "create", dir); err != nil || said != "" {
		t.Errorf("create: %v, %s", err, said)
	}
	if said, err := b.unread(false, "start", "shop"); err != nil || !strings.Contains(said, "ready") {
		t.Errorf("start: %v, %s", err, said)
	}
	changed("shop/web/0", "restart", "shop")
	changed("shop/web/0", "reload", "shop")
	changed("shop/web/1", "scale", "shop", "2")
	for _, verb := range []string{
		"list", "list -o json", "list --watch", "ps shop", "pid shop", "describe shop", "events", "events --follow", "operation", "daemon status",
		"version", "doctor", "structure shop", "validate shop", "log shop --daemon", "top --once", "config show", "completion bash", "wait shop", "--help",
	} {
		said, err := b.unread(false, strings.Fields(verb)...)
		exit, _ := errors.AsType[*exec.ExitError](err)
		if exit == nil || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGPIPE || said != "" {
			t.Errorf("%s: %v, want an end by SIGPIPE without a word, got %q", verb, err, said)
		}
	}
	if said, err := b.unread(false, "stop", "nope"); err == nil || said != "" {
		t.Errorf("stop of what is not there: %v, %s", err, said)
	} else if exit, _ := errors.AsType[*exec.ExitError](err); exit == nil || exit.ExitCode() != exitNotFound {
		t.Errorf("stop of what is not there: %v", err)
	}
	if said, err := b.unread(false, "dev", dir); err != nil || said != "" {
		t.Errorf("dev without a reader stops what it has started: %v, %s", err, said)
	}
	changed("stopped", "stop", "shop")
	if said, err := b.unread(false, "delete", "shop"); err != nil || said != "" {
		t.Errorf("delete: %v, %s", err, said)
	}
	if said, err := b.unread(false, "exit"); err != nil || said != "" {
		t.Errorf("exit: %v, %s", err, said)
	}
}
