package supervisor

import "strconv"

// TreeEnv is the environment variable by which the processes that a worker leaves behind are found. Whoever starts a
// daemon or a guard from within a worker removes it from their environment: they are not part of the worker's tree.
const TreeEnv = "PANDORA_TREE"

// treeOfApp is how the marks of all workers of one start begin.
func treeOfApp(appID string) string { return TreeEnv + "=" + appID + "/" }

// treeOfWorker is the mark of one process and of what it starts.
func treeOfWorker(appID string, id int) string { return treeOfApp(appID) + strconv.Itoa(id) + "/" }
