// `ws` of npm, as clients.py does it: ws.cjs URL REGISTER COUNT
const WebSocket = require('ws');

const [url, register, count] = process.argv.slice(2);
const socket = new WebSocket(url, ['ppo-bridge.v1']);
let seen = 0;
socket.on('open', () => socket.send(register));
socket.on('message', (data) => {
  console.log(String(data));
  if (++seen === Number(count)) socket.close(1000);
});
socket.on('close', (code) => console.log(`closed ${code}`));
