package engine

// limitMemory does nothing: macOS does not enforce RLIMIT_DATA. The watch of Invoke still holds for what JavaScript
// allocates step by step.
func limitMemory(int64) error { return nil }
