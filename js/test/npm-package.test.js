'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { versionOf } = require('../npm/pack');
const { packageOf } = require('../npm/pandora');

test('versions of the package come from what git describes', () => {
  for (const [described, version] of [
    ['v1.2.3', '1.2.3'],
    ['1.2.3', '1.2.3'],
    ['v1.2.3-4-gabc1234', '1.2.3-4.gabc1234'],
    ['v1.2.3-4-gabc1234-dirty', '1.2.3-4.gabc1234.dirty'],
    ['v1.2.3-dirty', '1.2.3-0.g0.dirty'],
    ['12dd2de', '0.0.0-git.12dd2de'],
    ['0123456', '0.0.0-git.g0123456'], // a number of npm's versions has no zero in front
    ['0123456-dirty', '0.0.0-git.0123456.dirty'],
    ['dev', '0.0.0-git.dev'],
    ['', '0.0.0-git.unknown'],
  ]) {
    assert.equal(versionOf(described), version, described);
  }
});

test('the command takes the package of its platform', () => {
  const packages = { '@pandora-go/linux-x64': '1.0.0', '@pandora-go/darwin-arm64': '1.0.0' };
  assert.equal(packageOf(packages, 'linux', 'x64'), '@pandora-go/linux-x64');
  assert.equal(packageOf(packages, 'darwin', 'arm64'), '@pandora-go/darwin-arm64');
  assert.equal(packageOf(packages, 'win32', 'x64'), '');
  assert.equal(packageOf({}, 'linux', 'x64'), '');
});
