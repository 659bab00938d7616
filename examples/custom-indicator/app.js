'use strict';

const http = require('node:http');

let count = 7;

http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (pathname === '/orders') count = Number(searchParams.get('count'));
  if (pathname === '/crash') process.exit(3);
  response.end(JSON.stringify({ count }));
}).listen(Number(process.env.PORT ?? 3000), '127.0.0.1', function listening() {
  console.log(`custom-indicator listens on http://127.0.0.1:${this.address().port}`);
});
