import dbus
import dbus.lowlevel
import dbus.mainloop


def answer(name):
    try:
        dbus.bus.BusConnection("unix:path=/nonexistent")
        caught = "nothing"
    except dbus.DBusException as error:
        caught = [error.get_dbus_name(), type(error).__name__]
    message = dbus.lowlevel.MethodCallMessage("org.example", "/x", "org.example.I", "Do")
    message.append(name, {"a": dbus.UInt32(3)}, [True], signature="sa{sv}ab")
    text, mapping, flags = message.get_args_list()
    try:
        dbus.ObjectPath("no path")
        path = "nothing"
    except ValueError as error:
        path = str(error)
    return {"caught": caught, "signature": message.get_signature(), "text": str(text),
            "mapping": {str(key): [int(value), type(value).__name__] for key, value in mapping.items()},
            "kinds": [isinstance(text, dbus.String), isinstance(flags[0], dbus.Boolean)], "path": path,
            "loop": dbus.mainloop.NULL_MAIN_LOOP is not None}
