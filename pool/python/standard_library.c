#include "pool/python/py_compat.h"

#include "pool/python/standard_library.h"

#include <string.h>

#include "pool/python/ctypes_caches.h"
#include "pool/python/kept.h"

#if PY_HAS_SHARED_DATETIME

/** New reference to `module.name` of the interpreter that runs, or NULL with an exception. */
static PyObject *import_attribute(const char *module_name, const char *name) {
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *attribute = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return attribute;
}

/** An object of no interpreter: it has one method and no contents, and its type is a static one. */
struct stand_in {
    const char *type_name;
    PyMethodDef methods[2];
    PyGetSetDef attributes[2];
    ternaryfunc call; /**< NULL: it cannot be called */
    PyTypeObject type;
    struct {
        PyObject_HEAD
    } object;
};

/** Complete a stand-in. @return borrowed: the object; or NULL with an exception */
static PyObject *stand_in_object(struct stand_in *stand_in) {
    stand_in->type = (PyTypeObject){
        PyVarObject_HEAD_INIT(NULL, 0).tp_name = stand_in->type_name,
        .tp_basicsize = sizeof stand_in->object,
        .tp_flags = Py_TPFLAGS_DEFAULT,
        .tp_methods = stand_in->methods,
        .tp_getset = stand_in->attributes,
        .tp_call = stand_in->call,
    };
    if (PyType_Ready(&stand_in->type) != 0) {
        return NULL;
    }
    return PyObject_Init((PyObject *)&stand_in->object, &stand_in->type);
}

/** The only function that `_datetime` calls of this module. */
static PyObject *strptime_datetime(PyObject *self, PyObject *args) {
    PyObject *result = NULL;
    PyObject *module = PyImport_ImportModule("_strptime");
    PyObject *function = NULL;
    if (module == self) {
        result = Py_NewRef(Py_None); /* the call that puts it into place */
    } else if (module && (function = PyObject_GetAttrString(module, "_strptime_datetime"))) {
        result = PyObject_CallObject(function, args);
    }
    Py_XDECREF(function);
    Py_XDECREF(module);
    return result;
}

static struct stand_in s_strptime = {
    .type_name = "fcgi_host.strptime",
    .methods = {{"_strptime_datetime", strptime_datetime, METH_VARARGS, NULL}},
};

/** `_datetime` imports the module at the first call of strptime(), and keeps it. */
static int prepare_datetime(void) {
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    if (PyDict_GetItemString(modules, "_strptime")) {
        return 0; /* too late: what called it has put the main interpreter's there */
    }
    PyObject *type = import_attribute("_datetime", "datetime");
    PyObject *stand_in = type ? stand_in_object(&s_strptime) : NULL; /* borrowed */
    PyObject *none = NULL;
    if (stand_in && PyDict_SetItemString(modules, "_strptime", stand_in) == 0) {
        none = PyObject_CallMethod(type, "strptime", "ss", "", "");
        PyDict_DelItemString(modules, "_strptime");
    }
    Py_XDECREF(none);
    Py_XDECREF(type);
    return none ? 0 : -1;
}

#endif
#if PY_HAS_SHARED_DECIMAL && !PY_CONFUSES_CLASSES

static PyObject *is_rational(PyObject *self, PyObject *instance) {
    (void)self;
    PyObject *rational = import_attribute("numbers", "Rational");
    int answer = rational ? PyObject_IsInstance(instance, rational) : -1;
    Py_XDECREF(rational);
    return answer < 0 ? NULL : PyBool_FromLong(answer);
}

static struct stand_in s_rational = {
    .type_name = "fcgi_host.rational",
    .methods = {{"__instancecheck__", is_rational, METH_O, NULL}},
};

/** `_decimal` asks isinstance(x, Rational) of the class that it found when it was created. */
static int prepare_decimal(void) {
    if (PyDict_GetItemString(PyImport_GetModuleDict(), "_decimal")) {
        return 0; /* too late */
    }
    int result = -1;
    PyObject *numbers = PyImport_ImportModule("numbers");
    PyObject *rational = numbers ? PyObject_GetAttrString(numbers, "Rational") : NULL;
    PyObject *stand_in = rational ? stand_in_object(&s_rational) : NULL; /* borrowed */
    if (stand_in && PyObject_SetAttrString(numbers, "Rational", stand_in) == 0) {
        PyObject *decimal = PyImport_ImportModule("_decimal");
        PyErr_Clear(); /* it is missing: that is for the application to find out */
        result = PyObject_SetAttrString(numbers, "Rational", rational);
        Py_XDECREF(decimal);
    }
    Py_XDECREF(rational);
    Py_XDECREF(numbers);
    return result;
}

/** abstract.register(class) */
static int register_class(const char *module_name, const char *abstract, PyObject *class) {
    PyObject *base = import_attribute(module_name, abstract);
    PyObject *registered = base ? PyObject_CallMethod(base, "register", "O", class) : NULL;
    Py_XDECREF(registered);
    Py_XDECREF(base);
    return registered ? 0 : -1;
}

static int register_decimal(PyObject *module) {
    PyObject *decimal = PyObject_GetAttrString(module, "Decimal");
    PyObject *context = decimal ? PyObject_CallMethod(module, "Context", NULL) : NULL;
    PyObject *flags = context ? PyObject_GetAttrString(context, "flags") : NULL;
    int result =
        flags && register_class("numbers", "Number", decimal) == 0 &&
                register_class("collections.abc", "MutableMapping", (PyObject *)Py_TYPE(flags)) == 0
            ? 0
            : -1;
    Py_XDECREF(flags);
    Py_XDECREF(context);
    Py_XDECREF(decimal);
    return result;
}

