"""Drivers of databases beside real servers: types, cursors, exceptions, over edits of both users."""

import os
import unittest

from support import databases
from support.host import needs_modules, needs_program
from support.same_answers import SameAnswers


class Databases(SameAnswers):
    def check_driver(self, driver, **environ):
        self.check("databases/with_" + driver, environ)

    def start_server(self, start):
        folder = self.path("server")
        os.mkdir(folder)
        self.addCleanup(start(folder).stop)
        return folder

    @needs_program(os.path.join(databases.POSTGRESQL, "initdb"))
    @needs_modules("psycopg2")
    def test_psycopg2(self):
        self.check_driver("psycopg2", DATABASE_HOST=self.start_server(databases.start_postgresql))

    @needs_program(os.path.join(databases.POSTGRESQL, "initdb"))
    @needs_modules("psycopg")
    def test_psycopg(self):
        self.check_driver("psycopg", DATABASE_HOST=self.start_server(databases.start_postgresql))

    @needs_program(*databases.MARIADB)
    @needs_modules("MySQLdb")
    def test_mysqldb(self):
        folder = self.start_server(databases.start_mariadb)
        self.check_driver("mysqldb", DATABASE_SOCKET=os.path.join(folder, "socket"))

    def test_sqlite3(self):
        self.check_driver("sqlite3", DATABASE_FILE=self.path("file.sqlite"))


if __name__ == "__main__":
    unittest.main()
