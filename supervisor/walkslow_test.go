//go:build slow

package supervisor

import "testing"

// TestManySupervisorWalks takes the walks that are too many for every run.
func TestManySupervisorWalks(t *testing.T) {
	walks(t, 1_000_000, 1_020_000, 40)
}
