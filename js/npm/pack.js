'use strict';

// Makes the npm packages: one a platform with nothing but the binary, and the one that people install, which depends on
// all of them optionally, so that npm takes the fitting one and nothing is downloaded by a script.
//
//   node js/npm/pack.js --version v1.2.3 --out bin/npm [--targets linux-x64,darwin-arm64]

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const NAME = 'pandora-go';
const TARGETS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
const ROOT = path.join(__dirname, '..', '..');

/**
 * @param {string} described as `git describe` has it: a tag, a tag with what came after it, or a commit
 * @returns {string} a version that npm takes
 */
function versionOf(described) {
  const tagged = /^v?(\d+\.\d+\.\d+)(?:-(\d+)-g([0-9a-f]+))?(-dirty)?$/.exec(described);
  if (tagged) {
    const [, release, commits, commit, dirty] = tagged;
    if (!commits && !dirty) return release;
    return `${release}-${commits ?? 0}.g${commit ?? 0}${dirty ? '.dirty' : ''}`; // a prerelease: no range takes it
  }
  const rest = described.replace(/[^0-9A-Za-z]+/g, '.').replace(/^\.|\.$/g, '');
  return `0.0.0-git.${/^0\d+$/.test(rest) ? `g${rest}` : rest || 'unknown'}`;
}

/**
 * @param {string} target as 'linux-x64'
 * @returns {NodeJS.ProcessEnv} what Go builds that with
 */
function goEnv(target) {
  const [os, arch] = target.split('-');
  return { ...process.env, CGO_ENABLED: '0', GOOS: os, GOARCH: arch === 'x64' ? 'amd64' : arch };
}

const COMMON = {
  license: 'MIT',
  author: 'the pandora authors',
  engines: { node: '>=18' },
};

/**
 * Makes the package of a platform.
 * @param {string} dir
 * @param {string} target
 * @param {string} version
 * @param {string} described
 */
function platformPackage(dir, target, version, described) {
  const [os, cpu] = target.split('-');
  fs.mkdirSync(path.join(dir, 'bin'), { recursive: true });
  execFileSync(process.env.GO ?? 'go', ['build', '-trimpath', '-ldflags', `-s -w -X main.version=${described}`,
    '-o', path.join(dir, 'bin', 'pandora'), './cmd/pandora'], { cwd: ROOT, env: goEnv(target), stdio: 'inherit' });
  writeJSON(path.join(dir, 'package.json'), {
    name: `@${NAME}/${target}`, version, description: `pandora for ${target}`, ...COMMON,
    os: [os], cpu: [cpu], files: ['bin'], preferUnplugged: true,
  });
  fs.copyFileSync(path.join(ROOT, 'LICENSE'), path.join(dir, 'LICENSE'));
  fs.writeFileSync(path.join(dir, 'README.md'), `The binary of \`${NAME}\` for ${target}. Install \`${NAME}\`, which takes it.\n`);
}

/**
 * Makes the package that people install.
 * @param {string} dir
 * @param {string[]} targets
 * @param {string} version
 */
function mainPackage(dir, targets, version) {
  for (const tree of ['node', 'shared']) {
    fs.cpSync(path.join(ROOT, 'js', tree), path.join(dir, 'lib', tree), { recursive: true });
  }
  fs.mkdirSync(path.join(dir, 'bin'), { recursive: true });
  fs.copyFileSync(path.join(__dirname, 'pandora.js'), path.join(dir, 'bin', 'pandora.js'));
  fs.chmodSync(path.join(dir, 'bin', 'pandora.js'), 0o755);
  fs.writeFileSync(path.join(dir, 'index.js'), "'use strict';\n\n// In a worker, pandora itself answers instead.\nmodule.exports = require('./lib/node/facade');\n");
  const names = Object.keys(require(path.join(dir, 'index.js'))).filter((name) => name !== 'default');
  fs.writeFileSync(path.join(dir, 'index.mjs'), [
    "import pandora from './index.js';", '', 'export default pandora;',
    ...names.map((name) => `export const ${name} = pandora.${name};`), '',
  ].join('\n'));
  for (const types of ['pandora.d.ts', 'worker.d.ts']) fs.copyFileSync(path.join(ROOT, 'js', 'types', types), path.join(dir, types));
  for (const text of ['LICENSE', 'README.md']) fs.copyFileSync(path.join(ROOT, text), path.join(dir, text));
  writeJSON(path.join(dir, 'package.json'), {
    name: NAME, version, description: 'An application manager for Node.js: runs the procfile.js that a project already has', ...COMMON,
    keywords: ['process manager', 'pandora', 'procfile', 'cluster', 'supervisor', 'metrics', 'health'],
    bin: { pandora: 'bin/pandora.js' },
    main: 'index.js', types: 'pandora.d.ts',
    exports: {
      '.': { types: './pandora.d.ts', import: './index.mjs', require: './index.js', default: './index.js' },
      './package.json': './package.json',
    },
    optionalDependencies: Object.fromEntries(targets.map((target) => [`@${NAME}/${target}`, version])),
  });
}

/**
 * @param {string} file
 * @param {object} value
 */
function writeJSON(file, value) {
  fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

function main() {
  const { values } = parseArgs({ options: { version: { type: 'string', default: 'dev' }, out: { type: 'string' }, targets: { type: 'string' } } });
  if (!values.out) throw new Error('pack: --out DIR is needed: where the packages are written');
  const targets = values.targets ? values.targets.split(',') : TARGETS;
  for (const target of targets) if (!TARGETS.includes(target)) throw new Error(`pack: --targets ${target}: there are ${TARGETS.join(', ')}`);
  const version = versionOf(values.version);
  const out = path.resolve(values.out);
  fs.rmSync(out, { recursive: true, force: true });
  for (const target of targets) platformPackage(path.join(out, 'package', target), target, version, values.version);
  mainPackage(path.join(out, 'package', NAME), targets, version);
  for (const one of [...targets, NAME]) {
    const printed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out, path.join(out, 'package', one)],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    const [{ filename, size }] = JSON.parse(printed);
    console.log(`${path.join(values.out, filename)}  ${(size / 1e6).toFixed(1)} MB`);
  }
}

if (require.main === module) main();
module.exports = { versionOf };
