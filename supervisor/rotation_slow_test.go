//go:build slow

package supervisor

import "testing"

// TestRotationLosesNoLineLong writes through 20 rotations and more.
func TestRotationLosesNoLineLong(t *testing.T) { rotationCase(t, 3_000_000, 20) }
