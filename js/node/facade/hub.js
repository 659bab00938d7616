'use strict';

// The package pandora-hub, for an application that does not have it installed: the side of those who use a hub.

const { Hub } = require('../hub');
const { HubClient } = require('../hub/client');

/** What a process has to do with the hub; setup({ location }) says who it is. */
class Facade extends Hub {}

module.exports = { Facade, HubClient };
