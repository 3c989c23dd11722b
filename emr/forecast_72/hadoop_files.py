"""Reads and writes small files with Hadoop's file systems, and so with Spark's credentials, endpoints and settings."""


class HadoopFiles:
    """Whole files, by URI."""

    def __init__(self, spark):
        self.jvm = spark.sparkContext._jvm
        self.conf = spark.sparkContext._jsc.hadoopConfiguration()

    def read(self, uri):
        """The content as text, or None if there is no such file."""
        file_system, path = self._open(uri)
        if not file_system.exists(path):
            return None
        stream = file_system.open(path)
        try:
            return self.jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8")
        finally:
            stream.close()

    def write(self, uri, text):
        """Writes or overwrites a file. S3 shows a file only after it is complete."""
        file_system, path = self._open(uri)
        stream = file_system.create(path, True)
        try:
            stream.write(bytearray(text.encode("utf-8")))
        finally:
            stream.close()

    def delete(self, uri):
        file_system, path = self._open(uri)
        file_system.delete(path, False)

    def below(self, uri):
        """All files below a folder: (name relative to it, Hadoop's file status). None where there is no folder."""
        file_system, folder = self._open(uri)
        if not file_system.exists(folder):
            return
        start = len(file_system.makeQualified(folder).toUri().getPath().rstrip("/")) + 1
        listed = file_system.listFiles(folder, True)
        while listed.hasNext():
            status = listed.next()
            yield status.getPath().toUri().getPath()[start:], status

    def _open(self, uri):
        path = self.jvm.org.apache.hadoop.fs.Path(uri)
        return path.getFileSystem(self.conf), path
