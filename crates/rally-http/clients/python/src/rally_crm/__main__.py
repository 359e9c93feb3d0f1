"""``python -m rally_crm``: the program ``rally`` of this package."""

import os
import sys

from ._binary import find_binary

binary = find_binary()
os.execv(binary, [str(binary), *sys.argv[1:]])
