"""sqlite3: adapters and converters by class, functions and aggregates in Python, its exceptions."""

import datetime
import decimal
import os
import sqlite3


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __conform__(self, protocol):
        return f"{self.x};{self.y}" if protocol is sqlite3.PrepareProtocol else None


class Total:
    def __init__(self):
        self.sum = decimal.Decimal(0)

    def step(self, value):
        self.sum += decimal.Decimal(value)

    def finalize(self):
        return str(self.sum)


sqlite3.register_adapter(decimal.Decimal, str)
sqlite3.register_converter("decimal", lambda text: decimal.Decimal(text.decode()))
sqlite3.register_converter("point", lambda text: Point(*map(float, text.split(b";"))))


def caught(connection, statement):
    try:
        with connection:
            connection.execute(statement)
    except sqlite3.IntegrityError as error:
        return ["integrity", error.sqlite_errorname, isinstance(error, sqlite3.DatabaseError)]
    except sqlite3.OperationalError as error:
        return ["operational", error.sqlite_errorname, isinstance(error, sqlite3.DatabaseError)]
    return "nothing"


def answer(name):
    connection = sqlite3.connect(os.environ["DATABASE_FILE"],
                                 detect_types=sqlite3.PARSE_DECLTYPES)
    try:
        connection.row_factory = sqlite3.Row
        connection.create_function("reversed", 1, lambda text: text[::-1], deterministic=True)
        connection.create_aggregate("total_of", 1, Total)
        connection.create_collation("by_length", lambda a, b: len(a) - len(b))
        connection.execute("CREATE TEMPORARY TABLE goods"
                           " (name text PRIMARY KEY, price decimal, place point, at timestamp)")
        with connection:
            connection.executemany("INSERT INTO goods VALUES (?, ?, ?, ?)", [
                (f"{name} {i}", decimal.Decimal(i) / 4, Point(i, -i),
                 datetime.datetime(2024, 2, 29, 12, 0, i)) for i in range(50)])
        row = connection.execute("SELECT * FROM goods ORDER BY at DESC").fetchone()
        errors = [caught(connection, statement) for statement in (
            f"INSERT INTO goods (name) VALUES ('{name} 1')", "SELECT * FROM nowhere")]
        return {
            "row": [row["name"], repr(row["price"]), row["place"].y, repr(row["at"])],
            "kind": isinstance(row["price"], decimal.Decimal) and isinstance(row["place"], Point),
            "total": connection.execute("SELECT total_of(price) FROM goods").fetchone()[0],
            "reversed": connection.execute("SELECT reversed(?)", (name,)).fetchone()[0],
            "longest": connection.execute(
                "SELECT name FROM goods ORDER BY name COLLATE by_length DESC, at").fetchone()[0],
            "errors": errors,
        }
    finally:
        connection.close()
