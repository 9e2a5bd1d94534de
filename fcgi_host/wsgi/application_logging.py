"""fcgi_host.LogHandler: records of Python's logging as lines of the host's log, each with the level
that it has, and with the application, generation and request that its thread works for."""

import logging

import fcgi_host

DEBUG, INFO, WARN, ERROR = range(4)

_FORMATTER = logging.Formatter("%(name)s: %(message)s")


class LogHandler(logging.Handler):
    """A handler for logging: writes to the log of the host, as lines with the slug app.log."""

    def format(self, record):
        return (self.formatter or _FORMATTER).format(record)

    def emit(self, record):
        number = record.levelno
        level = (ERROR if number >= logging.ERROR else WARN if number >= logging.WARNING
                 else INFO if number >= logging.INFO else DEBUG)
        try:
            fcgi_host._log(level, "app.log", self.format(record))
        except Exception:
            self.handleError(record)


LogHandler.__module__ = "fcgi_host"
