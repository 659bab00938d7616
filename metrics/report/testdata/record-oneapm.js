'use strict';

// Runs npm's oneapm against a recorder on this machine and prints what it sends, without what tells about the machine. How
// oneapm.json was made: node record-oneapm.js <folder of oneapm> > oneapm.json

const http = require('node:http');
const path = require('node:path');
const zlib = require('node:zlib');
const { fork } = require('node:child_process');

const SECONDS = 30;
if (process.argv[3] === 'agent') {
  require(path.resolve(process.argv[2]));
  setInterval(() => {}, 1000);
} else {
  const exchange = [];
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      let body = Buffer.concat(chunks);
      if (request.headers['content-encoding'] === 'deflate') body = zlib.inflateSync(body);
      const url = new URL(request.url, 'http://recorder');
      const query = Object.fromEntries(url.searchParams);
      const data = JSON.parse(body);
      if (query.method === 'connect') {
        Object.assign(data[0], { pid: 1, host: 'host', clientIP: '192.0.2.1', settings: {} });
        data[0].environment = data[0].environment.map(([name, value]) => [name, Array.isArray(value) ? [] : typeof value === 'number' ? 1 : 'text']);
      }
      if (query.method === 'agent_settings') data[0] = {};
      const { 'content-encoding': encoding, 'content-type': type, 'api-version': api } = request.headers;
      const answers = {
        get_redirect_host: `127.0.0.1:${server.address().port}`, connect: { agent_run_id: 'run-1', data_report_period: 6 },
        metric_data: [],
      };
      const answer = { return_value: answers[query.method] ?? null };
      exchange.push({ request: { path: url.pathname, query, headers: { encoding, type, api }, body: data }, answer });
      response.end(JSON.stringify(answer));
    });
  });
  server.listen(0, '127.0.0.1', () => {
    const agent = fork(__filename, [process.argv[2], 'agent'], {
      stdio: ['ignore', 2, 2, 'ipc'],
      env: {
        ...process.env, ONEAPM_HOST: '127.0.0.1', ONEAPM_PORT: String(server.address().port), ONEAPM_USE_SSL: 'false',
        ONEAPM_LICENSE_KEY: 'license-1', ONEAPM_APP_NAME: 'demo', ONEAPM_NO_CONFIG_FILE: 'true',
      },
    });
    setTimeout(() => {
      agent.kill();
      exchange[0].answer.return_value = '127.0.0.1:443';
      process.stdout.write(`${JSON.stringify(exchange, null, 1)}\n`);
      process.exit();
    }, SECONDS * 1000);
  });
}
