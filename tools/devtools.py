"""What the project's Python tools share: the cache folder, the pinned environments, whole-or-nothing files.

Nothing here needs more than Python's standard library, so a tool can look whether its work is done
already before it enters one of the environments that `tools/venv` makes.
"""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOOLS = pathlib.Path(__file__).resolve().parent
ROOT = TOOLS.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "whet"
MODELS = CACHE / "models"
sys.dont_write_bytecode = True  # these are run from a source tree, which stays as it is


class Failure(Exception):
    """What the user reads: one line, and a hint if it helps."""

    def __init__(self, message, hint=""):
        super().__init__(message)
        self.hint = hint


def run(name, main):
    """Runs main() and turns what it raises into one line, a hint and an exit code."""
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        if failure.hint:
            print(f"hint: {failure.hint}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def venv(group):
    """The python of tools/requirements/GROUP.txt's environment, made if need be."""
    got = subprocess.run([TOOLS / "venv", group], stdout=subprocess.PIPE, text=True)
    if got.returncode:
        raise Failure(f"no Python environment '{group}' (see above)")
    return got.stdout.strip()


def enter(group):
    """Starts this script again in the environment of a group, unless it runs there already."""
    if os.environ.get("WHET_VENV") == group:
        return
    python = venv(group)
    os.execve(python, [python, "-W", "ignore::RuntimeWarning", *sys.argv],
              os.environ | {"WHET_VENV": group, "PYTHONDONTWRITEBYTECODE": "1"})


def enter_if_made(group):
    """For tests: as enter(), but one that nobody has made yet is a reason to skip."""
    if not any(CACHE.glob(f"venv-{group}-*/complete")):
        print(f"skipped: no environment `{group}` (tools/venv {group} makes it)")
        sys.exit(77)
    enter(group)


def fetch(*what):
    """Makes sure that models are in the cache."""
    if subprocess.run([TOOLS / "fetch-models", *what], stdout=subprocess.DEVNULL).returncode:
        raise Failure("the models could not be fetched (see above)")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recipe(*parts):
    """One hash of files (given as paths) and words: when it changes, what was made from them is stale."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, pathlib.Path) else str(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def write_atomic(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, tmp = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(tmp, 0o644)
        os.replace(tmp, path)
    except BaseException:
        os.unlink(tmp)
        raise


@contextlib.contextmanager
def locked(name):
    """One at a time: of two calls at once the second waits, and then finds the work done."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made(folder, stamp):
    """Whether a folder that `making` made is there and not stale."""
    try:
        return (folder / "recipe").read_text() == stamp
    except OSError:
        return False


@contextlib.contextmanager
def making(folder, stamp):
    """A folder to fill, put in place as a whole when the block ends well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    tmp = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir()
    try:
        yield tmp
        (tmp / "recipe").write_text(stamp)
        shutil.rmtree(folder, ignore_errors=True)
        tmp.rename(folder)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
