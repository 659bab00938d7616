'use strict';
const app = require('fastify')();
app.get('/', async () => {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
  return `${process.pid} fastify\n`;
});
app.listen({ port: +process.env.PORT }).catch((error) => { throw error; });
