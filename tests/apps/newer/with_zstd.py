"""compression.zstd (PEP 784)."""

import io
import tarfile
import zipfile

from compression import zstd


def answer(name):
    data = name.encode() * 1000
    packed = zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})
    samples = [f"{name} {i % 7} sample {i}".encode() * 20 for i in range(200)]
    dictionary = zstd.train_dict(samples, 512)
    small = zstd.compress(samples[0], zstd_dict=dictionary)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:zst") as tar:
        info = tarfile.TarInfo("a")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    archive.seek(0)
    with tarfile.open(fileobj=archive, mode="r:zst") as tar:
        unpacked = tar.extractfile("a").read()
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_ZSTANDARD) as file:
        file.writestr("a", data)
    try:
        zstd.decompress(b"no")
    except zstd.ZstdError as error:
        text = str(error)
    return [zstd.decompress(packed) == data, len(packed) < 200, zstd.get_frame_info(packed).decompressed_size,
            zstd.decompress(small, dictionary) == samples[0], unpacked == data,
            zipfile.ZipFile(zipped).read("a") == data, text]
