import asyncio

import tornado.httpclient
import tornado.httpserver
import tornado.netutil
import tornado.template
import tornado.web
import tornado.websocket


class Echo(tornado.web.RequestHandler):
    def post(self):
        if not self.request.body:
            raise tornado.web.HTTPError(422)
        self.write({"body": self.request.body.decode()})


class Socket(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message.upper())


async def talk(name):
    app = tornado.web.Application([("/", Echo), ("/socket", Socket)], log_function=lambda _: None)
    server = tornado.httpserver.HTTPServer(app)
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    address = f"127.0.0.1:{sockets[0].getsockname()[1]}"
    client = tornado.httpclient.AsyncHTTPClient(force_instance=True)
    try:
        response = await client.fetch(f"http://{address}/", method="POST", body=name)
        try:
            await client.fetch(f"http://{address}/", method="POST", body="")
            caught = "nothing"
        except tornado.httpclient.HTTPError as error:
            caught = error.code
        socket = await tornado.websocket.websocket_connect(f"ws://{address}/socket")
        await socket.write_message(name)
        heard = await socket.read_message()
        socket.close()
    finally:
        client.close()
        server.stop()
        await server.close_all_connections()
    return {"body": response.body.decode(), "caught": caught, "heard": heard}


def answer(name):
    page = tornado.template.Template("{% for x in xs %}<{{ x }}>{% end %}")
    masked = tornado.util._websocket_mask(b"abcd", name.encode() * 3)
    return {**asyncio.run(talk(name)), "page": page.generate(xs=["<", name]).decode(), "masked": masked.hex()}
