"""How a compatibility test gets its client: released packages at pinned versions.

Each lies in a folder of its own below compat/ of the build folder and is fetched once, by the
registry client of its language. What is absent (a toolchain, a registry) skips the test.
"""
import argparse
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import cresset

HERE = os.path.dirname(os.path.abspath(__file__))
FETCH_S = 300
RUN_S = 60


class Wrong(Exception):
    """What a client stored is not what the server answers."""


def options(about):
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--bin", default="build/bin")
    return parser.parse_args()


@contextlib.contextmanager
def server(options, *flags):
    """A real server on an empty folder; it must stop with 0 unless the test has failed already."""
    with tempfile.TemporaryDirectory() as folder:
        running = cresset.Server(options.bin, folder, "--self-profile=false", *flags)
        running.url = f"http://{running.address}"
        try:
            yield running
        except BaseException:
            running.kill()
            print(f"--- the end of the server's log ---\n{running.log()[-2000:]}", file=sys.stderr)
            raise
        if running.stop() != 0:
            sys.exit("the server did not stop with 0")


def run(command, quiet=True, until=None, **options):
    """What a client's program writes. One that does not end with 0, or is not quiet, has failed.

    Its input ends once until(what it has written) is true, or after RUN_S.
    """
    with tempfile.TemporaryFile() as out:
        def text():
            return os.pread(out.fileno(), 1 << 20, 0).decode()
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, **options)
        try:
            end = time.monotonic() + RUN_S
            while until and process.poll() is None and time.monotonic() < end and not until(text()):
                time.sleep(0.1)
            process.stdin.close()
            status = process.wait(RUN_S)
        finally:
            process.kill()
        if status != 0 or (quiet and text()):
            raise Wrong(f"{command[0]} ended with {status}: {text()[-4000:]}")
        return text()


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(cresset.SKIPPED)


def need(program, oldest, *version_command):
    """The path of a program, whose version is at least `oldest`; else the test is skipped."""
    path = os.environ.get(program.upper()) or shutil.which(program)
    if path is None:
        skip(f"no {program} on the PATH")
    done = subprocess.run([path, *version_command], capture_output=True, text=True)
    found = re.search(r"(\d+)\.(\d+)", done.stdout + done.stderr)
    if not found or (int(found[1]), int(found[2])) < oldest:
        skip(f"{program} of at least {oldest[0]}.{oldest[1]} is needed, {path} is {found and found[0]}")
    return path


class Folder:
    """compat/NAME of the build folder; what is in it holds for one content of the files named."""

    def __init__(self, options, name, *files):
        self.path = os.path.join(os.path.dirname(os.path.abspath(options.bin)), "compat", name)
        self.stamp = os.path.join(self.path, "fetched")
        self.key = hashlib.sha256(b"\0".join(self._read(file) for file in files)).hexdigest()

    @staticmethod
    def _read(file):
        with open(os.path.join(HERE, file), "rb") as data:
            return data.read()

    def is_ready(self):
        return os.path.exists(self.stamp) and open(self.stamp).read() == self.key

    def begin(self):
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.path)

    def end(self):
        with open(self.stamp, "w") as stamp:
            stamp.write(self.key)

    def run(self, what, command, limit_s=FETCH_S, **options):
        """A step of fetching; one that fails skips the test: there is no registry and no cache."""
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=limit_s, **options)
        except subprocess.TimeoutExpired:
            skip(f"{what} took longer than {limit_s} s")
        if done.returncode != 0:
            skip(f"{what} failed, is there a package registry? {done.stdout[-2000:]}")


def python(options, name, requirements=None):
    """The interpreter of a virtual environment with what a file lists: NAME/requirements.txt."""
    requirements = requirements or f"{name}/requirements.txt"
    folder = Folder(options, name, requirements)
    program = os.path.join(folder.path, "bin", "python")
    if not folder.is_ready():
        folder.begin()
        folder.run("making a virtual environment", [sys.executable, "-m", "venv", folder.path])
        folder.run("pip", [program, "-m", "pip", "install", "-q", "--only-binary=:all:", "-r",
                           os.path.join(HERE, requirements)])
        folder.end()
    return program


def stubs(options, program, name):
    """A folder with what grpcio-tools of the environment of `program` makes of our .proto files and of
    those in NAME."""
    ours, theirs = (os.path.join(HERE, folder) for folder in ("../../proto", name))
    sources = [os.path.join(folder, file) for folder in (ours, theirs) for file in sorted(os.listdir(folder))
               if file.endswith(".proto")]
    folder = Folder(options, name + "_stubs", *sources)
    if not folder.is_ready():
        folder.begin()
        command = [program, "-m", "grpc_tools.protoc", f"-I{ours}", f"-I{theirs}"]
        subprocess.run([*command, f"--python_out={folder.path}", f"--grpc_python_out={folder.path}", *sources], check=True)
        folder.end()
    return folder.path


def node(options, name):
    """(the program Node, a folder with the files of NAME and its packages)"""
    program, npm = need("node", (20, 19), "--version"), need("npm", (9, 0), "--version")
    lists = ["package.json", "package-lock.json"]
    folder = Folder(options, name, *(f"{name}/{file}" for file in lists))
    if not folder.is_ready():
        folder.begin()
        for file in lists:
            shutil.copy(os.path.join(HERE, name, file), folder.path)
        folder.run("npm ci", [npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund",
                              "--loglevel=error"], cwd=folder.path)
        folder.end()
    for file in os.listdir(os.path.join(HERE, name)):
        shutil.copy(os.path.join(HERE, name, file), folder.path)
    return program, folder.path


def go(options, name):
    """The program that Go makes of the module NAME."""
    compiler = need("go", (1, 25), "version")
    folder = Folder(options, name, f"{name}/go.mod", f"{name}/go.sum")
    source, program = os.path.join(HERE, name), os.path.join(folder.path, name)
    if not folder.is_ready():
        folder.begin()
        folder.run("go mod download", [compiler, "mod", "download"], cwd=source)
        folder.end()
    # Go keeps what it has compiled: this is quick when nothing has changed.
    subprocess.run([compiler, "build", "-mod=readonly", "-o", program, "."], cwd=source, check=True)
    return program


def maven(options, name):
    """A folder with the jars of NAME/pom.xml."""
    program = need("mvn", (3, 6), "--version")
    folder = Folder(options, name, f"{name}/pom.xml")
    if not folder.is_ready():
        folder.begin()
        folder.run("mvn", [program, "-q", "-B", "-f", os.path.join(HERE, name, "pom.xml"),
                           "dependency:copy-dependencies", f"-DoutputDirectory={folder.path}"])
        folder.end()
    return folder.path
