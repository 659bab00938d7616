package evaluate

import (
	"fmt"

	"github.com/pandora-go/pandora/procfile"
)

// Unrun is something of a procfile that cannot run, because scripts run in Goja and Goja cannot evaluate the procfile.
type Unrun struct {
	// At is where it is written, "file:line:column".
	At string
	// Message says what does not run and why, Hint what to do.
	Message, Hint string
}

// Unscripted lists what of an application cannot run; why is what Goja has said.
func Unscripted(app *procfile.Application, why *Error) []Unrun {
	var list []Unrun
	tell := func(what, at, hint string) {
		list = append(list, Unrun{At: at, Hint: hint, Message: fmt.Sprintf("%s does not run: it needs goja, which cannot evaluate this procfile (%s)", what, why.short())})
	}
	for _, i := range app.Indicators {
		if i.Scripted {
			tell(fmt.Sprintf("indicator %q", i.Name), i.At, fmt.Sprintf("write it as indicators/%s.js, which is evaluated by itself", i.Name))
		}
	}
	const hint = "move what needs Node out of the procfile"
	for _, r := range app.Reporters {
		if r.Scripted {
			tell(fmt.Sprintf("reporter %q", r.Name), r.At, hint)
		}
	}
	for _, h := range app.Hooks {
		tell(fmt.Sprintf("pandora.on('%s')", h.Event), h.At, hint)
	}
	return list
}
