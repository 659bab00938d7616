import { MidwayConfig } from '@midwayjs/core';

export default {
  keys: 'only for tests',
  koa: {
    port: 7001,
  },
} as MidwayConfig;
