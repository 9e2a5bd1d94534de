"""wsgi.file_wrapper: PEP 3333, "Optional Platform-Specific File Handling"."""

import gzip
import io
import os
import tempfile
import unittest
from wsgiref.util import FileWrapper

from support import COMPLETE, CUT, serve

DATA = bytes(range(256)) * 200


def wrapping(make_file, headers=(), status="200 OK", **kwargs):
    """An application that answers with a wrapped file, and the list of files it made."""
    files = []

    def application(environ, start_response):
        files.append(make_file())
        start_response(status, list(headers))
        return environ["wsgi.file_wrapper"](files[-1], **kwargs)

    return application, files


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "data")
        with open(self.path, "wb") as file:
            file.write(DATA)

    def tearDown(self):
        self.folder.cleanup()

    def open_at(self, position, **kwargs):
        file = open(self.path, "rb", **kwargs)
        file.read(position)  # a buffered one reads ahead of its position
        return file

    def test_a_regular_file_is_sent_without_being_read(self):
        for kwargs in ({}, {"buffering": 0}):
            application, files = wrapping(lambda: self.open_at(0, **kwargs))
            answer = serve(application)
            self.assertEqual(answer.body, DATA)
            self.assertEqual([send[1:] for send in answer.sends], [(False, False), (True, True)])
            self.assertEqual(answer.header("Content-Length"), str(len(DATA)))
            self.assertTrue(answer.is_complete)
            self.assertTrue(files[0].closed)

    def test_from_its_position(self):
        for position in (1, 100, len(DATA) - 1, len(DATA)):
            for kwargs in ({}, {"buffering": 0}):
                application, _ = wrapping(lambda: self.open_at(position, **kwargs))
                answer = serve(application)
                self.assertEqual(answer.body, DATA[position:])
                self.assertTrue(answer.is_complete)

    def test_beyond_its_end(self):
        def make():
            file = self.open_at(0)
            file.seek(1 << 20)
            return file

        answer = serve(wrapping(make)[0])
        self.assertEqual((answer.body, answer.header("Content-Length")), (b"", "0"))
        self.assertTrue(answer.is_complete)

    def test_content_length_limits_it(self):
        headers = [("Content-Length", "1000")]
        answer = serve(wrapping(lambda: self.open_at(10), headers)[0])
        self.assertEqual((answer.body, answer.is_complete), (DATA[10:1010], True))
        self.assertEqual(answer.log, [])

    def test_content_length_limits_a_file_that_has_to_be_read(self):
        file = io.BytesIO(DATA)
        application, _ = wrapping(lambda: file, [("Content-Length", "10000")])
        answer = serve(application)
        self.assertEqual((answer.body, answer.is_complete), (DATA[:10000], True))
        self.assertEqual(answer.log, [])
        self.assertTrue(file.closed)

    def test_shorter_than_content_length_is_cut(self):
        headers = [("Content-Length", str(len(DATA) + 1))]
        answer = serve(wrapping(lambda: self.open_at(0), headers)[0])
        self.assertEqual((answer.body, answer.end), (DATA, CUT))
        self.assertFalse(any(send[1] for send in answer.sends))
        self.assertEqual(len(answer.logged("response.length")), 1)

    def test_head_and_statuses_without_a_body(self):
        for options, status in (({"method": "HEAD"}, "200 OK"), ({}, "304 Not Modified")):
            application, files = wrapping(lambda: self.open_at(0), status=status)
            answer = serve(application, **options)
            self.assertEqual((answer.body, answer.is_complete), (b"", True))
            self.assertTrue(files[0].closed)

    def test_after_write(self):
        def application(environ, start_response):
            start_response("200 OK", [])(b"before ")
            return environ["wsgi.file_wrapper"](open(self.path, "rb"))

        answer = serve(application)
        self.assertEqual((answer.body, answer.is_complete), (b"before " + DATA, True))

    def test_a_temporary_file(self):
        def make():
            file = tempfile.NamedTemporaryFile()
            file.write(DATA)
            file.seek(5)
            return file

        answer = serve(wrapping(make)[0])
        self.assertEqual(answer.body, DATA[5:])
        self.assertTrue(answer.sends[-1][2])

    def test_to_a_client_that_has_gone(self):
        application, files = wrapping(lambda: self.open_at(0))
        answer = serve(application, close_after=0)
        self.assertEqual([line for line in answer.log if line[1] > 0], [])
        self.assertTrue(files[0].closed)
        self.assertEqual(answer.finishes, 1)

    def test_a_file_that_unpacks_is_read(self):
        # Its fileno() is that of the packed file.
        path = os.path.join(self.folder.name, "data.gz")
        with gzip.open(path, "wb") as file:
            file.write(DATA)
        answer = serve(wrapping(lambda: gzip.open(path, "rb"))[0])
        self.assertEqual(answer.body, DATA)
        self.assertFalse(any(send[2] for send in answer.sends))

    def test_a_text_file_is_an_error(self):
        with open(self.path, "w") as file:
            file.write("text")
        application, files = wrapping(lambda: open(self.path))
        answer = serve(application)
        self.assertEqual(answer.status, "500 Internal Server Error")
        self.assertTrue(files[0].closed)

    def test_a_class_that_changes_what_is_read_is_asked(self):
        class Upper(io.BufferedReader):
            def read(self, size=-1):
                return super().read(size).upper()

        with open(self.path, "wb") as file:
            file.write(b"text")
        answer = serve(wrapping(lambda: Upper(io.FileIO(self.path)))[0])
        self.assertEqual(answer.body, b"TEXT")