#endif

#if PY_HAS_SHARED_ARRAY

static const char ARRAY_RECONSTRUCTOR[] = "_array_reconstructor";
static const char KEPT_RECONSTRUCTOR[] = "fcgi_host.array_reconstructor";

static PyObject *call_array_reconstructor(PyObject *self, PyObject *args, PyObject *kwargs) {
    (void)self;
    PyObject *function = kept_get(KEPT_RECONSTRUCTOR); /* borrowed */
    if (!function) {
        PyErr_SetString(PyExc_SystemError, "array has not been imported");
        return NULL;
    }
    return PyObject_Call(function, args, kwargs);
}

/** Pickled by its name, as the function is. */
static PyObject *reduce_array_reconstructor(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    return PyUnicode_FromString(ARRAY_RECONSTRUCTOR);
}

static PyObject *array_reconstructor_module(PyObject *self, void *closure) {
    (void)self, (void)closure;
    return PyUnicode_FromString("array");
}

static struct stand_in s_array_reconstructor = {
    .type_name = "fcgi_host.array_reconstructor",
    .methods = {{"__reduce__", reduce_array_reconstructor, METH_NOARGS, NULL}},
    .attributes = {{"__module__", array_reconstructor_module, NULL, NULL, NULL}},
    .call = call_array_reconstructor,
};

/** Give a new module the stand-in, and keep its own function for that. */
static int register_array(PyObject *module) {
    PyObject *function = PyObject_GetAttrString(module, ARRAY_RECONSTRUCTOR);
    int result = function ? kept_keep(KEPT_RECONSTRUCTOR, function) : -1;
    if (result == 0) {
        result = PyObject_SetAttrString(module, ARRAY_RECONSTRUCTOR,
                                        (PyObject *)&s_array_reconstructor.object);
    }
    Py_XDECREF(function);
    return result;
}

/** `array` looks the function up at the first pickling, and keeps it. */
static int prepare_array(void) {
    PyObject *module = PyImport_ImportModule("array");
    int result = module && stand_in_object(&s_array_reconstructor) ? register_array(module) : -1;
    PyObject *array = result == 0 ? PyObject_CallMethod(module, "array", "s", "b") : NULL;
    PyObject *reduced = array ? PyObject_CallMethod(array, "__reduce_ex__", "i", 3) : NULL;
    result = reduced ? 0 : -1;
    Py_XDECREF(reduced);
    Py_XDECREF(array);
    Py_XDECREF(module);
    return result;
}

#endif
#if PY_HAS_SHARED_CHARACTER_NAMES

/**
 * "\N{NAME}" and the error handler "namereplace" each keep a pointer that the first `unicodedata`
 * lends them.  What it points to is freed with that module's capsule.
 */
static int prepare_character_names(void) {
    static const char ESCAPED[] = "\\N{BULLET}";
    PyObject *capsule = import_attribute("unicodedata", "_ucnhash_CAPI");
    PyObject *decoded = NULL, *encoded = NULL;
    if (capsule && kept_keep("fcgi_host.character_names", capsule) == 0) {
        decoded = PyUnicode_DecodeUnicodeEscape(ESCAPED, sizeof ESCAPED - 1, NULL);
        encoded = decoded ? PyUnicode_AsEncodedString(decoded, "ascii", "namereplace") : NULL;
    }
    Py_XDECREF(encoded);
    Py_XDECREF(decoded);
    Py_XDECREF(capsule);
    return encoded ? 0 : -1;
}

#endif

/**
 * The empty mapping of contexts is made for the first context and then shared by all interpreters
 * (up to 3.11 an object like any other, which belongs to the interpreter that made the first one):
 * let the main interpreter make it.
 */
static int prepare_contexts(void) {
    PyObject *context = PyContext_New();
    Py_XDECREF(context);
    return context ? 0 : -1;
}

void standard_library_prepare_main(void) {
    static int (*const s_steps[])(void) = {
#if PY_HAS_SHARED_DATETIME
        prepare_datetime,
#endif
#if PY_HAS_SHARED_DECIMAL && !PY_CONFUSES_CLASSES
        prepare_decimal,
#endif
#if PY_HAS_SHARED_ARRAY
        prepare_array,
#endif
#if PY_HAS_SHARED_CTYPES
        ctypes_caches_prepare_main,
#endif
#if PY_HAS_SHARED_CHARACTER_NAMES
        prepare_character_names,
#endif
        prepare_contexts,
    };
    for (size_t i = 0; i < sizeof s_steps / sizeof *s_steps; i++) {
        if (s_steps[i]() != 0) {
            PyErr_Clear(); /* a Python without the module */
        }
    }
}

int standard_library_register(const char *extension, PyObject *module) {
#if PY_HAS_SHARED_DECIMAL && !PY_CONFUSES_CLASSES
    if (strcmp(extension, "_decimal") == 0) {
        return register_decimal(module);
    }
#endif
#if PY_HAS_SHARED_CTYPES
    if (strcmp(extension, "_ctypes") == 0) {
        return ctypes_caches_register(module);
    }
#endif
#if PY_HAS_SHARED_ARRAY
    if (strcmp(extension, "array") == 0) {
        return register_array(module);
    }
#endif
    (void)extension, (void)module;
    return 0;
}
