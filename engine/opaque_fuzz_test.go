package engine

import "testing"

// FuzzAnalysis holds that the analysis of opaque bindings and of declaring files copes with whatever parses.
func FuzzAnalysis(f *testing.F) {
	for _, source := range []string{
		"const A = require('./a'); module.exports = (p) => { p.service(A); p.service('b', require('./b').B) };",
		"const { A, b: { c }, ...rest } = require('./a'), [x = require('y')] = []; module.exports = ({ service }) => service(A)",
		"exports.default = class A { static dependencies = ['b', `c`]; static get dependencies() { return ['d'] } };",
		"module.exports = class extends (class {}) { static #x = 1; static { this.dependencies = [] } }; module.exports.dependencies = []",
		"Object.defineProperty(exports, '__esModule', { value: true }); exports.A = void 0; class A {} exports.A = A;",
		"var A = (() => { class A {} ; return A })(); A = wrap(A); module.exports = { A, ['b']: A, get c() {} }",
		"export default function* () {}", "label: for (const A of require('a')) continue label", "import A from './a'; export default (p) => p.service(A)",
	} {
		f.Add(source, "A")
	}
	f.Fuzz(func(t *testing.T, source, name string) {
		module, failed := parseModule("/x/procfile.js", source)
		if failed != nil {
			return
		}
		for request, exports := range markOpaque(module.body) {
			if request == "" && exports == nil {
				t.Error("a request without a name or an export")
			}
		}
		for _, from := range []importer{byRequire, byImport} {
			hints, _ := declaredExports(module.body, []string{"", importedDefault, name}, from)
			if hints != nil && len(hints) == 0 {
				t.Error("hints for nothing")
			}
		}
	})
}
