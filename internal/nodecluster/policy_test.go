package nodecluster

import (
	"fmt"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPolicyChanges replaces workers of one policy by workers of the other, both ways, on one socket: both kinds answer
// while they are there together, and so do the new ones alone.
func TestPolicyChanges(t *testing.T) {
	both(t, func(t *testing.T, policy Policy) {
		c := newCluster(t, policy)
		port := freePort(t)
		said := fmt.Sprintf("listening %d", port)
		old := c.start("web", httpWorker, where(port))
		old.want(said)
		answers := func(from ...*worker) {
			t.Helper()
			seen := map[string]bool{}
			eventually(t, "answers of all", func() bool {
				pid, err := get("tcp", fmt.Sprintf("127.0.0.1:%d", port))
				if err != nil {
					t.Fatal(err)
				}
				seen[pid] = true
				return len(seen) == len(from)
			})
			for _, w := range from {
				if !seen[fmt.Sprint(w.pid)] {
					t.Fatalf("worker %d did not answer, but %v", w.pid, seen)
				}
			}
		}
		answers(old)
		c.policy = Shared - policy // the other one
		fresh := c.start("web", httpWorker, where(port))
		fresh.want(said)
		if policy == RoundRobin {
			// One connection may be given away while the other worker accepts all the rest.
			answers(old, fresh)
		}
		old.channel.Close() // a worker of a cluster ends by itself then
		old.waitEnd()
		answers(fresh)
		if n := len(c.Sockets()); n != 1 {
			t.Errorf("%d sockets", n)
		}
	})
}

// TestUnackedConnectionGoesToShared: the connection of a dead worker finds only workers that accept for themselves.
func TestUnackedConnectionGoesToShared(t *testing.T) {
	c := newCluster(t, RoundRobin)
	port := freePort(t)
	a := c.start("web", httpWorker, where(port))
	a.want(fmt.Sprintf("listening %d", port))
	unix.Kill(a.pid, unix.SIGSTOP)
	answer := make(chan string, 1)
	go func() {
		pid, err := get("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(port)))
		answer <- fmt.Sprint(pid, err)
	}()
	eventually(t, "connection given", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(a.unacked) == 1
	})
	c.policy = Shared
	b := c.start("web", httpWorker, where(port))
	b.want(fmt.Sprintf("listening %d", port))
	a.kill()
	if got := <-answer; got != fmt.Sprint(b.pid, "<nil>") {
		t.Errorf("answer %q", got)
	}
}

// TestPoliciesOfProcesses: two processes with sockets of their own differ.
func TestPoliciesOfProcesses(t *testing.T) {
	c := newCluster(t, RoundRobin)
	port, other := freePort(t), freePort(t)
	c.start("web", httpWorker, where(port)).want(fmt.Sprintf("listening %d", port))
	c.policy = Shared
	c.start("api", httpWorker, where(other)).want(fmt.Sprintf("listening %d", other))
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, s := range c.shares {
		if s.directed != (key.process == "web") || (s.loop != nil) != s.directed {
			t.Errorf("%s: directed %v", key.process, s.directed)
		}
	}
}
