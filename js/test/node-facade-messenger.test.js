'use strict';

// What stands in for pandora-messenger, at both ends beside npm's. `make deps` installs npm's.

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { spawnSync } = require('node:child_process');
const { test, before, after } = require('node:test');

const OURS = path.resolve(__dirname, '../node/facade/messenger.js');
const NPM = path.resolve(__dirname, '../../.cache/clients/node_modules/pandora-messenger');
const isInstalled = fs.existsSync(NPM);
if (!isInstalled && process.env.CI === 'true') throw new Error(`${NPM} is missing: run make deps`);

const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'msgr'));
before(() => { process.env.PANDORA_TMP_DIR = tmp; });
after(() => fs.rmSync(tmp, { recursive: true, force: true }));

const load = (which) => require(which).default;
let names = 0;

/** A server and a client of a name of their own. */
async function pair(Server, Client, options = {}) {
  names += 1;
  const server = new Server({ name: `pair-${names}` });
  const client = new Client({ name: `pair-${names}`, ...options }); // in the same turn
  const [[peer]] = await Promise.all([once(server, 'connected'), server.ready(), client.ready()]);
  return { server, client, peer };
}

for (const [at, serverOf, clientOf] of [['both ends', OURS, OURS], ["npm's client", OURS, NPM], ["npm's server", NPM, OURS]]) {
  const options = { skip: [serverOf, clientOf].includes(NPM) && !isInstalled };

  test(`requests, replies and broadcasts: ${at}`, options, async () => {
    const { Server } = load(serverOf);
    const { Client, eventName } = load(clientOf);
    const { server, client, peer } = await pair(Server, Client);
    assert.strictEqual(path.basename(server.sockPath), `pandorajs_pair${names}.sock`);
    server.on('sum', (data, reply, from) => reply({ sum: data.a + data.b, same: from === peer }));
    server.on('fail', (data, reply) => reply(Object.assign(new Error('no'), { code: 'E' })));
    const ask = (action, data) => new Promise((resolve) => client.send(action, data, (error, answer) => resolve(error ?? answer)));
    assert.deepStrictEqual(await ask('sum', { a: 1, b: 2 }), { sum: 3, same: true });
    const { message, code } = await ask('fail');
    assert.deepStrictEqual([message, code], ['no', 'E']);

    const all = [];
    client.on(eventName, ({ action, data }) => all.push([action, data]));
    const heard = once(client, 'news');
    server.broadcast('news', { ü: [1] });
    assert.deepStrictEqual((await heard)[0], { ü: [1] });
    assert.ok(all.some(([action, data]) => action === 'news' && data.ü[0] === 1));

    // The server asks a client of its own.
    client.on('who', (data, reply) => reply(`${data} me`));
    assert.strictEqual(await new Promise((resolve) => peer.send('who', 'it is', (error, answer) => resolve(error ?? answer))), 'it is me');

    // Nobody answers.
    const error = await new Promise((resolve) => client.send('nothing', 0, resolve, 20));
    assert.deepStrictEqual([error.name, error.message], ['MessengerRequestTimeoutError', 'target no response in 20ms']);

    const closed = once(client, 'close');
    const left = once(server, 'disconnected');
    client.close();
    await closed;
    assert.strictEqual((await left)[0], peer);
    await new Promise((resolve) => server.close(resolve));
    assert.ok(!fs.existsSync(server.sockPath));
  });
}

test('clients and servers by name, until they are closed', async () => {
  const { getClient, getServer } = load(OURS);
  assert.throws(() => getClient({}), /options.name is required/);
  const server = getServer({ name: 'pool' });
  assert.strictEqual(getServer({ name: 'pool' }), server);
  const client = getClient({ name: 'pool' });
  assert.strictEqual(getClient({ name: 'pool' }), client);
  await client.ready();
  const closed = once(client, 'close');
  client.close();
  client.close();
  await closed;
  const next = getClient({ name: 'pool' });
  assert.notStrictEqual(next, client);
  await next.ready();
  assert.strictEqual(next.isOK, true);
  next.close();
  await new Promise((resolve) => server.close(resolve));
});

test('a server that is replaced takes nothing with it; its clients go to the next', async () => {
  const { Server, Client } = load(OURS);
  const { server, client } = await pair(Server, Client, { reConnectTimes: 10, reConnectInterval: 1 });
  const next = new Server({ name: client.options.name });
  await next.ready();
  next.on('where', (data, reply) => reply('next'));
  const again = once(next, 'connected');
  const connected = once(client, 'connect');
  await new Promise((resolve) => server.close(resolve));
  await again;
  await connected;
  assert.strictEqual(await new Promise((resolve) => client.send('where', 0, (error, answer) => resolve(error ?? answer))), 'next');
  client.close();
  await new Promise((resolve) => next.close(resolve));
});

test('what is said early is heard', async () => {
  const { Server, Client } = load(OURS);
  const client = new Client({ name: 'early', reConnectTimes: 100, reConnectInterval: 1, reConnectAtFirstTime: true });
  const answer = new Promise((resolve) => client.send('first', 1, (error, data) => resolve(error ?? data)));
  const news = new Promise((resolve) => client.once('news', resolve)); // once() would reject at an error
  await new Promise((resolve) => client.once('error', resolve));
  const server = new Server({ name: 'early' });
  server.broadcast('news', 'old');
  server.on('first', (data, reply) => reply(data + 1));
  assert.deepStrictEqual([await answer, await news], [2, 'old']);
  client.close();
  server.close();
});

test('a server that is not there', async () => {
  const { Client } = load(OURS);
  const client = new Client({ name: 'nobody' });
  const errors = [];
  client.on('error', (error) => errors.push(error.code));
  const lost = new Promise((resolve) => client.send('x', 1, resolve));
  await new Promise((resolve) => client.once('close', resolve));
  assert.deepStrictEqual([errors, (await lost).code], [['ENOENT'], 'PANDORA_LINK_LOST']);
  const after = await new Promise((resolve) => client.send('x', 1, resolve));
  assert.strictEqual(after.code, 'PANDORA_LINK_FULL');
});

test('garbage ends the connection, not the server', async () => {
  const { Server, Client } = load(OURS);
  const { server, client } = await pair(Server, Client);
  const raw = require('node:net').connect(server.sockPath);
  raw.on('error', () => {});
  raw.write(Buffer.alloc(64, 255));
  await once(raw.resume(), 'close');
  server.on('still', (data, reply) => reply('there'));
  assert.strictEqual(await new Promise((resolve) => client.send('still', 0, (error, answer) => resolve(error ?? answer))), 'there');
  client.close();
  server.close();
});

test('a client keeps its process until it is closed, unless it should not', () => {
  const run = (options) => spawnSync(process.execPath, ['-e', `
    const { Client, Server } = require(${JSON.stringify(OURS)}).default;
    const server = new Server({ name: 'life' });
    server.server.unref();
    const client = new Client({ name: 'life', ${options} });
    client.ready(() => { console.log('ready'); if (!client.options.unref) setTimeout(() => { console.log('end'); client.close(); }, 5).unref(); });
  `], { encoding: 'utf8', env: { ...process.env, PANDORA_TMP_DIR: tmp }, timeout: 10_000 });
  assert.strictEqual(run('').stdout, 'ready\nend\n');
  assert.strictEqual(run('unref: true').stdout, 'ready\n');
});
