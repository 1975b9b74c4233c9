"""A real Slurm on this machine, for as long as a test needs it.

    with slurm.Slurm(cpus=4) as cluster:
        job = cluster.submit("jobscripts/one_node.sh", "input.yaml", cwd=directory)
        cluster.wait(job)

munged, slurmctld and slurmd run in the foreground as children of the calling process, with their
own ports, key, configuration and spool in a temporary directory, independently of any other Slurm.
SLURM_CONF in its environment tells to which instance a process belongs: so nothing outlives the
`with`, not even jobs, and the next test removes what a killed one has left behind.
"""

import getpass
import glob
import math
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "scontrol", "squeue")
OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
PREFIX = "gfe_slurm_"
SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # daemons may not be in a user's path

# Only this machine, no cgroups, no accounting; clocks as fast as Slurm allows. A job may be late by
# OverTimeLimit minutes: it ends by itself, however slow the machine, instead of being killed by
# Slurm. cred_expire is also how long a requeued job waits: two minutes by default. What a killed
# step leaves in TmpFS would keep a step with the same number, of another instance, from starting;
# and the shared memory of its ranks is named by job and step as well: so no two instances use the
# same job numbers.
CONFIGURATION = """
ClusterName=gfe
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={directory}/munge.socket,cred_expire=5
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
TmpFS={directory}/tmp
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
MpiDefault=pmix
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
KillWait=20
OverTimeLimit=60
FirstJobId={first_job}
MessageTimeout=60
NodeName={host} NodeAddr=127.0.0.1 NodeHostname={host} CPUs={cpus} RealMemory=1000000 State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not():
    """What is missing to run Slurm here, or None."""
    missing = [name for name in COMMANDS if shutil.which(name, path=SEARCH) is None]
    if missing:
        return f"{', '.join(missing)} not found (Debian's package slurm-wlm)"
    return None


def free_ports(count):
    """Port numbers that are not in use."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


# ---- processes, by their environment ----

def processes(**wanted):
    """Ids of the processes, but this one, that were started with these environment variables."""
    wanted, found = {f"{name}={value}".encode() for name, value in wanted.items()}, []
    for path in glob.glob("/proc/[0-9]*/environ"):
        pid = int(path.split("/")[2])
        try:
            with open(path, "rb") as file:
                if pid != os.getpid() and wanted <= set(file.read().split(b"\0")):
                    found.append(pid)
        except OSError:  # it has just ended, or is another user's
            pass
    return found


def send(pids, number):
    """A signal to processes of which some may have ended."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def pending(pid, number):
    """Whether a signal waits for a paused process, or the process has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            sets = [int(line.split()[1], 16) for line in file if line.startswith(("SigPnd", "ShdPnd"))]
    except OSError:
        return True
    return any(each >> (number - 1) & 1 for each in sets)


def end_processes(configuration):
    """Ends them all: asks, waits a little, then insists."""
    for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 10)):
        deadline = time.monotonic() + patience
        send(processes(SLURM_CONF=configuration), number)
        while processes(SLURM_CONF=configuration) and time.monotonic() < deadline:
            time.sleep(0.1)


def clear_stale():
    """Ends and removes the instances of tests that no longer run."""
    for directory in glob.glob(os.path.join(tempfile.gettempdir(), PREFIX + "*")):
        try:
            with open(os.path.join(directory, "owner"), encoding="utf-8") as file:
                alive = os.path.exists(f"/proc/{int(file.read())}")
        except (OSError, ValueError):
            alive = True  # just being made
        if not alive:
            end_processes(os.path.join(directory, "slurm.conf"))
            shutil.rmtree(directory, ignore_errors=True)


# ---- the instance ----

