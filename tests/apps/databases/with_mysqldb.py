"""MySQLdb: converters by class and by type, cursors whose rows stay on the server, its exceptions."""

import datetime
import decimal
import os

import MySQLdb
import MySQLdb.cursors
from MySQLdb.constants import FIELD_TYPE
from MySQLdb.converters import conversions

VALUES = {
    "DECIMAL(30, 3)": decimal.Decimal("12345678901234567890.123"),
    "VARCHAR(50)": "\u20ac 'quoted' \\",
    "DATE": datetime.date(2024, 2, 29),
    "TIME": datetime.timedelta(hours=23, seconds=59),
    "DATETIME": datetime.datetime(2024, 2, 29, 12, 30, 45),
    "BLOB": b"\x00\xff'\\",
    "BIGINT": 2 ** 40,
    "DOUBLE": 0.1,
    "JSON": '{"a": [1, 2.5, null]}',
}


class Colour(str):
    """A class of the application's own, with a converter of its own."""


def connect(**options):
    return MySQLdb.connect(unix_socket=os.environ["DATABASE_SOCKET"], user="root",
                           charset="utf8mb4", **options)


def round_trips(cursor):
    for sql_type, value in VALUES.items():
        cursor.execute(f"CREATE TEMPORARY TABLE test.one (value {sql_type})")
        cursor.execute("INSERT INTO test.one VALUES (%s)", (value,))
        cursor.execute("SELECT value FROM test.one")
        got = cursor.fetchone()[0]
        yield [sql_type, type(got).__qualname__, repr(got), got == value]
        cursor.execute("DROP TABLE test.one")


def rows(connection, name):
    with connection.cursor(MySQLdb.cursors.DictCursor) as cursor:
        cursor.execute("CREATE TEMPORARY TABLE test.goods"
                       " (name VARCHAR(40) PRIMARY KEY, price DECIMAL(10, 2))")
        cursor.executemany("INSERT INTO test.goods VALUES (%s, %s)",
                           [(f"{name} {i}", decimal.Decimal(i) / 4) for i in range(300)])
        cursor.execute("SELECT SUM(price) AS total FROM test.goods")
        yield str(cursor.fetchone()["total"])
    with connection.cursor(MySQLdb.cursors.SSCursor) as cursor:
        cursor.execute("SELECT * FROM test.goods ORDER BY price DESC LIMIT 200")
        first = cursor.fetchone()
        got = list(cursor)
        yield [len(got), first[0], str(got[-1][1])]


def caught(connection, statement):
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except MySQLdb.IntegrityError as error:
        return ["integrity", error.args[0], isinstance(error, MySQLdb.DatabaseError)]
    except MySQLdb.ProgrammingError as error:
        return ["programming", error.args[0], isinstance(error, MySQLdb.DatabaseError)]
    return "nothing"


def no_such_server():
    try:
        MySQLdb.connect(unix_socket="/nonexistent/socket")
    except MySQLdb.OperationalError as error:
        return ["operational", error.args[0], isinstance(error, MySQLdb.Error)]
    return "nothing"


def own_types():
    conv = {**conversions, Colour: lambda value, _: "'<%s>'" % value, FIELD_TYPE.NEWDECIMAL: float}
    connection = connect(conv=conv)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s, 1.5", (Colour("red"),))
            return cursor.fetchone()
    finally:
        connection.close()


def answer(name):
    connection = connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS test")
            values = list(round_trips(cursor))
        found = list(rows(connection, name))
        errors = [caught(connection, statement) for statement in (
            f"INSERT INTO test.goods VALUES ('{name} 1', 1)", "SELECT * FROM test.nowhere")]
        return {"values": values, "rows": found, "errors": errors,
                "no server": no_such_server(), "own types": own_types()}
    finally:
        connection.close()
