package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// onSecondSignal calls hurry when this process is told again to end, after a signal has ended told; it waits until living
// ends at the latest.
func onSecondSignal(told, living context.Context, hurry func()) {
	select {
	case <-told.Done():
	case <-living.Done():
		return
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(again)
	select {
	case <-again:
		hurry()
	case <-living.Done():
	}
}
