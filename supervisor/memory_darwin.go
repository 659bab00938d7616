package supervisor

// residentMemory is 0, which is unknown: the system tells the memory of other processes only to privileged callers.
func residentMemory(int) int64 { return 0 }
