package evaluate

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"unicode/utf16"

	"github.com/pandora-go/pandora/procfile"
)

// describe tells how the graph came about; binding is the text of js/shared/binding.js.
func (e *evaluation) describe(binding any) *procfile.Evaluation {
	text, _ := binding.(string)
	var standards struct{ Environment, Configurator string }
	// The text is ours; anything else leaves them empty.
	_ = json.Unmarshal([]byte(text), &standards)
	var source *procfile.Source
	if e.Generated != nil {
		source = e.Generated.Source.Clone()
	}
	return &procfile.Evaluation{
		Digest: bindingDigest(text), Source: source, WorkerCount: e.WorkerCount, GlobalArgs: e.GlobalArgs, GlobalExecArgv: e.GlobalExecArgv,
		Environment: standards.Environment, Configurator: standards.Configurator,
	}
}

// bindingDigest is 16 hex digits over a text, the same as digest in js/node/drift.js. It is not meant to withstand
// anybody: it tells evaluations apart, and both ends belong to the same user.
func bindingDigest(text string) string {
	a, b := uint32(0x811c9dc5), uint32(0x9747b28c)
	for _, unit := range utf16.Encode([]rune(text)) {
		a = (a ^ uint32(unit)) * 0x01000193
		b = (bits.RotateLeft32(b, 5) ^ uint32(unit)) * 0x9e3779b1
	}
	return fmt.Sprintf("%08x%08x", mix(a), mix(b))
}

// mix spreads every bit over all others.
func mix(h uint32) uint32 {
	h = (h ^ h>>16) * 0x7feb352d
	h = (h ^ h>>15) * 0x846ca68b
	return h ^ h>>16
}

// probeArgument is the argument with what Node's probe needs to load TypeScript: this program, and the folder below dir
// for what it transformed, if that folder outlives the probe.
func (e *evaluation) probeArgument(dir string) []byte {
	program := e.Executable
	if program == "" {
		program, _ = os.Executable() // without it TypeScript is left to Node
	}
	transform := map[string]string{"command": program}
	if e.JSDir != "" {
		transform["cache"] = filepath.Join(dir, "transformed")
	}
	argument := map[string]any{}
	// What prepare made: neither can fail.
	_ = json.Unmarshal(e.argument, &argument)
	argument["transform"] = transform
	data, _ := json.Marshal(argument)
	return data
}
