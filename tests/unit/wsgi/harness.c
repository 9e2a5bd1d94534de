/**
 * A Python that has the module fcgi_host and, as _harness, the C side of it: requests without a
 * web server.  The test_*.py files beside this one run in it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/wsgi/loaded.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "tests/unit/wsgi/fake_log.h"
#include "tests/unit/wsgi/fake_pool.h"
#include "tests/unit/wsgi/fake_request.h"
#include "tests/unit/wsgi/harness_preload.h"

/* Read-only defaults for what a test does not set. */
enum { MAX_PARAMS = 256, MAX_STRINGS = 32, FAKE_APPS = 8 };

/* One interpreter per process: the test process's main one, with up to FAKE_APPS applications. */
static struct pool_interpreter s_interpreter = {.name = "the interpreter", .is_main = true};
static struct generation s_generation = {&s_interpreter, 7};
static struct app_config s_configs[FAKE_APPS];
static const struct app_config *s_apps[FAKE_APPS];
static size_t s_app_count;

static char *string_of(PyObject *dict, const char *key, const char *otherwise) {
    PyObject *value = PyDict_GetItemString(dict, key);
    const char *text = value && value != Py_None ? PyUnicode_AsUTF8(value) : otherwise;
    return text ? strdup(text) : NULL;
}

static long number_of(PyObject *dict, const char *key, long otherwise) {
    PyObject *value = PyDict_GetItemString(dict, key);
    return value ? PyLong_AsLong(value) : otherwise;
}

static struct string_list strings_of(PyObject *dict, const char *key) {
    struct string_list list = {calloc(MAX_STRINGS, sizeof(char *)), 0};
    PyObject *value = PyDict_GetItemString(dict, key);
    for (Py_ssize_t i = 0; value && i < PyList_GET_SIZE(value); i++) {
        list.items[list.count++] = strdup(PyUnicode_AsUTF8(PyList_GET_ITEM(value, i)));
    }
    return list;
}

/* add_app(options): an application of this interpreter; its number. */
static PyObject *add_app(PyObject *module, PyObject *options) {
    (void)module;
    size_t index = s_app_count++;
    assert(index < FAKE_APPS);
    struct app_config *config = &s_configs[index];
    config->name = string_of(options, "name", "blog");
    config->file = string_of(options, "file", "/nowhere/wsgi.py");
    config->callable = string_of(options, "callable", NULL);
    config->virtualenv = string_of(options, "virtualenv", NULL);
    config->python_path = strings_of(options, "python_path");
    config->env.variables = strings_of(options, "env");
    config->threads = (unsigned)number_of(options, "threads", 1);
    config->dev = number_of(options, "dev", 0);
    s_apps[index] = config;
    return PyLong_FromSize_t(index);
}

/* Pages of the application "live" are kept fresh. */
static bool draw_live_mark(const struct app_config *config, struct live_mark *ret_mark) {
    *ret_mark = (struct live_mark){3, 42};
    return strcmp(config->name, "live") == 0;
}

static PyObject *set_up(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    struct error err;
    wsgi_set_live_hook(&(struct wsgi_live_hook){.draw = draw_live_mark});
    if (wsgi_setup(&s_generation, s_apps, s_app_count, &err) < 0) {
        return harness_raise(&err);
    }
    Py_RETURN_NONE;
}

static void free_loaded(PyObject *capsule) {
    wsgi_loaded_free(PyCapsule_GetPointer(capsule, NULL));
}

/* load(index): the application's file. */
static PyObject *load(PyObject *module, PyObject *index) {
    (void)module;
    struct error err;
    void *loaded;
    if (wsgi_load(&s_generation, s_apps[PyLong_AsLong(index)], &loaded, &err) < 0) {
        return harness_raise(&err);
    }
    return PyCapsule_New(loaded, NULL, free_loaded);
}

/* wrap(callable, index): a callable as if it had been loaded. */
static PyObject *wrap(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *callable;
    int index;
    if (!PyArg_ParseTuple(args, "Oi", &callable, &index)) {
        return NULL;
    }
    struct wsgi_loaded *loaded =
        wsgi_loaded_new(wsgi_state_get(), callable, s_apps[index], s_generation.number);
    return loaded ? PyCapsule_New(loaded, NULL, free_loaded) : NULL;
}

