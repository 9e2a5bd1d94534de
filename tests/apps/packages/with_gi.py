import gi

gi.require_version("Gio", "2.0")

from gi.repository import Gio, GLib, GObject  # noqa: E402


class Player(GObject.Object):
    volume = GObject.Property(type=int, default=3)

    @GObject.Signal(arg_types=(str,))
    def played(self, title):
        self.last = title


def answer(name):
    player, heard = Player(), []
    player.connect("played", lambda _, title: heard.append(title))
    player.connect("notify::volume", lambda *_: heard.append(player.volume))
    player.emit("played", name)
    player.volume = 11
    try:
        Gio.File.new_for_path("/nonexistent").load_contents()
        caught = "nothing"
    except GLib.Error as error:
        caught = [error.domain, error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND)]
    context = GLib.MainContext.new()
    loop = GLib.MainLoop.new(context, False)
    source = GLib.idle_source_new()
    source.set_callback(lambda *_: (heard.append("idle"), loop.quit()) and GLib.SOURCE_REMOVE)
    source.attach(context)
    loop.run()
    return {"heard": heard, "last": player.last, "caught": caught, "kind": isinstance(player, GObject.Object),
            "variant": GLib.Variant("(sau)", (name, [1, 2])).unpack()}
