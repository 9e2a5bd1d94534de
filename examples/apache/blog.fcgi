#!/bin/sh
exec /usr/local/bin/fcgi_host /srv/blog/wsgi.py
