"""The host as in a container of an image whose files are those of this system:
container_of_image.py USER:GROUP ENTRYPOINT… (image says where its entry point and user come from)."""

import os
import signal
import subprocess
import sys
import tempfile

from support import container, fcgi
from support.waiting import await_


def main(user, *entrypoint):
    uid, gid = map(int, user.split(":"))
    with tempfile.TemporaryDirectory() as folder:
        root, site = folder + "/root", folder + "/site"
        os.mkdir(root)
        os.mkdir(site)
        os.chown(site, uid, gid)
        host = container.Container(
            root, [container.in_memory("/run"), container.in_memory("/tmp"), container.shared(site, "/run/site")],
            entrypoint, user=uid, group=gid)
        try:
            await_(lambda: host.process.poll() is not None or os.path.exists(site + "/fcgi_host.ctl"), "the host")
            probe = host.enter("fcgi_host", "ready", "-s", "/run/site/fcgi_host.ctl", user=uid)
            await_(lambda: subprocess.run(probe, capture_output=True).returncode == 0, "it to be ready")
            body = fcgi.fetch(site + "/fcgi_host.sock", "/").body.decode()
            print(body)
            assert body == f"Flask 1 {uid} {gid} False", body
            os.kill(host.first, signal.SIGTERM)
            assert host.wait() == 0
        except BaseException:
            print(host.log.text)
            raise
        finally:
            host.end()


main(*sys.argv[1:])
