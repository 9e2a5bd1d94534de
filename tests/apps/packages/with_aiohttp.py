import asyncio

import aiohttp
import multidict
import yarl
from aiohttp import web


async def echo(request):
    if request.path == "/missing":
        raise web.HTTPNotFound(text="not here")
    return web.json_response({"got": await request.json(), "q": request.query["q"]})


async def socket(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        await ws.send_str(message.data.upper())
    return ws


async def talk(name):
    app = web.Application()
    app.router.add_get("/socket", socket)
    app.router.add_post("/{path:.*}", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = yarl.URL.build(scheme="http", host="127.0.0.1", port=runner.addresses[0][1])
    try:
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            async with session.post(url / "x" % {"q": name}, json=[1, name]) as response:
                echoed = await response.json()
            try:
                await session.post(url / "missing", json=1)
                caught = "nothing"
            except aiohttp.ClientResponseError as error:
                caught = [error.status, isinstance(error, aiohttp.ClientError)]
            async with session.ws_connect(url / "socket") as ws:
                await ws.send_str(name)
                heard = await ws.receive_str()
    finally:
        await runner.cleanup()
    return {"echoed": echoed, "caught": caught, "heard": heard}


def answer(name):
    headers = multidict.CIMultiDict([("A", "1"), ("a", name)])
    return {**asyncio.run(talk(name)), "headers": headers.getall("A"),
            "kind": isinstance(headers, multidict.MultiMapping), "view": list(headers.keys() & {"A"}),
            "url": str(yarl.URL("http://h/a b").with_query(x="\u00e9"))}
