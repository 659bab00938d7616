'use strict';

// Two processes with a service each. The one in `a` is published in the hub, where the one in `b` finds it: its methods are
// called as if it were here, and run there.
/** @type {import('pandora').Procfile} */
module.exports = (pandora) => {
  pandora.process('a').scale(1);
  pandora.process('b').scale(1);

  pandora.service('serviceA', './service-a').process('a').publish();
  pandora.service('serviceB', './service-b').process('b');
};
