'use strict';

// Classes that a configuration extends or names and that do their work elsewhere: in the daemon, or in the script host of the
// configuration. A worker reads the same configuration, so here they are only to be extended.

/** @type {Record<string, new (...args: any[]) => any>} */
const classes = {};
for (const name of [
  'EndPoint', 'DuplexEndPoint', 'CacheDuplexEndPoint', 'DaemonEndPoint', 'ErrorEndPoint', 'HealthEndPoint', 'InfoEndPoint',
  'MetricsEndPoint', 'ProcessEndPoint', 'TraceEndPoint', 'DaemonResource', 'ErrorResource', 'HealthResource', 'InfoResource',
  'MetricsResource', 'ProcessResource', 'TraceResource', 'ScheduledMetricsReporter', 'CustomReporter', 'ConsoleReporter',
  'FileMetricsManagerReporter', 'TraceReporter', 'MetricsCollector', 'CompactMetricsCollector', 'NormalMetricsCollector',
]) {
  classes[name] = { [name]: class {} }[name];
}

module.exports = classes;
