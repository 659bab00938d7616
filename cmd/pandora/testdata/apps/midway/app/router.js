'use strict';
module.exports = (app) => {
  app.router.get('/', async (ctx) => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    ctx.body = `${process.pid} midway\n`;
  });
};
