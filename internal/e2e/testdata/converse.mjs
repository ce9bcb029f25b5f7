// A conversation with gafferd over WebSocket, the same in a browser and in node.

const most = 64 << 20; // bytes that a message may have

// message resolves to what came once enough says that it is whole.
function reply(ws, send, enough) {
  return new Promise((resolve, reject) => {
    let text = "", bytes = [], frames = new Set();
    ws.onmessage = ({ data }) => {
      if (typeof data === "string") {
        text += data;
        frames.add("text");
      } else {
        bytes.push(...new Uint8Array(data));
        frames.add("binary");
      }
      if (enough(text, bytes)) resolve({ text, bytes, frames: [...frames].join() });
    };
    ws.onerror = () => reject(new Error("websocket failed"));
    ws.onclose = (e) => reject(new Error(`closed with ${e.code} ${e.reason}`));
    if (ws.readyState === 1) ws.send(send);
    else ws.onopen = () => ws.send(send);
  });
}

// closing resolves to how the server closes after what was sent.
function closing(ws, send) {
  return new Promise((resolve) => {
    ws.onclose = (e) => resolve(`${e.code} ${e.reason}`);
    ws.onopen = () => ws.send(send);
  });
}

export async function converse(open, echo, digest, sink, ending) {
  const ws = open(echo);
  const text = await reply(ws, "héllo wörld\n", (text) => text.endsWith("\n"));
  const binary = await reply(ws, new Uint8Array([255, 254, 0, 255]), (_, bytes) => bytes.length === 4);
  const large = await reply(open(digest), new Uint8Array(most).fill(0xa5), (text) => text.endsWith("\n"));
  return {
    text: `${text.frames} ${text.text}`,
    binary: `${binary.frames} ${binary.bytes}`,
    large: large.text,
    tooLarge: (await closing(open(sink), new Uint8Array(most + 1))).split(" ")[0],
    end: await closing(open(ending), "end\n"),
  };
}

// events resolves to all events of a feed that ends, once the server has said
// that there will be no more.
export function events(source, type) {
  return new Promise((resolve) => {
    const all = [];
    source.addEventListener(type, (e) => all.push(`${e.lastEventId} ${e.data}`));
    source.onerror = () => {
      if (source.readyState === 2) resolve(all);
    };
  });
}
