// node ws.mjs ECHO DIGEST SINK ENDING: what a conversation with each brings.
import WebSocket from "ws";
import { converse } from "../converse.mjs";

const open = (url) => {
  const ws = new WebSocket(url);
  ws.binaryType = "arraybuffer";
  return ws;
};
console.log(JSON.stringify(await converse(open, ...process.argv.slice(2))));
process.exit(); // the websockets are still open