static PyObject *get_callable(PyObject *module, PyObject *capsule) {
    (void)module;
    struct wsgi_loaded *loaded = PyCapsule_GetPointer(capsule, NULL);
    return loaded ? Py_NewRef(loaded->callable) : NULL;
}

static PyObject *retire(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    wsgi_retire(&s_generation);
    Py_RETURN_NONE;
}

static PyObject *set_multiprocess(PyObject *module, PyObject *value) {
    (void)module;
    wsgi_set_process(&(struct wsgi_process){PyObject_IsTrue(value), "1.2.3", NULL});
    Py_RETURN_NONE;
}

/* ---- A request ---- */

static size_t read_params(PyObject *list, struct param *params) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *pair = PyList_GET_ITEM(list, i);
        PyObject *name = PyTuple_GetItem(pair, 0), *value = PyTuple_GetItem(pair, 1);
        params[i] = (struct param){PyBytes_AsString(name), PyBytes_AsString(value),
                                   (uint32_t)PyBytes_Size(name), (uint32_t)PyBytes_Size(value)};
    }
    return (size_t)PyList_GET_SIZE(list);
}

/* A list of bytes and of "busy", "wait" (for arrive()), "closed", "protocol". */
static void read_steps(PyObject *list, struct fake_request *fake) {
    fake->steps = calloc((size_t)PyList_GET_SIZE(list) + 1, sizeof *fake->steps);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        struct fake_step *step = &fake->steps[fake->step_count++];
        if (PyBytes_Check(item)) {
            step->kind = FAKE_BYTES;
            step->size = (size_t)PyBytes_Size(item);
            step->bytes = malloc(step->size + 1);
            memcpy(step->bytes, PyBytes_AsString(item), step->size);
        } else {
            const char *kind = PyUnicode_AsUTF8(item);
            step->kind = kind[0] == 'b'   ? FAKE_BUSY
                         : kind[0] == 'w' ? FAKE_WAIT
                         : kind[0] == 'c' ? FAKE_CLOSED
                                          : FAKE_PROTOCOL;
        }
    }
}

static PyObject *result_of(const struct fake_request *fake) {
    PyObject *sends = PyList_New(0);
    for (size_t i = 0; i < fake->send_count; i++) {
        const struct fake_send *send = &fake->sends[i];
        PyObject *item = Py_BuildValue("(y#OO)", send->bytes, (Py_ssize_t)send->size,
                                       send->flags & SEND_LAST ? Py_True : Py_False,
                                       send->is_file ? Py_True : Py_False);
        PyList_Append(sends, item);
        Py_DECREF(item);
    }
    return Py_BuildValue("{sNsy#sisIsisi}", "sends", sends, "errors",
                         fake->errors ? fake->errors : "", (Py_ssize_t)fake->errors_size, "end",
                         fake->end, "finishes", fake->finishes, "has_ended", fake->has_ended,
                         "questions", fake->withhold_questions);
}

/* The request that is being served, for sent(). */
static struct fake_request *s_serving;

/* The hook: what serve(…, withholds=…) says; how often it was asked. */
static bool withholds(void *ctx, struct request *request, bool has_met_refusal) {
    (void)ctx, (void)has_met_refusal;
    struct fake_request *fake = (struct fake_request *)request;
    fake->withhold_questions++;
    return fake->withholds;
}

/* refuse(): an extension module refuses to be imported by the running request, if there is one. */
static PyObject *refuse(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    wsgi_note_refusal();
    Py_RETURN_NONE;
}

/* sent() -> how many times the running request was sent something so far */
static PyObject *sent(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyLong_FromSize_t(s_serving->send_count);
}

/* arrive(): what the running request waits for has come; nothing, when it has ended before. */
static PyObject *arrive(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (s_serving) {
        sem_post(&s_serving->arrival);
    }
    Py_RETURN_NONE;
}

static void run_once(struct fake_request *fake, struct wsgi_loaded *loaded) {
    struct lease lease = {.loaded = loaded};
    s_serving = fake;
    fake->has_ended = wsgi_run(&fake->request.job, &lease);
    s_serving = NULL;
    assert(!PyErr_Occurred());
}

