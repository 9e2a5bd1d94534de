#!/bin/sh
# spawn-fcgi opens the socket, drops privileges (-u, -g when root) and starts fcgi_host on it.
exec /usr/bin/spawn-fcgi -n -s /run/fcgi_host.sock -M 0666 -- \
    /usr/local/bin/fcgi_host /srv/blog/wsgi.py
