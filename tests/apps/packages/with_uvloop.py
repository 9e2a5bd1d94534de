import asyncio

import uvloop


async def talk(name):
    async def serve(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    writer.write(name.encode() + b"\n")
    heard = await reader.readline()
    writer.close()
    server.close()
    await server.wait_closed()
    process = await asyncio.create_subprocess_exec("echo", name, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    try:
        await asyncio.wait_for(loop.create_future(), 0.01)
        caught = "nothing"
    except asyncio.TimeoutError:
        caught = "timeout"
    return {"heard": heard.decode(), "said": said.decode(), "caught": caught,
            "thread": await loop.run_in_executor(None, len, name), "kind": type(loop).__module__}


def answer(name):
    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(talk(name))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
