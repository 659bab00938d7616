'use strict';
const Hapi = require('@hapi/hapi');

const init = async () => {
  const server = Hapi.server({ port: process.env.PORT, host: 'localhost' });
  server.route({
    method: 'GET',
    path: '/',
    handler: async () => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      return `${process.pid} hapi\n`;
    },
  });
  await server.start();
};

process.on('unhandledRejection', (err) => {
  console.log(err);
  process.exit(1);
});

init();
