import io

import h5py
import numpy


def answer(name):
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        group = file.create_group(name)
        group["numbers"] = numpy.arange(6).reshape(2, 3)
        group["text"] = ["a", "\u20ac"]
        group.attrs["unit"] = name
    with h5py.File(memory, "r") as file:
        try:
            file["nowhere"]
            caught = "nothing"
        except KeyError as error:
            caught = type(error).__name__
        names = []
        file.visititems(lambda path, item: names.append([path, type(item).__name__]))
        return {"numbers": file[f"{name}/numbers"][:, 1].tolist(), "names": names, "caught": caught,
                "text": [text.decode() for text in file[name]["text"]],
                "unit": file[name].attrs["unit"], "kind": isinstance(file[name], h5py.Group)}
