//go:build zoo

package engine

// zooLight lists the packages of the zoo that a procfile uses while it describes the application.
func zooLight() []zooPackage {
	// What fs exports is part of what fs-extra exports.
	dirHelpers := []difference{{`fs-extra8?\.Dir#(processReadResult|readSyncRecursive)`, "helpers of Node's own, not documented"}}
	return []zooPackage{
		{name: "lodash", use: `[m.chunk([1, 2, 3, 4, 5], 2), m.get({ a: [{ b: { c: 3 } }] }, 'a[0].b.c'), m.kebabCase('fooBar baz'), m.merge({ a: { b: 1 } }, { a: { c: 2 } }), m.template('hi <%= name %>')({ name: 'x' }), m.groupBy([1.2, 1.8, 2.1], Math.floor), m.sortBy([{ n: 3 }, { n: 1 }], 'n'), m.isPlainObject(process.env), m.words('fred, barney & Pebbles'), m.cloneDeep({ d: new Date(0), r: /x/g.source }), m.deburr('d\u00e9j\u00e0 vu'), m.padStart('7', 3, '0'), require('lodash/fp').map((x) => x * 2)([1, 2])]`},
		{name: "moment", use: `[m.utc('2020-02-29T12:00:00Z').add(1, 'year').format(), m.utc(0).format('dddd, MMMM Do YYYY, h:mm:ss a'), m.duration(90, 'minutes').humanize(), m('2020-13-01', 'YYYY-MM-DD', true).isValid(), m.utc('2021-01-31').endOf('month').diff(m.utc('2021-01-01'), 'days'), m.utc('2020-05-04').isoWeek(), m.locale(), require('moment/locale/de') && m.utc(0).locale('de').format('LLLL')]`},
		{name: "dayjs", use: `[m(0).toISOString(), m('2020-02-29').add(1, 'month').format('YYYY-MM-DD'), m('2020-01-01').diff('2019-12-01', 'day'), m.extend(require('dayjs/plugin/utc')) && m.utc(0).format('YYYY-MM-DD HH:mm:ss Z'), m('x').isValid()]`},
		{name: "semver", use: `[m.valid('v1.2.3'), m.satisfies('1.2.3', '^1.0.0 || >=3'), m.inc('1.2.3-beta.1', 'prerelease'), m.maxSatisfying(['1.2.3', '1.3.0', '2.0.0'], '~1.2'), m.coerce('node 18').version, m.sort(['2.0.0', '1.0.0-rc.1', '1.0.0']), m.validRange('1.x'), m.diff('1.2.3', '1.3.0'), String(new m.Range('>=1 <2')), m.satisfies(process.version, '>=18')]`},
		{name: "semver5", use: `[m.valid('v1.2.3'), m.satisfies('1.2.3', '^1.0.0'), m.inc('1.2.3', 'minor'), m.coerce('42.6.7.9.3').version]`},
		{name: "js-yaml", use: `[m.load('a: 1\nb: [x, {c: true}]\nd: 2001-12-14\ne: |\n  text\n  more\n'), m.dump({ a: [1, { b: 'x: y' }], n: null }), m.loadAll('---\na: 1\n---\nb: 2\n')]`},
		{name: "js-yaml3", use: `[m.safeLoad('a: 1\nb: &x {c: 1}\nd: *x\n'), m.safeDump({ a: [1, { b: 'x: y' }], n: null })]`},
		{name: "dotenv", use: `[m.parse('A=1\nB="two words" # note\nC=\'$x\'\nexport D=e\n#no\nE="a\\nb"'), m.config({ path: '/none', quiet: true }).error.code]`},
		{name: "dotenv8", use: `[m.parse('A=1\nB="two words"\nC=\'$x\''), m.config({ path: '/none' }).error.code]`},
		{name: "debug", use: `[m.enabled('a'), m.enable('a:*,-a:b'), m.enabled('a:c'), m.enabled('a:b'), typeof m('a:c'), m.disable(), m.names]`},
		{name: "debug2", use: `[m.enabled('a'), m.enable('a:*'), m.enabled('a:c'), m('a:c').namespace, m.humanize(90000)]`},
		{name: "chalk", use: `[new m.Chalk({ level: 1 }).red.bold('x'), new m.Chalk({ level: 3 }).hex('#ff8800')('y'), m.level, new m.Chalk({ level: 0 }).green('z')]`},
		{name: "chalk4", use: `[new m.Instance({ level: 1 }).red.bold('x'), new m.Instance({ level: 2 }).rgb(1, 2, 3).underline('y'), m.level, m.green('z'), new m.Instance({ level: 1 })` + "`{red a {bold b}}`" + `]`},
		{name: "glob", use: `[m.globSync('semver/classes/*.js', { cwd: 'node_modules' }).sort(), m.globSync('node_modules/dayjs/{index.d.ts,locale/de*.js}').sort(), m.hasMagic('a/*'), m.escape('a*')]`},
		{name: "glob7", use: `[m.sync('semver/classes/*.js', { cwd: 'node_modules' }), m.sync('node_modules/dayjs/@(index.d.ts|locale/de.js)'), m.hasMagic('a/*')]`},
		{name: "config", use: `[m.get('port'), m.has('nope'), m.has('port')]`},
		{name: "config3", use: `[m.get('port'), m.has('nope'), m.util.toObject(), (() => { try { m.get('nope'); } catch (e) { return e.message; } })()]`},
		{name: "yargs", use: `[(m.default || m)(['--port', '80', '-v', 'x', '--no-color', '--a.b=c']).option('port', { type: 'number', alias: 'p' }).boolean('v').help(false).version(false).parse()]`},
		{name: "yargs15", use: `[m(['--port', '80', '-v', 'x', '--no-color', '--a.b=c']).option('port', { type: 'number', alias: 'p' }).boolean('v').help(false).version(false).parse()]`},
		{name: "fs-extra", use: `[m.readJsonSync('node_modules/lodash/package.json').name, m.pathExistsSync('nope'), m.existsSync('package.json'), m.readJsonSync('nope', { throws: false }) === null]`, differs: dirHelpers},
		{name: "fs-extra8", use: `[m.readJsonSync('node_modules/lodash/package.json').name, m.pathExistsSync('nope')]`, differs: dirHelpers},
		{name: "typescript", use: `[m.version, m.transpile('const a: number = 1; export default a', { module: 1 }), m.parseConfigFileTextToJson('t', '{"a": 1, // c\n}').config, m.createSourceFile('a.ts', 'let x = 1', 99).statements.length]`},
		{name: "winston", use: `[Object.keys(m.config.npm.levels), typeof m.createLogger().info, m.format.combine(m.format.timestamp(), m.format.json()) instanceof Object]`},
		{name: "log4js", use: `[typeof m.getLogger('x').info, m.getLogger('x').level.toString(), m.levels.INFO.isLessThanOrEqualTo(m.levels.WARN)]`},
	}
}