class Slurm:
    """One node of `cpus` processors, declared whether the machine has them or not."""

    def __init__(self, cpus=2):
        self.cpus, self.daemons = cpus, []

    def __enter__(self):
        clear_stale()
        self.directory = tempfile.mkdtemp(prefix=PREFIX)
        self.write("owner", str(os.getpid()))
        self.configuration = os.path.join(self.directory, "slurm.conf")
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("SLURM_", "SBATCH_", "PMIX_"))}  # of a job
        self.environment.update(SLURM_CONF=self.configuration, PATH=SEARCH)
        self.handler = signal.signal(signal.SIGTERM, self.interrupted)
        try:
            self.configure()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    @staticmethod
    def interrupted(*_):
        raise SystemExit("slurm: interrupted")

    def __exit__(self, *_):
        try:  # Slurm clears up behind the jobs that it ends
            if len(self.daemons) == 3:
                self.command("scancel", "--partition=test", check=False)
                self.until(lambda: not self.command("squeue", "--noheader"), "end of all jobs", 40)
        except RuntimeError:
            pass
        end_processes(self.configuration)
        for daemon in self.daemons:
            daemon.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
        signal.signal(signal.SIGTERM, self.handler)

    def write(self, name, content):
        with open(os.path.join(self.directory, name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return file.name

    def configure(self):
        os.chmod(self.directory, 0o755)  # munged insists that its socket can be reached
        for name in ("state", "spool", "tmp"):
            os.mkdir(os.path.join(self.directory, name))
        os.chmod(self.write("munge.key", os.urandom(128)), 0o400)
        controller_port, node_port = free_ports(2)
        self.write("slurm.conf", CONFIGURATION.format(
            host=socket.gethostname().split(".")[0], user=getpass.getuser(), cpus=self.cpus,
            directory=self.directory, controller_port=controller_port, node_port=node_port,
            first_job=random.randrange(1000, 60_000_000)))

    def start(self):
        path = self.directory
        self.daemon("munged", "--foreground", f"--key-file={path}/munge.key",
                    f"--socket={path}/munge.socket", f"--pid-file={path}/munged.pid",
                    f"--seed-file={path}/munge.seed")
        self.until(lambda: os.path.exists(f"{path}/munge.socket"), "munged's socket")
        self.daemon("slurmctld", "-D")
        self.daemon("slurmd", "-D")
        self.until(lambda: self.command("sinfo", "--noheader", "--format=%T",
                                        check=False).strip() == "idle", "an idle node")

    def daemon(self, *command):
        with open(os.path.join(self.directory, command[0] + ".out"), "wb") as out:
            self.daemons.append(subprocess.Popen(
                [shutil.which(command[0], path=SEARCH), *command[1:]], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT))

    def until(self, condition, what, seconds=math.inf):
        """Waits for a condition; says what did not happen, with the end of the daemons' logs, if a
        daemon dies, if the test is interrupted or after so many seconds."""
        deadline = time.monotonic() + seconds
        try:
            while not condition():
                dead = [daemon for daemon in self.daemons if daemon.poll() is not None]
                if dead or time.monotonic() > deadline:
                    raise RuntimeError(f"slurm: no {what}\n{self.last_words()}")
                time.sleep(0.1)
        except SystemExit:
            print(f"slurm: no {what} until interrupted\n{self.last_words()}", flush=True)
            raise

    def last_words(self):
        """The end of every daemon's log."""
        text = ""
        for path in sorted(glob.glob(os.path.join(self.directory, "*.out"))):
            with open(path, encoding="utf-8", errors="replace") as file:
                text += f"--- {os.path.basename(path)}\n{file.read()[-2000:]}\n"
        return text

    # ---- what a user types ----

    def command(self, *command, check=True, cwd=None, environment=None):
        """Runs one of Slurm's commands and returns what it prints."""
        done = subprocess.run([str(word) for word in command], cwd=cwd,
                              env={**self.environment, **(environment or {})},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(done.args)}: exit code {done.returncode}\n"
                               f"{done.stdout}{done.stderr}")
        return done.stdout

    def signal(self, job, pids):
        """scancel --signal=USR1, until it has reached these paused processes of the job. Where an
        array has tasks that never ran, Slurm 22.05 answers "try again later" although the signal
        got there, and scancel would send it again and again."""
        with subprocess.Popen(["scancel", "--signal=USR1", job], env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as scancel:
            self.until(lambda: all(pending(pid, signal.SIGUSR1) for pid in pids), f"USR1 in {job}")
            scancel.kill()

    def submit(self, *arguments, **how):
        """sbatch: returns the id of the job."""
        return self.command("sbatch", "--parsable", *arguments, **how).strip()

    def jobs(self, job):
        """What Slurm knows of a job, or of each task of an array: a list of dicts with JobState,
        Restarts, ExitCode, ... as scontrol names them."""
        lines = self.command("scontrol", "--oneliner", "show", "job", job).splitlines()
        return [dict(word.split("=", 1) for word in line.split() if "=" in word)
                for line in lines if line]

    def age(self, job):
        """Seconds since a job began to run."""
        seconds = 0
        for part in self.jobs(job)[0]["RunTime"].replace("-", ":").split(":")[-3:]:
            seconds = seconds * 60 + int(part)
        return seconds

    def over(self, job):
        """Whether the job, or all tasks of the array, have ended, with no requeue to come."""
        return all(each["JobState"] in OVER for each in self.jobs(job))

    def wait(self, job):
        """Waits until the job or array is over; returns jobs()."""
        self.until(lambda: self.over(job), f"end of job {job}")
        return self.jobs(job)

    def ranks(self, program, **variables):
        """Ids of the processes that run a program in a job, known by variables such as
        SLURM_JOB_ID; not those of srun or mpirun."""
        found = []
        for pid in processes(SLURM_CONF=self.configuration, **variables):
            try:
                if os.path.samefile(os.readlink(f"/proc/{pid}/exe"), program):
                    found.append(pid)
            except OSError:
                pass
        return found
