import django
from django.conf import settings

if not settings.configured:
    settings.configure(
        SECRET_KEY="a test's key", USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}])
    django.setup()

from django.core import signing  # noqa: E402
from django.core.exceptions import ValidationError  # noqa: E402
from django.db import IntegrityError, connection, models, transaction  # noqa: E402
from django.forms import modelform_factory  # noqa: E402
from django.template import engines  # noqa: E402


class Item(models.Model):
    name = models.CharField(max_length=8, unique=True)
    price = models.DecimalField(max_digits=6, decimal_places=2)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "test"


def answer(name):
    with connection.schema_editor() as editor:
        editor.create_model(Item)
    try:
        Item.objects.create(name=name, price="1.50")
        try:
            with transaction.atomic():
                Item.objects.create(name=name, price="2")
            caught = "nothing"
        except IntegrityError as error:
            caught = type(error.__cause__).__name__
        try:
            Item(name="much too long", price="x").full_clean()
            invalid = "nothing"
        except ValidationError as error:
            invalid = sorted(error.message_dict)
        form = modelform_factory(Item, fields=["name", "price"])({"name": name, "price": "3"})
        template = engines["django"].from_string("{{ item.name|upper }} {{ item.price|floatformat:1 }} {{ raw }}")
        item = Item.objects.get(name__startswith=name[0])
        return {"page": template.render({"item": item, "raw": "<i>"}), "caught": caught,
                "invalid": invalid, "form": form.errors.as_json(), "aware": item.at.tzinfo is not None,
                "sum": str(Item.objects.aggregate(models.Sum("price"))["price__sum"]),
                "signed": signing.loads(signing.dumps(name))}
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Item)
        connection.close()
