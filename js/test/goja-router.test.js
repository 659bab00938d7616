'use strict';

// The router of resources, without a script host.

const test = require('node:test');
const assert = require('node:assert/strict');
const { Router, Context, finish, failure } = require('../goja/router');

/** Routes one request and returns what is sent, or how it was not found. */
async function ask(add, path, method = 'GET', more = {}) {
  const router = new Router({ prefix: '/r' });
  add(router);
  const [plain, rawQuery = ''] = path.split('?');
  const ctx = new Context({ method, path: plain, rawQuery, header: {}, body: '', ...more });
  const found = await router.handle(ctx);
  return found === 'done' ? finish(ctx) : { found, allowed: ctx.allowed };
}

test('paths', async () => {
  const params = (path) => (router) => router.get(path, (ctx) => { ctx.body = { ...ctx.params }; });
  for (const [route, path, want] of [
    ['/', '/r', {}], ['/', '/r/', {}], ['/', '/R', {}], ['/', '/rest', null],
    ['/:id', '/r/4', { id: '4' }], ['/:id', '/r/4/', { id: '4' }], ['/:id', '/r/4/5', null], ['/:id', '/r', null],
    ['/:id', '/r/a%20b', { id: 'a b' }], ['/:id', '/r/%zz', { id: '%zz' }],
    ['/:id?', '/r', {}], ['/:id?', '/r/4', { id: '4' }],
    ['/:a-:b', '/r/1-2', { a: '1', b: '2' }], ['/:id(\\d+)', '/r/12', { id: '12' }], ['/:id(\\d+)', '/r/x', null],
    ['/files/(.*)', '/r/files/a/b', { 0: 'a/b' }], ['/*', '/r/any/thing', { 0: 'any/thing' }],
    ['/a.b', '/r/a.b', {}], ['/a.b', '/r/axb', null], ['/:all+', '/r/1/2', { all: '1/2' }],
  ]) {
    const sent = await ask(params(route), path);
    if (want === null) assert.equal(sent.found, 'none', `${route} ${path}`);
    else assert.deepEqual(JSON.parse(sent.text), want, `${route} ${path}`);
  }
});

test('methods, middleware and order', async () => {
  const order = [];
  const add = (router) => {
    router.use(async (ctx, next) => { order.push('use'); await next(); order.push('used'); });
    router.get('/x', async (ctx, next) => { order.push('first'); await next(); }, (ctx) => { order.push('second'); ctx.body = 'x'; });
    router.get('named', '/y', (ctx) => { ctx.body = 'y'; });
    router.post(['/x', '/z'], (ctx) => { ctx.body = 'posted'; });
    router.all('/any', (ctx) => { ctx.body = ctx.method; });
  };
  assert.equal((await ask(add, '/r/x')).text, 'x');
  assert.deepEqual(order, ['use', 'first', 'second', 'used']);
  assert.equal((await ask(add, '/r/y')).text, 'y');
  assert.equal((await ask(add, '/r/z', 'POST')).text, 'posted');
  assert.equal((await ask(add, '/r/any', 'DELETE')).text, 'DELETE');
  assert.equal((await ask(add, '/r/x', 'HEAD')).status, 200);
  assert.deepEqual(await ask(add, '/r/x', 'PUT'), { found: 'method', allowed: ['HEAD', 'GET', 'POST'] });
  assert.throws(() => new Router().get('/x', 5), TypeError);
});

test('answers', async () => {
  const sent = (set) => ask((router) => router.get('/', set), '/r?a=1&a=2&b=3');
  assert.deepEqual(await sent(() => {}), { status: 404, contentType: 'text/plain; charset=utf-8', text: 'Not Found', headers: {} });
  assert.equal((await sent((ctx) => { ctx.body = null; })).status, 204);
  assert.equal((await sent((ctx) => { ctx.status = 201; ctx.body = 'made'; })).status, 201);
  assert.equal((await sent((ctx) => { ctx.body = Buffer.from('ab'); })).base64, 'YWI=');
  assert.deepEqual(JSON.parse((await sent((ctx) => { ctx.body = ctx.query; })).text), { a: ['1', '2'], b: '3' });
  assert.deepEqual((await sent((ctx) => { ctx.set({ 'X-A': 1 }); ctx.append('X-A', 2); ctx.body = ''; })).headers, { 'X-A': '1, 2' });
  await assert.rejects(sent((ctx) => { ctx.body = { pipe() {} }; }), /a stream/);
  await assert.rejects(sent((ctx) => { ctx.status = 99; }), /invalid status/);
  await assert.rejects(sent((ctx) => ctx.throw(404, 'gone')), (error) => failure(error).text === 'gone' && failure(error).status === 404);
  assert.deepEqual(failure(new Error('secret')), { status: 500, contentType: 'text/plain; charset=utf-8', text: 'Internal Server Error', headers: {} });
  assert.equal(failure(undefined).status, 500);
  assert.throws(() => new Context({ method: 'POST', path: '/', rawQuery: '', header: { 'content-type': 'application/json' }, body: '{' }), (error) => failure(error).status === 400);
});
