'use strict';

require('./dump').dump('folder', module);
