#!/bin/sh
# spawn-fcgi, started by root, opens the socket for the web server's user, becomes that and starts
# fcgi_host on it.  (Started by another user, it passes over -u and -g.)
exec /usr/bin/spawn-fcgi -n -u www-data -g www-data -s /run/fcgi_host.sock -M 0660 -- \
    /usr/local/bin/fcgi_host /srv/blog/wsgi.py
