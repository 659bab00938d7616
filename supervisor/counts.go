package supervisor

// slotCounts counts what a slot has had in one start of an application, whichever worker filled it: while a slot is
// reloaded, two workers count together.
type slotCounts struct{ generation, restarts int }

// counts returns the counts of a worker's slot, which are no less than what it shows; the caller holds Supervisor.mu.
func (a *application) counts(process string, shown WorkerStatus) *slotCounts {
	k := slotKey{process: process, slot: shown.Worker}
	c := a.slotCounts[k]
	if c == nil {
		c = &slotCounts{}
		if a.slotCounts == nil {
			a.slotCounts = map[slotKey]*slotCounts{}
		}
		a.slotCounts[k] = c
	}
	c.generation, c.restarts = max(c.generation, shown.Generation), max(c.restarts, shown.Restarts)
	return c
}

// nextGeneration numbers the next process of a worker's slot.
func (s *Supervisor) nextGeneration(w *worker) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := w.app.counts(w.process.ProcessName, w.status)
	c.generation++
	return c.generation
}

// noGeneration takes the number of a process back that did not come to be, unless the slot has gone on.
func (s *Supervisor) noGeneration(w *worker, generation int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := w.app.counts(w.process.ProcessName, w.status); c.generation == generation {
		c.generation--
	}
}

// countSpawn counts a process that has come to be.
func (s *Supervisor) countSpawn(w *worker, replacement bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := w.app.counts(w.process.ProcessName, w.status)
	w.app.startCount++
	if replacement {
		w.app.restartCount++
		c.restarts++
	}
	w.status.Restarts = c.restarts
}
