//go:build zoo

package engine

// zooServers lists the servers and databases of the zoo: what an application's entry loads. Nothing is opened or
// connected; what works without that is tried.
func zooServers() []zooPackage {
	const express = `(() => {
  const app = m(), seen = [];
  app.disable('x-powered-by');
  app.use((req, res, next) => { seen.push(req.path); next(); });
  app.get('/cats/:id', (req) => seen.push(req.params.id, req.query.full, req.get('host'), req instanceof require('http').IncomingMessage));
  app.handle({ method: 'GET', url: '/cats/5?full=yes', headers: { host: 'h' } }, {}, () => {});
  return [typeof app, typeof app.listen, app.set('title', 'x').get('title'), seen, typeof m.Router().use, typeof m.static('.'), app.mountpath];
})()`
	const koa = `(() => {
  const app = new m();
  app.use(async (ctx, next) => next());
  const ctx = app.createContext({ headers: { host: 'h:80', accept: 'text/html' }, url: '/cats?full=yes', method: 'GET', socket: {} }, {});
  return [typeof app.listen, app.middleware.length, typeof app.callback(), app.toJSON(), ctx.path, ctx.query.full, ctx.host, ctx.accepts('html'), ctx.toJSON().request];
})()`
	const egg = `['startCluster', 'Application', 'Agent', 'Controller', 'Service', 'Subscription', 'BaseContextClass'].map((k) => [k, typeof m[k]])
  .concat([[new (class Cats extends m.Controller { name() { return this.constructor.name; } })({ app: {} }).name()]])`
	const mysql = `[m.format('SELECT ? FROM ??', [1, 'a.b']), m.escape("it's"), m.escapeId('a'), typeof m.createPool, typeof require('mysql2/promise').createConnection, Object.keys(m.Types).length]`
	const redis = `(() => {
  const client = new m({ lazyConnect: true, keyPrefix: 'p:' });
  return [client.status, client.options.port, typeof client.pipeline().get, typeof m.Cluster, String(new m.Command('set', ['a', 1]).toWritable())];
})()`
	const mongoose = `(() => {
  const Cats = m.model('Cat', new m.Schema({ name: { type: String, required: true }, age: { type: Number, min: 1 } }));
  const cat = new Cats({ age: '3' });
  return [Cats.modelName, Cats.collection.name, cat.age, Object.keys(cat.validateSync().errors), typeof cat.save, m.connection.readyState, m.Types.ObjectId.isValid('5'), Object.keys(Cats.schema.paths)];
})()`
	const sequelize = `[m.DataTypes.STRING(10).toString(), String(m.Op.eq), m.Sequelize.literal('now()').val, typeof m.Model.findAll, m.Sequelize.json({ a: 1 }).conditions, class Cat extends m.Model {}.name]`
	return []zooPackage{
		{name: "express", use: express},
		{name: "express4", use: express},
		{name: "koa", use: koa},
		{name: "koa2", use: koa},
		{name: "egg", use: egg},
		{name: "egg3", use: egg},
		{name: "mysql2", use: mysql},
		{name: "mysql22", use: mysql},
		{name: "ioredis", use: redis},
		{name: "ioredis4", use: redis},
		{name: "mongoose", use: mongoose},
		{name: "mongoose5", use: mongoose},
		{name: "sequelize", use: sequelize},
		{name: "sequelize5", use: sequelize},
	}
}
