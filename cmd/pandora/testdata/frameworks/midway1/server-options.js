'use strict';
module.exports = { workers: 2, port: +process.env.PORT };
