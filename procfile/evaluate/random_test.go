package evaluate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// randomProcfile writes a procfile of random calls; most are valid.
func randomProcfile(r *rand.Rand) string {
	pick := func(choices ...string) string { return choices[r.IntN(len(choices))] }
	name := func() string {
		return pick("'web'", "'worker'", "'agent'", "'background'", "'a'", "'Äpfel'", "'x-y'")
	}
	entry := func() string {
		return pick("'./lib/a'", "'./B.js'", "class Inline {}", "function old() {}", "() => 1", "Local", "{ default: Local }")
	}
	value := func() string {
		return pick("1", "'2'", "null", "undefined", "true", "1e21", "-0", "[1, , 2]", "{ a: { b: 'ü' } }", "new Date(0)", "/x/g", "0.1 + 0.2")
	}
	modifier := func() string {
		return pick(
			fmt.Sprintf(".scale(%s)", pick("1", "2", "'3'", "'auto'", "0", "1024")),
			fmt.Sprintf(".env({ A: %s, B: %s })", value(), value()),
			fmt.Sprintf(".args([%s])", pick("'-a'", "1, 'b c'", "")),
			fmt.Sprintf(".nodeArgs(%s)", pick("['-r', 'x']", "'--one'")),
			fmt.Sprintf(".order(%s)", pick("1", "2.5", "-3", "'4'")),
			fmt.Sprintf(".kind(%s)", pick("'plain'", "'worker'")))
	}
	service := func() string {
		return pick(
			fmt.Sprintf(".config(%s)", value()),
			".config((context, literal) => literal)",
			fmt.Sprintf(".dependency(%s)", pick("'a'", "['a', 'b']", "'logger'")),
			fmt.Sprintf(".process(%s)", name()),
			fmt.Sprintf(".category(%s)", pick("'all'", "'weak-all'", "'worker'")),
			fmt.Sprintf(".name(%s)", name()), ".publish()")
	}
	var b strings.Builder
	b.WriteString("class Local { static get dependencies() { return ['logger']; } }\nmodule.exports = (pandora) => {\n")
	for range 2 + r.IntN(8) {
		switch r.IntN(8) {
		case 0, 1:
			fmt.Fprintf(&b, "  pandora.fork(%s, './app')%s;\n", name(), modifier())
		case 2:
			fmt.Fprintf(&b, "  pandora.process(%s).entry('./p')%s;\n", name(), modifier())
		case 3:
			fmt.Fprintf(&b, "  pandora.cluster(%s)%s;\n", pick("'./c'", name()+", './own'"), pick("", ".scale(2)"))
		case 4:
			fmt.Fprintf(&b, "  pandora.service(%s)%s%s;\n", entry(), service(), service())
		case 5:
			fmt.Fprintf(&b, "  pandora.applet(%s)%s;\n", entry(), pick("", service()))
		case 6:
			fmt.Fprintf(&b, "  pandora.service('s%d', %s)%s%s;\n", r.IntN(20), entry(), service(), service())
		case 7:
			fmt.Fprintf(&b, "  pandora.getProcess('%s').%s;\n", pick("worker", "agent"), pick("scale = 2", "order = 7", "env.X = 1", "argv.push('-y')"))
		}
	}
	b.WriteString("};\n")
	return b.String()
}

// TestEnginesAgree compares the engines on random procfiles: the same graph, or the same refusal.
func TestEnginesAgree(t *testing.T) {
	needNode(t)
	refused := 0
	const count = 30
	for seed := range uint64(count) {
		source := randomProcfile(rand.New(rand.NewPCG(seed, 2)))
		o := app(t, source)
		goja, gojaErr := evaluate(t, o, EngineGoja)
		node, nodeErr := evaluate(t, o, EngineNode)
		if (gojaErr == nil) != (nodeErr == nil) {
			t.Fatalf("seed %d:\n%s\ngoja: %v\nnode: %v", seed, source, gojaErr, nodeErr)
		}
		if gojaErr != nil {
			refused++
			a, ok1 := errors.AsType[*Error](gojaErr)
			b, ok2 := errors.AsType[*Error](nodeErr)
			// The words of a TypeError are the engine's own.
			same := ok1 && ok2 && a.Line == b.Line && (a.Message == b.Message || strings.HasPrefix(b.Message, "TypeError: "))
			if !same {
				t.Fatalf("seed %d:\n%s\ngoja: %v\nnode: %v", seed, source, gojaErr, nodeErr)
			}
			continue
		}
		if a, b := graph(t, goja), graph(t, node); a != b {
			t.Fatalf("seed %d:\n%s\ngoja: %s\nnode: %s", seed, source, a, b)
		}
		if a, b := goja.App.Evaluation.Digest, node.App.Evaluation.Digest; a != b {
			t.Fatalf("seed %d:\n%s\ngoja has the digest %s, node %s", seed, source, a, b)
		}
	}
	if refused > count/2 {
		t.Errorf("%d of %d procfiles were refused; the generator has nothing left to say", refused, count)
	}
}
