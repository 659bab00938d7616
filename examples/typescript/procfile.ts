import type { Procfile } from 'pandora';
import { Role } from './roles';
import { Ticker } from './services/ticker';

const procfile: Procfile = (pandora) => {
  pandora.fork(Role.Web, './app.ts');

  pandora.service('ticker', Ticker).process(Role.Background).config({ everyMs: 100 });
  // A path needs no extension.
  pandora.service('report', './services/report').process(Role.Background).dependency('ticker');
};

export default procfile;
