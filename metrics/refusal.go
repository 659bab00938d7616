package metrics

import (
	"errors"
	"fmt"
)

// Refusal is why something that a worker sent was not taken.
type Refusal string

// The refusals.
const (
	// RefusedMalformed is for what makes no sense.
	RefusedMalformed Refusal = "malformed"
	// RefusedName is for a name or group that is too long or empty, or that has another type already.
	RefusedName Refusal = "name"
	// RefusedClient is for too many metrics of one client or clients of one connection, RefusedApplication for too
	// many names of one application.
	RefusedClient      Refusal = "client limit"
	RefusedApplication Refusal = "application limit"
	// RefusedSamples is for samples beyond the limit of one frame.
	RefusedSamples Refusal = "samples limit"
	// RefusedCategories is for categories beyond the limit of one compass.
	RefusedCategories Refusal = "categories limit"
)

// refusals are all there are.
var refusals = [...]Refusal{
	RefusedMalformed, RefusedName, RefusedClient, RefusedApplication, RefusedSamples, RefusedCategories,
}

// refusedError is an error with a refusal.
type refusedError struct {
	error
	reason Refusal
}

func refuse(reason Refusal, format string, args ...any) error {
	return refusedError{fmt.Errorf(format, args...), reason}
}

// refusalOf is the refusal of an error.
func refusalOf(err error) Refusal {
	if r := (refusedError{}); errors.As(err, &r) {
		return r.reason
	}
	return RefusedMalformed
}
