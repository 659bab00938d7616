package engine

import "testing"

// Async generators are transformed, wherever they stand; libraries that only look at what one is like find it.
func TestAsyncGeneratorsLikeNode(t *testing.T) {
	tests := map[string]string{
		"expression": `module.exports = [typeof (async function* () {}), typeof (async function* () {}.constructor), typeof (async function* () { yield 1; })().next];`,
		"method":     `class A { async *each() { yield 1; } static async *all() {} } module.exports = [typeof new A().each()[Symbol.asyncIterator], typeof A.all().return, typeof { async *x() {} }.x];`,
		"iterator prototype": `
const AsyncIteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}).prototype);
const Mine = Object.create(AsyncIteratorPrototype, { next: { value: () => 1 } });
module.exports = [typeof AsyncIteratorPrototype[Symbol.asyncIterator], Mine[Symbol.asyncIterator]() === Mine, Object.keys(AsyncIteratorPrototype), Object.getOwnPropertyNames(Object.getPrototypeOf(async function* () {}).prototype).sort(), Object.prototype.toString.call(Object.getPrototypeOf(async function* () {}))];`,
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) { sameAsNode(t, map[string]string{"main.js": source}) })
	}
}

// A library that can do without WebAssembly does so; one that cannot fails, and not silently.
func TestWithoutWebAssembly(t *testing.T) {
	dir := folder(t, map[string]string{"main.js": `
let wasm = null;
try { wasm = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109])), {}).exports; } catch (e) { wasm = e instanceof WebAssembly.CompileError; }
module.exports = [wasm, typeof WebAssembly, WebAssembly.validate(new Uint8Array(4)), Object.prototype.toString.call(WebAssembly), Object.keys(WebAssembly)];`})
	got := run(t, newRuntime(t, dir, nil), dir).([]any)
	if got[0] != true || got[1] != "object" || got[2] != false || got[3] != "[object WebAssembly]" || len(got[4].([]any)) != 0 {
		t.Errorf("got %v", got)
	}
	_, e := isolate(t, "\nnew WebAssembly.Module(new Uint8Array(4));", 0, 0)
	if e == nil || e.Kind != KindThrow || e.Line != 2 {
		t.Errorf("error %v, want a throw at line 2", e)
	}
}
