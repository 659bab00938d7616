'use strict';

// The package pandora-hub, for an application that does not have it installed: the side of those who use a hub.

const { Hub } = require('../hub');
const { HubClient } = require('../hub/client');
const { introspect } = require('../hub/objects');
const { idOf, match } = require('../hub/selector');

/** What a process has to do with the hub; setup({ location }) says who it is. */
class Facade extends Hub {}

const SelectorUtils = { match };
const ObjectUtils = { objectDescriptionToId: idOf };
const IntrospectionUtils = { introspect };

module.exports = { Facade, HubClient, SelectorUtils, ObjectUtils, IntrospectionUtils };
