"""WebSocket libraries of Python that are not ours, for test_foreign.py: clients.py LIBRARY URL REGISTER COUNT.

Sends REGISTER, prints COUNT messages, a line each, ends the connection with 1000 and prints what it was answered."""

from __future__ import annotations

import asyncio
import sys


async def aiohttp(url: str, register: str, count: int) -> int:
    from aiohttp import ClientSession

    async with ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_str(register)
        for _ in range(count):
            print(await socket.receive_str())
        await socket.close()
        return socket.close_code


async def tornado(url: str, register: str, count: int) -> int:
    from tornado.websocket import websocket_connect

    socket = await websocket_connect(url, compression_options={})
    await socket.write_message(register)
    for _ in range(count):
        print(await socket.read_message())
    socket.close(1000)
    assert await socket.read_message() is None
    return socket.close_code


async def websocket(url: str, register: str, count: int) -> int:
    from websocket import create_connection

    socket = create_connection(url, timeout=20)
    socket.send(register)
    for _ in range(count):
        print(socket.recv())
    socket.send_close()
    _, data = socket.recv_data()
    return int.from_bytes(data[:2], "big")


async def websockets(url: str, register: str, count: int) -> int:
    from websockets import connect

    async with connect(url) as socket:
        await socket.send(register)
        for _ in range(count):
            print(await socket.recv())
    return socket.close_code


async def PySide2(url: str, register: str, count: int) -> int:  # noqa: N802
    """Qt's own."""
    from PySide2.QtCore import QCoreApplication, QUrl
    from PySide2.QtWebSockets import QWebSocket

    application = QCoreApplication([])
    socket = QWebSocket()
    seen = 0

    def take(message: str) -> None:
        nonlocal seen
        print(message)
        seen += 1
        if seen == count:
            socket.close()

    socket.textMessageReceived.connect(take)
    socket.connected.connect(lambda: socket.sendTextMessage(register))
    socket.disconnected.connect(application.quit)
    socket.open(QUrl(url))
    application.exec_()
    return int(socket.closeCode())


if __name__ == "__main__":
    print("closed", asyncio.run(globals()[sys.argv[1]](sys.argv[2], sys.argv[3], int(sys.argv[4]))))
