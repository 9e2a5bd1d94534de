import io
import os
import tempfile

import pycurl


def answer(name):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file")
        with open(path, "w", encoding="ascii") as file:
            file.write(name)
        body, progress = io.BytesIO(), []
        curl = pycurl.Curl()
        curl.setopt(curl.URL, f"file://{path}")
        curl.setopt(curl.WRITEFUNCTION, body.write)
        curl.setopt(curl.NOPROGRESS, False)
        curl.setopt(curl.XFERINFOFUNCTION, lambda *_: progress.append(1) or 0)
        curl.perform()
        curl.setopt(curl.URL, "file:///nonexistent")
        try:
            curl.perform()
            caught = "nothing"
        except pycurl.error as error:
            caught = error.args[0] == pycurl.E_FILE_COULDNT_READ_FILE
        curl.close()
    multi = pycurl.CurlMulti()
    idle = multi.perform()[1]
    return {"body": body.getvalue().decode(), "caught": caught, "progress": bool(progress), "idle": idle}
