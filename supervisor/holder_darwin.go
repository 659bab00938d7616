package supervisor

// holderOf cannot tell: the system shows the descriptors of other processes only to privileged callers.
func holderOf(string, int, string) (holder, bool) { return holder{}, false }

// oomKills is not known here.
func oomKills() (count int, exact bool) { return 0, false }
