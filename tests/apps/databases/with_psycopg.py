"""psycopg 3: dumpers by class, loaders by type, row factories, pipelines of the server's cursors."""

import datetime
import decimal
import enum
import os
import uuid

import psycopg
import psycopg.errors
import psycopg.rows
import psycopg.sql
from psycopg.adapt import Dumper
from psycopg.types.json import Jsonb

VALUES = {
    "numeric": decimal.Decimal("12345678901234567890.123"),
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "numeric[]": [decimal.Decimal("1.5"), None, decimal.Decimal("-2")],
    "text[]": ["a", 'b"c', "\u20ac"],
    "date": datetime.date(2024, 2, 29),
    "time": datetime.time(23, 59, 59, 999),
    "timestamp": datetime.datetime(2024, 2, 29, 12, 30, 45, 678),
    "interval": datetime.timedelta(days=3, seconds=7, microseconds=9),
    "bytea": b"\x00\xff'\\",
    "boolean": True,
    "bigint": 2 ** 40,
    "double precision": 0.1,
}


class Colour(enum.Enum):
    RED = "red"


class ColourDumper(Dumper):
    def dump(self, obj):
        return obj.value.encode()


def connect():
    return psycopg.connect(host=os.environ["DATABASE_HOST"], dbname="postgres", user="test")


def round_trips(connection):
    for sql_type, value in VALUES.items():
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            got = cursor.execute(f"SELECT %s::{sql_type}", (value,)).fetchone()[0]
            yield [sql_type, binary, type(got).__qualname__, repr(got), got == value]
    document = {"a": [1, 2.5, None, "\u00e9"]}
    got = connection.execute("SELECT %s", (Jsonb(document),)).fetchone()[0]
    yield ["jsonb", got, got == document]


def rows(connection, name):
    connection.execute(
        "CREATE TEMPORARY TABLE goods (name text PRIMARY KEY, price numeric(10, 2))")
    with connection.cursor() as cursor:
        with cursor.copy("COPY goods FROM STDIN") as copy:
            for i in range(300):
                copy.write_row((f"{name} {i}", decimal.Decimal(i) / 4))
    with connection.cursor("on_server", row_factory=psycopg.rows.namedtuple_row) as cursor:
        cursor.itersize = 70
        query = psycopg.sql.SQL("SELECT * FROM {} ORDER BY price DESC LIMIT 200")
        got = list(cursor.execute(query.format(psycopg.sql.Identifier("goods"))))
        yield [len(got), got[0].name, str(got[-1].price)]
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        yield str(cursor.execute("SELECT sum(price) AS total FROM goods").fetchone()["total"])


def caught(connection, statement):
    try:
        with connection.transaction():
            connection.execute(statement)
    except psycopg.errors.UniqueViolation as error:
        return ["unique", error.diag.constraint_name, isinstance(error, psycopg.IntegrityError)]
    except psycopg.errors.DivisionByZero as error:
        return ["division", error.sqlstate, isinstance(error, psycopg.DataError)]
    except psycopg.ProgrammingError as error:
        return ["programming", error.sqlstate, type(error).__qualname__]
    return "nothing"


def no_such_server():
    try:
        psycopg.connect(host="/nonexistent")
    except psycopg.OperationalError as error:
        return ["operational", isinstance(error, psycopg.Error)]
    return "nothing"


def answer(name):
    with connect() as connection:
        connection.adapters.register_dumper(Colour, ColourDumper)
        values = list(round_trips(connection))
        colour = connection.execute("SELECT %s::text", (Colour.RED,)).fetchone()
        found = list(rows(connection, name))
        errors = [caught(connection, statement) for statement in (
            f"INSERT INTO goods VALUES ('{name} 1', 1)", "SELECT 1 / 0", "SELECT * FROM nowhere")]
        return {"values": values, "colour": colour, "rows": found, "errors": errors,
                "no server": no_such_server(), "implementation": psycopg.pq.__impl__}
