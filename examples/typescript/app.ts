import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Role } from './roles';

type Handler = (response: ServerResponse) => void;

const routes: Record<string, Handler> = {
  '/': (response) => response.end(`hello from ${Role.Web}\n`),
  // Stack traces show lines and columns of this file.
  '/where': (response) => response.end(`${new Error('here').stack}\n`),
};

const server = createServer((request, response) => {
  const handler = routes[request.url ?? '/'];
  if (handler) handler(response);
  else response.writeHead(404).end('nothing here\n');
});

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  console.log(`${Role.Web} listens on http://127.0.0.1:${port}`);
});
