package fdstate

import "os"

// anonymous makes a file that has no name any more.
func anonymous() (*os.File, error) {
	file, err := os.CreateTemp("", "pandora-state-")
	if err != nil {
		return nil, err
	}
	return file, os.Remove(file.Name())
}
