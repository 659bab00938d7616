package engine

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

var packages = []string{"pandora", "pandora-env", "pandora-hook", "pandora-hub", "pandora-messenger", "pandora-metrics", "pandora-service-logger"}

// packagesMain lists what can be seen of the packages: kinds, plain values, classes with their statics and prototypes,
// and which export of which package is which of another one.
const packagesMain = `
const kind = (value) => (value === null ? 'null' : typeof value);
const own = (object) => Object.getOwnPropertyNames(object).filter((key) => !['length', 'name', 'prototype', 'caller', 'arguments', 'constructor'].includes(key)).sort();
const seen = new Map();
const result = {};
for (const name of PACKAGES) {
  const exports = require(name);
  const shape = (result[name] = { keys: Object.keys(exports), members: {} });
  for (const key of own(exports)) {
    let value;
    const computed = ['facade', 'processContext', 'appName', 'appDir', 'processName', 'env', 'environment', 'hub', 'traceManager', 'defaultWorkerCount', 'getService', 'getServiceClass', 'getHub', 'publishObject', 'getProxy'].includes(key);
    if (computed) continue;
    value = exports[key];
    if (seen.has(value)) { shape.members[key] = 'same as ' + seen.get(value); continue; }
    if (typeof value === 'function' || typeof value === 'object') seen.set(value, name + '.' + key);
    shape.members[key] = kind(value) + (['number', 'string', 'boolean'].includes(typeof value) ? ' ' + value : '');
    if (typeof value !== 'function' || !value.prototype) continue;
    const chain = [];
    for (let at = Object.getPrototypeOf(value.prototype); at && at !== Object.prototype; at = Object.getPrototypeOf(at)) chain.push(at.constructor.name);
    if (own(value.prototype).length + chain.length + own(value).length === 0) continue;
    shape.members[key] = { name: value.name, statics: own(value).filter((s) => s !== 'instance'), members: own(value.prototype).map((m) => m + ' ' + (Object.getOwnPropertyDescriptor(value.prototype, m).get ? 'get' : 'value')), chain };
  }
}
module.exports = result;
`

// recordedPackages is what packagesMain gives in Node with the real packages.
const recordedPackages = "testdata/packages.json"

// The packages of Pandora.js look like the real ones: like those installed by make bench, and like what was recorded.
func TestPackagesLikeNode(t *testing.T) {
	list, _ := json.Marshal(packages)
	dir := folder(t, map[string]string{"main.js": "const PACKAGES = " + string(list) + ";" + packagesMain})
	text, err := os.ReadFile(recordedPackages)
	if err != nil {
		t.Fatal(err)
	}
	var want, got map[string]shape
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	encoded, _ := json.Marshal(run(t, newRuntime(t, dir, nil), dir))
	if err := json.Unmarshal(encoded, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range packages {
		got[name].like(t, name, want[name])
	}
}

func TestPackages(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  any
	}{
		"not installed": {map[string]string{"main.js": `
const { HealthIndicator, EndPoint } = require('pandora-metrics');
const dorapan = require('dorapan');
class Mine extends HealthIndicator { constructor() { super(); this.group = 'mine'; } }
module.exports = [new Mine().group, new Mine() instanceof dorapan.Indicator, dorapan === require('pandora'), dorapan.EndPoint === EndPoint, typeof dorapan.GlobalConfigProcessor, dorapan.State.complete];`},
			[]any{"mine", true, true, true, "function", 2.0}},
		"installed and broken": {map[string]string{
			"main.js":                            `module.exports = [typeof require('pandora-hub').Facade, require.resolve('pandora-hub').endsWith('pandora-hub/index.js')];`,
			"node_modules/pandora-hub/index.js":  `throw new Error('must not run');`,
			"node_modules/pandora-hub2/index.js": ``,
		}, []any{"function", true}},
		"deep and others": {map[string]string{
			"main.js":                                `module.exports = [require('pandora-metrics/lib/x'), require('pandora-dollar').real, require('pandora-other')];`,
			"node_modules/pandora-metrics/lib/x.js":  `module.exports = 'deep';`,
			"node_modules/pandora-dollar/index.js":   `exports.real = 'real';`,
			"node_modules/pandora-other/index.js":    `module.exports = 'other';`,
			"node_modules/pandora-dollar/unused.txt": ``,
		}, []any{"deep", "real", "other"}},
		"environment": {map[string]string{"main.js": `
const { BaseEnvironment, DefaultEnvironment, EnvironmentUtil } = require('pandora-env');
process.env.NODE_ENV = 'production';
class Mine extends BaseEnvironment { match(name) { return name === this.get('env'); } }
const util = EnvironmentUtil.getInstance();
const before = util.isReady();
util.setCurrentEnvironment(new Mine({ env: 'x' }));
module.exports = [before, util.isReady(), util.get('env'), util.is('x'), new DefaultEnvironment({ appName: 'a' }).get('env'), EnvironmentUtil.getInstance() === util, require('pandora').BaseEnvironment === BaseEnvironment];`},
			[]any{false, true, "x", true, "production", true, true}},
		"import": {map[string]string{
			"main.js": `module.exports = require('./m.mjs').default;`,
			"m.mjs":   `import pandora, { HealthIndicator, State } from 'pandora'; export default [typeof HealthIndicator, State.pending, typeof pandora.EndPoint];`,
		}, []any{"function", 1.0, "function"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, tt.files)
			if got := run(t, newRuntime(t, dir, nil), dir); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// What a package would do needs Node.
func TestPackagesForNode(t *testing.T) {
	for _, use := range []string{"new (require('pandora-hub').Facade)().setup()", "require('pandora').appName", "require('dorapan').isDaemonRunning()", "require('pandora-metrics').MetricsClientUtil.getMetricsClient()", "require('pandora').getHub()"} {
		_, e := isolate(t, "\n"+use+";", 0, 0)
		if e == nil || e.Kind != KindUnsupported || e.Line != 2 || !strings.Contains(e.Message, "pandora") {
			t.Errorf("%s: error %v, want unsupported at line 2", use, e)
		}
	}
}
