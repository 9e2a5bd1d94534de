import hashlib
import io

from PIL import Image, ImageDraw, ImageFilter, UnidentifiedImageError


def answer(name):
    picture = Image.new("RGB", (32, 16), (255, 0, 0))
    ImageDraw.Draw(picture).text((1, 1), name, fill=(0, 0, 255))
    files = {}
    for kind in ("PNG", "JPEG", "GIF"):
        file = io.BytesIO()
        picture.save(file, kind)
        with Image.open(io.BytesIO(file.getvalue())) as read:
            files[kind] = [read.format, read.size, isinstance(read, Image.Image)]
    try:
        Image.open(io.BytesIO(b"no picture"))
        caught = "nothing"
    except UnidentifiedImageError:
        caught = "unidentified"
    blurred = picture.filter(ImageFilter.GaussianBlur(2)).resize((8, 4)).convert("L")
    return {"files": files, "caught": caught, "pixels": hashlib.sha1(picture.tobytes()).hexdigest(),
            "blurred": list(blurred.getdata()), "points": list(blurred.point(lambda x: 255 - x).getdata())}
