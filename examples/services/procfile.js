'use strict';

// Services start in the order of their dependencies and stop in the reverse order.
/** @type {import('pandora').Procfile} */
module.exports = (pandora) => {
  pandora.defaultServiceCategory('background');

  pandora.service('api', './services/api')
    .dependency('store')
    .config({ port: Number(process.env.PORT ?? 3000) })
    .config((context, literal) => ({ ...literal, greeting: `hello from ${context.appName}` }));

  pandora.service('store', './services/store')
    .config({ size: 3 });
};
