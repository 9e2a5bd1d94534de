import datetime

import dateutil.parser
import dateutil.relativedelta
import dateutil.rrule
import dateutil.tz


def answer(name):
    day = dateutil.parser.parse("29 Feb 2024 12:30 +0200")
    try:
        dateutil.parser.parse(f"{name} is no day")
        caught = "nothing"
    except dateutil.parser.ParserError as error:
        caught = [type(error).__name__, isinstance(error, ValueError)]
    zone = dateutil.tz.gettz("Europe/Rome")
    return {"day": day.isoformat(), "caught": caught, "same": dateutil.tz.UTC == dateutil.tz.tzutc(),
            "later": (day + dateutil.relativedelta.relativedelta(years=1)).isoformat(),
            "rule": [str(x.date()) for x in dateutil.rrule.rrule(
                dateutil.rrule.MONTHLY, count=3, bymonthday=-1, dtstart=datetime.datetime(2024, 1, 1))],
            "zone": datetime.datetime(2024, 7, 1, tzinfo=zone).utcoffset().total_seconds(),
            "ambiguous": dateutil.tz.datetime_ambiguous(datetime.datetime(2024, 10, 27, 2, 30), zone)}
