#include "fcgi_host/wsgi/strings.h"

PyObject *strings_to_list(const struct string_list *strings) {
    PyObject *list = PyList_New((Py_ssize_t)strings->count);
    for (size_t i = 0; list && i < strings->count; i++) {
        PyObject *item = PyUnicode_DecodeFSDefault(strings->items[i]);
        if (!item) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    return list;
}
