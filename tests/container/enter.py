"""Becomes the program of an image, as a container engine would start it: in its file system, as its user, with its
environment and its working directory, without a right to gain any.

    enter.py IMAGE.json ROOT entry [ARGUMENT...]     the entry point; without arguments, with those of the image
    enter.py IMAGE.json ROOT health                  its health check
"""

import ctypes
import json
import os
import sys

PR_SET_NO_NEW_PRIVS = 38


def main():
    config = json.load(open(sys.argv[1], encoding="utf-8"))["Docker"]["config"]
    root, what, *arguments = sys.argv[2:]
    if what == "health":
        kind, *command = config["Healthcheck"]["Test"]
        assert kind == "CMD", "a health check without a shell"
    else:
        command = config["Entrypoint"] + (arguments or config["Cmd"])
    user, group = map(int, config["User"].split(":"))
    environment = dict(entry.split("=", 1) for entry in config["Env"] or [])
    os.chroot(root)
    os.chdir(config["WorkingDir"])
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.execve(command[0], command, environment)


main()
