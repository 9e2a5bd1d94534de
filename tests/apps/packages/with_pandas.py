import io

import pandas


def answer(name):
    table = pandas.read_csv(io.StringIO("city,day,sold\nRome,2024-02-29,3\nOslo,2024-03-01,\nRome,2024-03-02,5\n"),
                            parse_dates=["day"])
    try:
        table.loc[99]
        caught = "nothing"
    except KeyError as error:
        caught = repr(error)
    try:
        pandas.to_datetime("no date")
        parsed = "something"
    except ValueError as error:
        parsed = type(error).__name__
    return {
        "sums": table.groupby("city")["sold"].sum().to_dict(),
        "missing": table["sold"].isna().tolist(),
        "days": table["day"].dt.strftime("%d %b").tolist(),
        "week": str(table.set_index("day")["sold"].resample("W").sum().to_dict()),
        "json": table.assign(name=name).to_json(orient="records", date_format="iso"),
        "pivot": table.pivot_table(index="city", values="sold").to_csv(),
        "merged": table.merge(pandas.DataFrame({"city": ["Rome"], "land": [name]})).shape,
        "kind": isinstance(table["day"][0], pandas.Timestamp), "caught": caught, "parsed": parsed,
    }
