// Answers each connection with its own name and the address the client has, then closes. Arguments: port, name.
import { createServer } from 'node:net';

const [port, name] = process.argv.slice(2);
createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.end(`${name} ${socket.remoteAddress}\n`);
}).listen(Number(port), '0.0.0.0');
