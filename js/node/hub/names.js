'use strict';

// What the hub's protocol calls things.

module.exports = {
  SOCKET: 'pandora_msg_hub',
  ONLINE: 'PANDORA_HUB_ACTION_ONLINE_UP',
  OFFLINE: 'PANDORA_HUB_ACTION_OFFLINE_UP',
  PUBLISH: 'PANDORA_HUB_ACTION_PUBLISH_UP',
  UNPUBLISH: 'PANDORA_HUB_ACTION_UNPUBLISH_UP',
  MESSAGE: 'PANDORA_HUB_ACTION_MSG_UP',
  DELIVER: 'PANDORA_HUB_ACTION_MSG_DOWN',
  INVOKE: 'OBJECT_ACTION_INVOKE',
  GET_PROPERTY: 'OBJECT_ACTION_GET_PROPERTY',
  INTROSPECT: 'OBJECT_ACTION_INTROSPECT',
  SUBSCRIBE: 'OBJECT_ACTION_SUBSCRIBE',
  UNSUBSCRIBE: 'OBJECT_ACTION_UNSUBSCRIBE',
  CONFIG_MANAGER: '__PANDORA_HUB_CONFIG_MANAGER',
  /** The name of an object that is told of the events of another ends in it. */
  SUBSCRIBER: '@subscriber',
  /** How long a call may take, as the original's TIMEOUT_OF_RESPONSE. */
  TIMEOUT_MS: 5000,
  /** How much longer a call of several is waited for, so that one that hangs does not hide the answers of the others. */
  GRACE_MS: 500,
};
