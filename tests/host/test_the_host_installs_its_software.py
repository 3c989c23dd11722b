"""headwater-update, which a timer runs on the host, and the other scripts of the host."""

import io
import os
import subprocess
import tarfile

from conftest import FILES, REPOSITORY, Host


def tools(version: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        entry = tarfile.TarInfo("bin/kafka-topics")
        entry.mode, entry.size = 0o755, len(version)
        archive.addfile(entry, io.BytesIO(version.encode()))
    return file.getvalue()


def deploy_everything(host: Host) -> None:
    host.deploy(
        stack_json="{}",
        pipelines_json="[]",
        environment_sh="export HEADWATER_STACK='/etc/headwater/stack.json'\n",
        authorities_pem="the authorities of RDS\n",
        **{
            "headwater-psql": "psql",
            "host-tools_tar_gz": tools("one"),
            "headwater-update": (FILES / "headwater-update").read_bytes(),
        },
    )
    host.deploy_command("#!/bin/sh\necho the command\n")


def test_the_first_boot_installs_everything(host: Host) -> None:
    deploy_everything(host)
    done = host.update()
    assert done.returncode == 0, done.stderr
    assert host.run(host.root / "usr/local/bin/headwater").stdout == "the command\n"
    assert host.run("sh", "-c", f". {host.root}/etc/profile.d/headwater.sh; echo $HEADWATER_STACK").stdout == "/etc/headwater/stack.json\n"
    assert host.read("etc/headwater/stack.json") == "{}" and host.read("etc/headwater/pipelines.json") == "[]"
    assert host.read("etc/headwater/authorities.pem") == "the system's authorities\nthe authorities of RDS\n"
    assert os.access(host.root / "usr/local/bin/kafka-topics", os.X_OK) and os.access(host.root / "usr/local/bin/headwater-psql", os.X_OK)
    assert {path.name for path in host.packages.iterdir()} == {
        "java-17-amazon-corretto-headless",
        "postgresql17",
        "unzip",
    }


def test_a_run_without_changes_fetches_only_the_manifest(host: Host) -> None:
    deploy_everything(host)
    host.update()
    host.calls.write_text("")
    assert host.update().returncode == 0
    assert host.calls.read_text() == f"s3 cp --only-show-errors s3://bucket/code/host/manifest {host.root}/var/lib/headwater/manifest\n"


def test_a_new_version_replaces_what_changed(host: Host) -> None:
    deploy_everything(host)
    host.update()
    host.deploy(**{"host-tools_tar_gz": tools("two")})
    host.deploy_command("#!/bin/sh\necho the next command\n")
    done = host.update()
    assert done.stdout == "headwater-update: installed headwater.zip\nheadwater-update: installed host-tools.tar.gz\n"
    assert host.read("usr/local/bin/kafka-topics") == "two"
    assert host.run(host.root / "usr/local/bin/headwater").stdout == "the next command\n"


def test_packages_follow_the_newest_release(host: Host) -> None:
    """An image of Amazon Linux 2023 uses the packages of its release date. Without this setting, it gets no patches."""
    deploy_everything(host)
    host.update()
    assert host.read("etc/dnf/vars/releasever") == "latest\n"


def test_a_locked_dnf_is_tried_again(host: Host) -> None:
    """At the first boot the SSM agent updates itself and holds the lock (amazonlinux/amazon-linux-2023#397)."""
    deploy_everything(host)
    host.locked.write_text("3")
    assert host.update().returncode == 0
    assert host.calls.read_text().count("dnf install") == 4


def test_if_packages_cannot_be_installed_the_rest_is_and_the_error_names_them(host: Host) -> None:
    deploy_everything(host)
    host.locked.write_text("100")
    done = host.update()
    assert done.returncode == 1
    assert "failed: dnf cannot install java-17-amazon-corretto-headless postgresql17 unzip" in done.stderr and "al2023-repos" in done.stderr
    assert host.read("etc/headwater/stack.json") == "{}"
    host.locked.write_text("0")
    assert host.update().returncode == 0


def test_a_bucket_that_cannot_be_read_is_named(host: Host) -> None:
    done = host.update()
    assert done.returncode == 1 and "cannot fetch s3://bucket/code/host/manifest" in done.stderr


def test_a_file_that_the_manifest_does_not_name_is_not_installed(host: Host) -> None:
    deploy_everything(host)
    host.update()
    (host.bucket / "headwater.zip").write_bytes(b"half of it")
    manifest = host.bucket / "manifest"
    manifest.write_text(manifest.read_text().replace(" headwater.zip", "0 headwater.zip"))
    done = host.update()
    assert done.returncode == 1 and "headwater.zip is not the one that the manifest names" in done.stderr
    assert host.run(host.root / "usr/local/bin/headwater").stdout == "the command\n"


def test_an_archive_that_cannot_be_opened_does_not_replace_the_old_one(host: Host) -> None:
    deploy_everything(host)
    host.update()
    host.deploy(headwater_zip=b"no zip", stack_json='{"new": {}}', **{"host-tools_tar_gz": b"no archive"})
    done = host.update()
    assert done.returncode == 1
    assert "cannot install headwater.zip" in done.stderr and "cannot install host-tools.tar.gz" in done.stderr
    assert host.run(host.root / "usr/local/bin/headwater").stdout == "the command\n"
    assert host.read("usr/local/bin/kafka-topics") == "one" and host.read("etc/headwater/stack.json") == '{"new": {}}'


def test_the_script_replaces_itself_and_continues_as_its_new_version(host: Host) -> None:
    deploy_everything(host)
    new = (FILES / "headwater-update").read_text().replace("headwater-update: installed", "the new one installed")
    host.deploy(**{"headwater-update": new})
    done = host.update()
    assert done.returncode == 0, done.stderr
    assert "the new one installed headwater.zip\n" in done.stdout and host.script.read_text() == new


def test_user_data_is_a_shell_script_with_the_whole_installer(host: Host) -> None:
    installer = (FILES / "headwater-update").read_text().strip()
    values = {"source": "s3://bucket/code/host", "region": "eu-central-1", "update": installer}
    text = (FILES / "user-data.sh.tftpl").read_text()
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    # The script uses absolute paths, which the test moves below another root.
    for folder in ("/etc/headwater", "/etc/systemd", "/usr/local/sbin"):
        (host.root / folder[1:]).mkdir(parents=True, exist_ok=True)
    (host.root / "etc/systemd/system").mkdir()
    moved = text.replace(installer, "INSTALLER")
    for folder in ("/etc/headwater", "/etc/systemd", "/usr/local/sbin"):
        moved = moved.replace(folder, f"{host.root}{folder}")
    script = host.root / "user-data"
    script.write_text(moved.replace("INSTALLER", installer))
    host.command(
        "systemctl",
        'echo "systemctl $*" >>"$CALLS"\n[ "$1" != start ] || exec "$HEADWATER_ROOT/usr/local/sbin/headwater-update"\n',
    )
    host.command("journalctl", "true\n")
    deploy_everything(host)
    done = host.run("bash", str(script))
    assert done.returncode == 0, done.stderr
    assert host.script.read_text() == f"{installer}\n" == (FILES / "headwater-update").read_text()
    assert "systemctl enable --now headwater-update.timer" in host.calls.read_text()
    assert host.run(host.root / "usr/local/bin/headwater").stdout == "the command\n"


def test_psql_signs_in_by_iam_or_by_secret(host: Host) -> None:
    host.command("psql", 'echo "$PGUSER $PGPASSWORD $*"\n')
    secret = '{"username": "looker", "password": "p"}'
    host.command("aws", f"case $1 in rds) echo token-for $4 $6 $8 ;; *) echo '{secret}' ;; esac\n")
    psql, address = FILES / "headwater-psql", "db.example.com:5433/shop?sslmode=verify-full"
    url = f"postgres://reader@{address}"
    signed_in = host.run(psql, "-c", "select 1", DATABASE_URL=url, DATABASE_AUTH="iam").stdout
    assert signed_in == f"reader token-for db.example.com 5433 reader --dbname postgres://{address} -c select 1\n"
    signed_in = host.run(psql, DATABASE_URL=url, DATABASE_AUTH="secret:arn:aws:secretsmanager:x").stdout
    assert signed_in == f"looker p --dbname postgres://{address}\n"


def test_kafkas_commands_always_have_the_settings_of_iam(host: Host) -> None:
    """Without them, a client reads the TLS handshake as a length and runs out of memory (aws/aws-msk-iam-auth#49)."""
    host.command("java", 'for last; do :; done; shift 5; echo "$*"\n')
    topics = host.root / "kafka-topics.sh"
    topics.symlink_to(REPOSITORY / "host/bin/kafka")
    brokers = {"KAFKA_BOOTSTRAP_SERVERS": "b-1:9098"}
    settings = f"--command-config {REPOSITORY}/host/client.properties"
    command = "org.apache.kafka.tools.TopicCommand"
    assert f"{command} --bootstrap-server b-1:9098 {settings} --list\n" in host.run(topics, "--list", **brokers).stdout
    assert host.run(topics, "--list", **brokers, KAFKA_AUTH="plaintext").stdout.endswith(f"{command} --bootstrap-server b-1:9098 --list\n")
    assert host.run(topics, "--bootstrap-server", "b-2:9098", "--list", **brokers).stdout.endswith(
        f"{command} {settings} --bootstrap-server b-2:9098 --list\n"
    )
    assert "KAFKA_BOOTSTRAP_SERVERS" in host.run(topics, "--list").stderr


def test_the_packed_tools_start(host: Host) -> None:
    """They use the jars of the local stack's Kafka and those of the archive. The test needs Maven and Java."""
    packed = subprocess.run([REPOSITORY / "scripts/host-tools", host.bucket], capture_output=True, text=True, timeout=300, check=False)
    assert packed.returncode == 0, packed.stderr
    host.deploy()
    assert host.update().returncode == 0
    for command in ("topics", "consumer-groups", "get-offsets", "transactions", "configs", "console-consumer"):
        started = host.run(host.root / f"usr/local/bin/kafka-{command}.sh", "--version")
        assert started.returncode == 0 and started.stdout.startswith("4."), started.stderr
    # All classes for the sign-in are in the archive: the connection is refused, but the settings are accepted.
    credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-central-1"}
    asked = host.run(host.root / "usr/local/bin/kafka-broker-api-versions", "--bootstrap-server", "127.0.0.1:1", **credentials)
    assert "ConfigException" not in asked.stderr and "NoClassDefFoundError" not in asked.stderr and "127.0.0.1:1" in asked.stderr
