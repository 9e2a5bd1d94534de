import http.server
import threading

import requests


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def answer(name):
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        with requests.Session() as session:
            echoed = session.post(url, json={"name": name}).json()
            try:
                session.post(url + "/missing", data=b"x").raise_for_status()
                caught = "nothing"
            except requests.HTTPError as error:
                caught = [error.response.status_code, isinstance(error, requests.RequestException)]
            try:
                session.post(f"https://127.0.0.1:{server.server_port}", data=b"x")
                encrypted = "something"
            except requests.exceptions.SSLError as error:
                encrypted = type(error).__name__
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    try:
        requests.get(url)
        refused = "nothing"
    except requests.ConnectionError as error:
        refused = type(error).__name__
    return {"echoed": echoed, "caught": caught, "encrypted": encrypted, "refused": refused}