/* serve(loaded, params, body, options) -> dict */
static PyObject *serve(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule, *params_list, *body, *options, *result;
    struct param params[MAX_PARAMS];
    if (!PyArg_ParseTuple(args, "OO!O!O!", &capsule, &PyList_Type, &params_list, &PyList_Type,
                          &body, &PyDict_Type, &options)) {
        return NULL;
    }
    struct fake_request *fake = malloc(sizeof *fake);
    fake_request_init(fake);
    struct request *request = &fake->request;
    request->params = params;
    request->param_count = read_params(params_list, params);
    read_steps(body, fake);
    request->content_length = number_of(options, "content_length", -1);
    request->role = (enum request_role)number_of(options, "role", ROLE_RESPONDER);
    char *script_name = string_of(options, "script_name", "");
    char *path_info = string_of(options, "path_info", "/");
    request->script_name = (struct slice){script_name, strlen(script_name)};
    request->path_info = (struct slice){path_info, strlen(path_info)};
    strcpy(request->id, "4711-1");
    fake->waits = number_of(options, "waits", 0);
    fake->close_after = number_of(options, "close_after", -1);
    fake->aborted = number_of(options, "aborted", 0);
    fake->has_threads = number_of(options, "has_threads", 0);
    fake->quick = number_of(options, "quick", 1);
    fake->withholds = number_of(options, "withholds", 0);
    run_once(fake, PyCapsule_GetPointer(capsule, NULL));
    result = result_of(fake);
    fake_request_clear(fake);
    memset(fake, 0xdd, sizeof *fake); /* whoever still uses it shall notice */
    free(fake);
    free(script_name);
    free(path_info);
    return result;
}

/* repeat(loaded, params, count): the same request again and again, nothing kept. */
static PyObject *repeat(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule, *params_list;
    struct param params[MAX_PARAMS];
    long count;
    if (!PyArg_ParseTuple(args, "OO!l", &capsule, &PyList_Type, &params_list, &count)) {
        return NULL;
    }
    struct fake_request *fake = malloc(sizeof *fake);
    fake_request_init(fake);
    fake->keeps = false;
    fake->request.params = params;
    fake->request.param_count = read_params(params_list, params);
    fake->request.content_length = 0;
    fake->request.path_info = (struct slice){"/", 1};
    strcpy(fake->request.id, "4711-1");
    struct wsgi_loaded *loaded = PyCapsule_GetPointer(capsule, NULL);
    for (long i = 0; i < count; i++) {
        fake->finishes = 0;
        fake->has_last = false;
        run_once(fake, loaded);
    }
    fake_request_clear(fake);
    free(fake);
    Py_RETURN_NONE;
}

/* log() -> list of (slug, level, app, generation, request_id, text) since the last call */
static PyObject *take_log(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    PyObject *list = PyList_New(0);
    struct fake_log *log = fake_log_take();
    for (size_t i = 0; i < log->count; i++) {
        const struct fake_line *line = &log->lines[i];
        PyObject *item = Py_BuildValue("(sizKzs)", line->slug, (int)line->level, line->app,
                                       line->generation, line->request_id, line->text);
        PyList_Append(list, item);
        Py_DECREF(item);
    }
    fake_log_free(log);
    return list;
}

static PyMethodDef s_methods[] = {
    {"add_app", add_app, METH_O, NULL},
    {"set_up", set_up, METH_NOARGS, NULL},
    {"load", load, METH_O, NULL},
    {"wrap", wrap, METH_VARARGS, NULL},
    {"get_callable", get_callable, METH_O, NULL},
    {"retire", retire, METH_NOARGS, NULL},
    {"set_multiprocess", set_multiprocess, METH_O, NULL},
    {"serve", serve, METH_VARARGS, NULL},
    {"refuse", refuse, METH_NOARGS, NULL},
    {"arrive", arrive, METH_NOARGS, NULL},
    {"sent", sent, METH_NOARGS, NULL},
    {"repeat", repeat, METH_VARARGS, NULL},
    {"log", take_log, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef s_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_harness",
    .m_methods = s_methods,
};

static PyObject *init_harness(void) {
    return PyModuleDef_Init(&s_def);
}

int main(int argc, char **argv) {
    wsgi_set_process(&(struct wsgi_process){false, "1.2.3", NULL});
    wsgi_set_withhold_hook(&(struct wsgi_withhold_hook){.withholds = withholds});
    PyImport_AppendInittab("_harness", init_harness);
    PyImport_AppendInittab("_harness_preload", harness_preload_init);
    PyImport_AppendInittab("fcgi_host", (PyObject * (*)(void)) wsgi_module_init);
    return Py_BytesMain(argc, argv);
}
