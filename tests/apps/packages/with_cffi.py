import cffi

ffi = cffi.FFI()
ffi.cdef("""
    typedef struct { int x; double y; } point;
    size_t strlen(const char *);
    void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
""")
libc = ffi.dlopen(None)


@ffi.callback("int(const void *, const void *)")
def compare(a, b):
    a, b = ffi.cast("int *", a)[0], ffi.cast("int *", b)[0]
    return (a > b) - (a < b)


def answer(name):
    numbers = ffi.new("int[]", [5, 3, 9, 1])
    libc.qsort(numbers, 4, ffi.sizeof("int"), compare)
    point = ffi.new("point *", {"x": 1, "y": 2.5})
    try:
        point.x = "text"
        caught = "nothing"
    except TypeError as error:
        caught = str(error)
    handle = ffi.new_handle([name])
    try:
        ffi.cdef("int;;")
        parsed = "nothing"
    except cffi.CDefError as error:
        parsed = type(error).__name__
    return {"sorted": list(numbers), "length": libc.strlen(name.encode()), "y": point.y,
            "caught": caught, "handle": ffi.from_handle(handle), "parsed": parsed,
            "kind": isinstance(point, ffi.CData), "type": ffi.typeof(point).cname}
