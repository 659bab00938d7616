'use strict';

/** Answers the application's configuration; it is `context.config` for every config function. */
module.exports = class MyConfigurator {
  constructor(context) {
    this.context = context;
  }

  async getAllProperties() {
    return { greeting: `hello from ${this.context.appName}`, port: Number(process.env.PORT ?? 3000) };
  }
};
