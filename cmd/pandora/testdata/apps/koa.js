'use strict';
const Koa = require('koa');
const app = new Koa();
app.use(async (ctx) => {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
  ctx.body = `${process.pid} koa\n`;
});
app.listen(+process.env.PORT, 'localhost');
