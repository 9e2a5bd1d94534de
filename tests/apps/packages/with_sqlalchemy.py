import decimal

import sqlalchemy
from sqlalchemy import orm

Base = orm.declarative_base()


class Author(Base):
    __tablename__ = "author"
    id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)
    name = sqlalchemy.Column(sqlalchemy.String, unique=True)
    books = orm.relationship("Book", back_populates="author", order_by="Book.title")


class Book(Base):
    __tablename__ = "book"
    id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)
    title = sqlalchemy.Column(sqlalchemy.String)
    price = sqlalchemy.Column(sqlalchemy.Numeric(10, 2, asdecimal=True))
    author_id = sqlalchemy.Column(sqlalchemy.ForeignKey("author.id"))
    author = orm.relationship(Author, back_populates="books")


def answer(name):
    engine = sqlalchemy.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add(Author(name=name, books=[Book(title="b", price=decimal.Decimal("1.50")),
                                             Book(title="a", price=decimal.Decimal("2.25"))]))
        session.commit()
        author = session.query(Author).filter(Author.name.startswith(name[:1])).one()
        titles = [book.title for book in author.books]
        price = session.query(sqlalchemy.func.max(Book.price)).scalar()
        session.add(Author(name=name))
        try:
            session.commit()
            caught = "nothing"
        except sqlalchemy.exc.IntegrityError as error:
            caught = [type(error.orig).__name__, isinstance(error, sqlalchemy.exc.DBAPIError)]
            session.rollback()
        try:
            session.query(Author).filter_by(name="nobody").one()
            none = "something"
        except orm.exc.NoResultFound as error:
            none = type(error).__name__
        rows = session.execute(sqlalchemy.select(Book.title, Book.price).order_by(Book.title)).all()
        return {"titles": titles, "price": str(price), "caught": caught, "none": none,
                "rows": [list(map(str, row)) for row in rows], "row": rows[0].title}
