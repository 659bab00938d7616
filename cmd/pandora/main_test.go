package main

import "os"

// The end-to-end scripts run this test binary as pandora, also as two different versions of it.
var _ = func() bool {
	if v := os.Getenv("PANDORA_TEST_VERSION"); v != "" {
		version = v
	}
	return true
}()
