import flask
import werkzeug.exceptions

app = flask.Flask(__name__)
app.secret_key = "a test's key"


@app.get("/hello/<name>")
def hello(name):
    flask.session["name"] = name
    return flask.render_template_string("<p>{{ name }} {{ url_for('hello', name='x') }}</p>", name=f"<{name}>")


@app.post("/sum")
def total():
    numbers = flask.request.get_json()
    if not numbers:
        flask.abort(422)
    return flask.jsonify(sum=sum(numbers), name=flask.session.get("name"))


@app.errorhandler(werkzeug.exceptions.UnprocessableEntity)
def unprocessable(error):
    return {"error": error.name}, error.code


def answer(name):
    with app.test_client() as client:
        pages = [client.get(f"/hello/{name}"), client.post("/sum", json=[1, 2]),
                 client.post("/sum", json=[]), client.get("/nowhere"),
                 client.post("/sum", data="{", content_type="application/json")]
        return [[page.status_code, page.get_data(as_text=True)] for page in pages]
