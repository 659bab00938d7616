'use strict';

// What the hub's protocol calls things.

const TIMEOUT_MS = 5000;
const GRACE_MS = 500;
/** A longer one would overflow the timer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1 - GRACE_MS;

module.exports = {
  SOCKET: 'pandora_msg_hub',
  ONLINE: 'PANDORA_HUB_ACTION_ONLINE_UP',
  OFFLINE: 'PANDORA_HUB_ACTION_OFFLINE_UP',
  PUBLISH: 'PANDORA_HUB_ACTION_PUBLISH_UP',
  UNPUBLISH: 'PANDORA_HUB_ACTION_UNPUBLISH_UP',
  MESSAGE: 'PANDORA_HUB_ACTION_MSG_UP',
  DELIVER: 'PANDORA_HUB_ACTION_MSG_DOWN',
  /** Asks the hub to say, once, when those who have published an object are others. */
  WATCH: 'PANDORA_HUB_ACTION_WATCH_UP',
  CHANGED: 'PANDORA_HUB_ACTION_CHANGED_DOWN',
  /** Asks a process for the name of its door. The number is that of the language which is spoken there. */
  DIRECT: 'PANDORA_HUB_DIRECT_1',
  /** The name of a door: it has the pid of its process. */
  DOOR: /^hub-([0-9a-z]{1,7})-[0-9a-z]{1,6}\.sock$/,
  INVOKE: 'OBJECT_ACTION_INVOKE',
  GET_PROPERTY: 'OBJECT_ACTION_GET_PROPERTY',
  INTROSPECT: 'OBJECT_ACTION_INTROSPECT',
  SUBSCRIBE: 'OBJECT_ACTION_SUBSCRIBE',
  UNSUBSCRIBE: 'OBJECT_ACTION_UNSUBSCRIBE',
  CONFIG_MANAGER: '__PANDORA_HUB_CONFIG_MANAGER',
  /** The name of an object that is told of the events of another ends in it. */
  SUBSCRIBER: '@subscriber',
  /** How long a call may take, as the original's TIMEOUT_OF_RESPONSE. */
  TIMEOUT_MS,
  /** How much longer a call of several is waited for, so that one that hangs does not hide the answers of the others. */
  GRACE_MS,
  /**
   * @param {any} given milliseconds, or nothing
   * @returns {number} how long a call may take
   */
  timeout: (given) => (given > 0 ? Math.min(given, MAX_TIMEOUT_MS) : TIMEOUT_MS),
};
