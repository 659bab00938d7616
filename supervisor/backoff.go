package supervisor

import (
	"math/rand/v2"
	"time"
)

const (
	firstDelay = 100 * time.Millisecond
	maxDelay   = 30 * time.Second
	// socketsKeep is how long a worker may be away before the sockets of its process are closed, so that balancers see
	// a refusal instead of a queue that nobody empties.
	socketsKeep = 10 * time.Second
)

// backoff is the time before the next try after so many failures (from 2: the first is replaced at once): 100 ms
// doubling to 30 s, shortened by up to a quarter so that workers that fell together do not come back together.
func backoff(failures int) time.Duration {
	d := maxDelay
	if doublings := failures - 2; doublings < 9 {
		d = min(maxDelay, firstDelay<<max(0, doublings))
	}
	return d - rand.N(d/4)
}
