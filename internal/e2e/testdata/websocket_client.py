"""python3 websocket_client.py ECHO DIGEST SINK ENDING: what a conversation with
each brings, with websocket-client."""

import json
import struct
import sys

import websocket

MOST = 64 << 20  # bytes that a message may have


def reply(ws, enough):
    """What comes until enough says that it is whole, and in which frames."""
    got, frames = b"", set()
    while not enough(got):
        opcode, data = ws.recv_data()
        frames.add({websocket.ABNF.OPCODE_TEXT: "text", websocket.ABNF.OPCODE_BINARY: "binary"}[opcode])
        got += data
    return ",".join(frames), got


def closing(ws):
    """How the server closes."""
    while True:
        opcode, data = ws.recv_data(control_frame=True)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return "%d %s" % (struct.unpack("!H", data[:2])[0], data[2:].decode())


def line(got):
    return got.endswith(b"\n")


echo, digest, sink, ending = (websocket.create_connection(url) for url in sys.argv[1:])
result = {}
echo.send("héllo wörld\n")
frames, got = reply(echo, line)
result["text"] = frames + " " + got.decode()
echo.send_binary(bytes([255, 254, 0, 255]))
frames, got = reply(echo, lambda got: len(got) == 4)
result["binary"] = frames + " " + ",".join(str(b) for b in got)
digest.send_binary(b"\xa5" * MOST)
result["large"] = reply(digest, line)[1].decode()
try:
    sink.send_binary(bytes(MOST + 1))
except OSError:
    pass  # the server may close while it is still being sent
result["tooLarge"] = closing(sink).split()[0]
ending.send("end\n")
result["end"] = closing(ending)
print(json.dumps(result))
