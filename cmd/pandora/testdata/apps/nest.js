'use strict';
// What the decorators of TypeScript come to.
require('reflect-metadata');
const { Controller, Get, Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');

class Root {
  async answer() {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    return `${process.pid} nest\n`;
  }
}
Get('/')(Root.prototype, 'answer', Object.getOwnPropertyDescriptor(Root.prototype, 'answer'));
Controller()(Root);

class App {}
Module({ controllers: [Root] })(App);

NestFactory.create(App, { logger: ['error'] }).then((app) => {
  app.enableShutdownHooks();
  return app.listen(+process.env.PORT);
});
