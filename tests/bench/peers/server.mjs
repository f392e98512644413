// What a Node author would write in place of the bridge: events come in by ZeroMQ (a SUB socket that
// is bound) and go out to every WebSocket client, each as a text message of its own.
import { Subscriber } from 'zeromq';
import { WebSocketServer } from 'ws';

const welcome = JSON.stringify({
  type: 'system_status',
  data: { status: 'connected', message: 'node' },
});
const registered = JSON.stringify({ status: 'registered', action: 'register' });

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  path: '/ws',
  backlog: 4096,
  perMessageDeflate: false,
});
const clients = new Set();
server.on('connection', (client) => {
  clients.add(client);
  client.on('close', () => clients.delete(client));
  client.on('error', () => client.terminate());
  client.on('message', (text) => {
    if (JSON.parse(text).action === 'register') client.send(registered);
  });
  client.send(welcome);
});

const events = new Subscriber();
events.subscribe();
await events.bind('tcp://127.0.0.1:*');
if (!server.address()) await new Promise((resolve) => server.once('listening', resolve));

const stop = () => process.exit(0);
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
console.log(`ready ws=ws://127.0.0.1:${server.address().port}/ws events_in=${events.lastEndpoint}`);

const asText = { binary: false };
for await (const [event] of events) {
  for (const client of clients) client.send(event, asText);
}
