"""What can go wrong, sorted by what the daemon does next.

Foreign errors are translated into these once, at the edge of the adapter that met them. A file that cannot go on is
not an error but a value with a reason; what is raised here stops more than one file, or a single step of one.
"""


class WatchdError(Exception):
    """The root of everything watchd raises on purpose; its text is written for a person at 3 a.m."""


class ConfigurationError(WatchdError):
    """The configuration cannot be used: nothing starts (or, on a reload, the old one stays). Exit status 2."""

    def __init__(self, problems: list[str]) -> None:
        """`problems`: one line each, `FILE:LINE:COLUMN: key.path: what is wrong`."""
        super().__init__("\n".join(problems))
        self.problems = problems


class UsageError(WatchdError):
    """The command asked for something that does not exist or makes no sense. Exit status 2."""


class LedgerError(WatchdError):
    """The ledger cannot be trusted or written: all spending stops, nothing is replaced. Exit status 4."""


class LedgerSlowError(LedgerError):
    """Whoever reads the ledger for a page gave up waiting: nothing is wrong with it, and nothing stops."""


class LedgerInUseError(LedgerError):
    """Another daemon holds the ledger. Exit status 4."""


class FolderOfflineError(WatchdError):
    """A hot folder cannot be used at present: its files wait, nothing about them is forgotten."""


class TargetOfflineError(FolderOfflineError):
    """A folder that files go to cannot be used at present: not mounted, full, not to be written."""


class SourceLostError(WatchdError):
    """The file admitted earlier is gone, or holds other bytes now: this job ends, new bytes are a new job."""


class LaterError(WatchdError):
    """A step failed for a reason that passes by itself, such as a full disk: tried again, free of charge."""


class NameUnavailableError(LaterError):
    """A name, or the sub-folder that it lies in, cannot be had. Only what wants it waits; another name may do."""


class NoSpaceError(LaterError):
    """No room in `state_dir`, where every paid answer has to go."""
