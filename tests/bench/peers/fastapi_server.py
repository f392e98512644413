"""The kind of server that the bridge replaces: FastAPI on uvicorn, with events that come in by ZeroMQ.

It keeps a set of connections and sends each event to every one of them, one after the other.
"""

import asyncio
import socket
from contextlib import suppress

import uvicorn
import zmq
import zmq.asyncio
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
connections: set = set()


@app.websocket("/ws")
async def connect(websocket: WebSocket) -> None:
    await websocket.accept()
    connections.add(websocket)
    await websocket.send_json(
        {"type": "system_status", "data": {"status": "connected", "message": "fastapi"}}
    )
    try:
        while True:
            request = await websocket.receive_json()
            if request.get("action") == "register":
                await websocket.send_json({"status": "registered", "action": "register"})
    except WebSocketDisconnect:
        pass
    finally:
        connections.discard(websocket)


async def broadcast(text: str) -> None:
    for websocket in list(connections):
        try:
            await websocket.send_text(text)
        except Exception:
            connections.discard(websocket)


async def forward(events: zmq.asyncio.Socket) -> None:
    while True:
        await broadcast((await events.recv()).decode())


async def main() -> None:
    events = zmq.asyncio.Context.instance().socket(zmq.SUB)
    events.subscribe(b"")
    port = events.bind_to_random_port("tcp://127.0.0.1")
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    config = uvicorn.Config(
        app, log_level="error", access_log=False, ws="websockets", ws_per_message_deflate=False
    )
    server = uvicorn.Server(config)
    forwarding = asyncio.create_task(forward(events))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    print(
        "ready ws=ws://127.0.0.1:%d/ws events_in=tcp://127.0.0.1:%d"
        % (listener.getsockname()[1], port),
        flush=True,
    )
    await serving
    forwarding.cancel()
    with suppress(asyncio.CancelledError):
        await forwarding


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
    asyncio.run(main())
