# SPDX-License-Identifier: GPL-2.0
"""What a hung kernel says when asked, and the waits that its stacks name."""

import re
from dataclasses import dataclass, field

TASK = re.compile(r"task:(?P<name>.+?)\s+state:(?P<state>\S+)\s+stack:\s*\d+\s+pid:\s*(?P<pid>\d+)")
FRAME = re.compile(r"^\s*(?:\[[^\]]*\]\s*)?(?P<guess>\? )?(?P<name>[A-Za-z_][\w.]*)\+0x[0-9a-f]+/")
STAMP = re.compile(r"^\[\s*\d+\.\d+\]\s?")
# What a kernel says when it is not well.
TROUBLE = re.compile(r"WARNING: |\bBUG: |^BUG |kernel BUG at |Kernel panic|Oops: |UBSAN: |"
                     r"general protection fault|INFO: (?:rcu|task|possible|suspicious)|"
                     r"rcu: INFO: ")
# How every sleep looks from above: not what anyone waits for.
SLEEPERS = re.compile(r"^(__schedule|schedule\w*|wait_woken|io_schedule\w*|preempt_schedule\w*|"
                      r"__wait_for_common|wait_for_completion\w*|__pfx_\w+|schedule_timeout\w*)$")
LOCKS = re.compile(r"^(__mutex_lock\w*|mutex_lock\w*|rwsem_down_\w+|down_(?:read|write)\w*)$")
# Frames that tell how the task came here, worth naming behind the wait.
LANDMARKS = re.compile(r"^(nbd_\w+|sock_xmit|__sock_xmit|try_to_free_pages|shrink_folio_list|"
                       r"balance_pgdat|try_fill_recv|refill_work|e1000\w*|__alloc_pages_slowpath|"
                       r"do_swap_page|swap_writepage|bio_alloc_bioset|mempool_alloc\w*|"
                       r"throttle_direct_reclaim|synchronize_srcu|blk_mq_\w*(?:timeout|get_tag)\w*|"
                       r"blk_mq_get_tag|folio_wait_\w+|__folio_lock\w*|swapin_readahead|"
                       r"iscsi_\w+|nvme_tcp_\w+|xs_tcp_\w+|rpc_\w+|nfs4?_\w+|wg_\w+|raid1_\w+|md_\w+|"
                       r"kthreadd|kswapd|tcp_sendmsg\w*|sk_stream_wait_memory|copy_process)$")


# A swap server in the guest itself: what it waits for is told in any case.
SERVER = "nbdkit"


@dataclass
class Task:
    name: str
    state: str
    pid: int
    frames: list[str] = field(default_factory=list)

    def wait(self) -> str:
        """The function that put the task to sleep."""
        for frame in self.frames:
            if not SLEEPERS.match(frame):
                return frame
        return "?"

    def below(self, frame: str) -> str:
        """Who called @frame."""
        rest = self.frames[self.frames.index(frame) + 1:]
        return next((f for f in rest if not LOCKS.match(f) and not SLEEPERS.match(f)), "")

    def lock_taker(self) -> str:
        wait = self.wait()
        return self.below(wait) if LOCKS.match(wait) else ""

    def path(self) -> str:
        """wait <- landmark <- landmark, from the sleep outwards."""
        words = [self.wait()]
        if self.lock_taker():
            words.append(self.lock_taker())
        for frame in self.frames:
            if LANDMARKS.match(frame) and frame not in words and not SLEEPERS.match(frame):
                words.append(frame)
        return " <- ".join(words[:8])


def tasks(text: str) -> list[Task]:
    """Every task of the dump, once, with its last stack."""
    found: dict[int, Task] = {}
    task = None
    for raw in text.splitlines():
        line = STAMP.sub("", raw)
        head = TASK.search(line)
        if head:
            task = Task(head["name"].strip(), head["state"], int(head["pid"]))
            found[task.pid] = task
            continue
        frame = FRAME.match(line)
        if task and frame and not frame["guess"]:
            task.frames.append(frame["name"].split(".")[0])
        elif "</TASK>" in line:
            task = None
    return list(found.values())


def _holder(task: Task, everyone: list[Task]) -> Task | None:
    """Who went through the function where @task waits for a lock, and sleeps beyond it."""
    taker = task.lock_taker()
    for other in everyone:
        if taker and other is not task and taker in other.frames and not other.lock_taker():
            return other
    return None


def _of_interest(task: Task, everyone: list[Task]) -> bool:
    if not task.frames or task.state == "I":
        return False
    if task.state == "D" or task.name == SERVER:
        return True
    # A socket's wait for room is interruptible, even under a lock that all want.
    return any(_holder(other, everyone) is task for other in everyone if other.state == "D") \
        or "nbd_queue_rq" in task.frames


def waits(text: str) -> list[str]:
    """One line per kind of wait: who, where, and who has what they wait for."""
    everyone = tasks(text)
    lines: dict[str, list[str]] = {}
    for task in everyone:
        if not _of_interest(task, everyone):
            continue
        line = task.path()
        holder = _holder(task, everyone)
        if holder:
            line += (f" (lock taken in {task.lock_taker()}, held by {holder.name}/{holder.pid} "
                     f"in {holder.wait()})")
        lines.setdefault(line, []).append(f"{task.name}/{task.pid}")
    return [f"{_some(names)}: {line}" for line, names in lines.items()]


def _some(names: list[str], most: int = 4) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def memory(text: str) -> list[str]:
    """Free memory against the watermarks, zone by zone."""
    found = {}
    for match in re.finditer(r"(?:Node \d+ )?(\w+) free:(\d+)kB .*?min:(\d+)kB low:(\d+)kB", text):
        found[match[1]] = f"{match[1]}: free {match[2]} kB, min {match[3]} kB, low {match[4]} kB"
    return list(found.values())
