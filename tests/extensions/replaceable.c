/** Says which version it is, and which its library is. */
#include <Python.h>

int replaceable_part(void);

static PyObject *versions(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return Py_BuildValue("ii", VERSION, replaceable_part());
}

static PyMethodDef s_methods[] = {{"versions", versions, METH_NOARGS, NULL}, {0}};
static PyModuleDef_Slot s_slots[] = {{0, NULL}};
static struct PyModuleDef s_module = {PyModuleDef_HEAD_INIT, .m_name = "replaceable",
                                      .m_methods = s_methods, .m_slots = s_slots};

PyMODINIT_FUNC PyInit_replaceable(void) {
    return PyModuleDef_Init(&s_module);
}
