"""Drop-in replacement for multiprocessing on a core written in Go."""

from multiprocessing import active_children as active_children
from multiprocessing import current_process as current_process
from multiprocessing import parent_process as parent_process
from multiprocessing import process as process
from multiprocessing import reduction as reducer  # noqa: F401
from multiprocessing.context import AuthenticationError as AuthenticationError
from multiprocessing.context import BufferTooShort as BufferTooShort
from multiprocessing.context import ProcessError as ProcessError
from multiprocessing.context import TimeoutError as TimeoutError

from . import arrays as arrays
from . import context as context
from . import kernel as kernel
from . import kernels as kernels
from ._errors import BrokenPool as BrokenPool
from ._errors import CompileError as CompileError
from ._errors import KernelError as KernelError
from ._errors import OwnerDied as OwnerDied
from ._errors import OwnerDiedWarning as OwnerDiedWarning
from ._errors import TaskAborted as TaskAborted
from ._errors import TaskTimeout as TaskTimeout
from ._errors import WorkerLost as WorkerLost
from ._worker import worker_id as worker_id
from ._worker import worker_state as worker_state
from .context import Process as Process
from .executor import ProcessPoolExecutor as ProcessPoolExecutor

__version__: str
_disabled: bool
__all__: list[str]

SUBDEBUG: int
SUBWARNING: int

Array = context._default_context.Array
Barrier = context._default_context.Barrier
BoundedSemaphore = context._default_context.BoundedSemaphore
Condition = context._default_context.Condition
Event = context._default_context.Event
JoinableQueue = context._default_context.JoinableQueue
Lock = context._default_context.Lock
Manager = context._default_context.Manager
Pipe = context._default_context.Pipe
Pool = context._default_context.Pool
Queue = context._default_context.Queue
RLock = context._default_context.RLock
RawArray = context._default_context.RawArray
RawValue = context._default_context.RawValue
Semaphore = context._default_context.Semaphore
SimpleQueue = context._default_context.SimpleQueue
Value = context._default_context.Value
allow_connection_pickling = context._default_context.allow_connection_pickling
cpu_count = context._default_context.cpu_count
freeze_support = context._default_context.freeze_support
get_all_start_methods = context._default_context.get_all_start_methods
get_context = context._default_context.get_context
get_logger = context._default_context.get_logger
get_start_method = context._default_context.get_start_method
log_to_stderr = context._default_context.log_to_stderr
set_executable = context._default_context.set_executable
set_forkserver_preload = context._default_context.set_forkserver_preload
set_start_method = context._default_context.set_start_method
