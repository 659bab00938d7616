'use strict';

module.exports = (pandora) => {
  pandora.process('worker').scale(1);
  pandora.service('asker', './asker').process('worker');
};
