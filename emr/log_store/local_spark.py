"""Spark and S3 on this machine: the emulator as a process, and Spark with the settings of the local stack."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

import pyspark
from pyspark.sql import SparkSession

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
REGION = "us-east-1"
PATIENCE = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def emulator(folder):
    """Runs the emulator of requirements.txt with its data in `folder`; yields its endpoint."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    for name in ("state", "s3"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": str(CHECKOUT / "localstack" / "emulator"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AWS_ENDPOINT_URL": endpoint,
        "MINISTACK_REGION": REGION,
        "S3_PERSIST": "1",
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
    }
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_until_healthy(process, endpoint, folder / "emulator.log")
        yield endpoint
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_until_healthy(process, endpoint, log):
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{endpoint}/_localstack/health", timeout=5):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the emulator does not answer:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def credentials():
    """The credentials from `headwater env`, or arbitrary ones: the test's own emulator accepts all."""
    default = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
    return {name: os.environ.get(name, value) for name, value in default.items()}


def storage_options(endpoint):
    """The storage options of deltalake for the emulator."""
    options = {name.lower(): value for name, value in credentials().items()}
    return {**options, "aws_endpoint": endpoint, "aws_allow_http": "true"}


def jars():
    folder = os.environ.get("HEADWATER_SPARK_JARS")
    if not folder or not list(pathlib.Path(folder).glob("delta-spark_*.jar")):
        raise RuntimeError(
            "HEADWATER_SPARK_JARS does not name a folder with Delta's jars\n"
            "fix: run this by scripts/test --only forecast or scripts/spark-log-store, which fetch them"
        )
    return folder


def properties_file(endpoint, folder, more=""):
    """The settings of the local stack's Spark, for this endpoint."""
    template = (CHECKOUT / "localstack" / "spark" / "spark-defaults.conf").read_text()
    text = (
        template.replace("@endpoint@", endpoint)
        .replace("@jars@", jars())
        .replace("@region@", credentials()["AWS_REGION"])
    )
    file = folder / f"spark-{endpoint.rsplit(':', 1)[-1]}.conf"
    file.write_text(text + more)
    return file


def session(properties):
    """A Spark session in this process, with the settings of a file."""
    os.environ.update(credentials())
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {properties} pyspark-shell"
    os.environ["PYSPARK_PYTHON"] = sys.executable
    return (
        SparkSession.builder.config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .getOrCreate()
    )


def spark_submit(properties, script, arguments, py_files=()):
    """The command line and the environment of a spark-submit, as the local stack runs it."""
    home = pathlib.Path(pyspark.__file__).parent
    command = [str(home / "bin" / "spark-submit"), "--properties-file", str(properties)]
    if py_files:
        command += ["--py-files", ",".join(map(str, py_files))]
    environment = {
        **os.environ,
        **credentials(),
        "SPARK_HOME": str(home),
        "PYSPARK_PYTHON": sys.executable,
    }
    return [*command, str(script), *arguments], environment
