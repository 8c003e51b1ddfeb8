"""The getmail that is installed, but for the way it waits for its children.

QUIRK(getmail, 6.18.11): it forks before it sets the handler of SIGCHLD that is to tell it of the child's
end. A child that is quicker is missed, and waited for until a time of minutes has passed.
"""

import os
import runpy
import shutil
import sys

from getmailcore import baseclasses


def wait(_self, pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


baseclasses.ForkingBase._prepare_child = lambda _self: None
baseclasses.ForkingBase._wait_for_child = wait
sys.argv[0] = shutil.which("getmail")
runpy.run_path(sys.argv[0], run_name="__main__")