class OtherFiles(unittest.TestCase):
    def test_blocks_of_the_size_asked_for(self):
        answer = serve(wrapping(lambda: io.BytesIO(DATA), blksize=20_000)[0])
        self.assertEqual(answer.body, DATA)
        expected = [len(block) for block in FileWrapper(io.BytesIO(DATA), 20_000)]
        head = len(answer.head) + 4
        self.assertEqual([len(send[0]) for send in answer.sends],
                         [expected[0] + head, *expected[1:], 0])

    def test_the_same_blocks_as_wsgirefs(self):
        answer = serve(wrapping(lambda: io.BytesIO(DATA))[0])
        self.assertEqual(answer.body, DATA)
        self.assertEqual(len(answer.sends) - 1, len(list(FileWrapper(io.BytesIO(DATA)))))

    def test_a_pipe(self):
        def make():
            read, write = os.pipe()
            os.write(write, b"through a pipe")
            os.close(write)
            return open(read, "rb")

        answer = serve(wrapping(make)[0])
        self.assertEqual((answer.body, answer.is_complete), (b"through a pipe", True))

    def test_a_file_without_a_size(self):
        answer = serve(wrapping(lambda: open("/proc/self/status", "rb"))[0])
        self.assertIn(b"Pid:", answer.body)

    def test_only_read_is_needed(self):
        class Reader:
            blocks = [b"a", b"b", b""]

            def read(self, size):
                return self.blocks.pop(0)

        answer = serve(wrapping(Reader)[0])
        self.assertEqual((answer.body, answer.log), (b"ab", []))

    def test_close_is_the_files(self):
        def application(environ, start_response):
            wrapper = environ["wsgi.file_wrapper"]
            assert not hasattr(wrapper(Reader()), "close")
            file = io.BytesIO(b"x")
            assert wrapper(file).close == file.close
            assert wrapper(file).filelike is file
            start_response("200 OK", [])
            return wrapper(file)

        class Reader:
            def read(self, size):
                return b""

        self.assertEqual(serve(application).log, [])

    def test_a_fileno_that_fails(self):
        class Odd:
            data = io.BytesIO(DATA)

            def read(self, size):
                return self.data.read(size)

            def fileno(self):
                raise OSError("none")

            def tell(self):
                return 0

        self.assertEqual(serve(wrapping(Odd)[0]).body, DATA)

    def test_without_start_response(self):
        closed = []

        class Reader(io.BytesIO):
            def close(self):
                closed.append(1)

        answer = serve(lambda e, s: e["wsgi.file_wrapper"](Reader(b"x")))
        self.assertEqual(answer.status, "500 Internal Server Error")
        self.assertEqual((closed[:1], answer.end), ([1], COMPLETE))


if __name__ == "__main__":
    unittest.main()
