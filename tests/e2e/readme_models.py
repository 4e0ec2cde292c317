#!/usr/bin/env python3
"""Follow the README's section on models word by word, against the fake server, and print TAP.

Every ```sh block of the section is given to one shell, as it stands, in its order. The fake server listens where the README says that a model
server does (port 11434), and stands for api.anthropic.com by ANTHROPIC_BASE_URL; `llm` is a script. Skipped where the port is taken.
"""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PORT = 11434
PROGRAM = "```\ntracepoint:syscalls:sys_enter_openat { @opens[comm] = count(); }\n```\n"


def blocks():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        section = re.search(r"^## With a language model\n(.*?)^## ", f.read(), re.M | re.S).group(1)
    return re.findall(r"^```sh\n(.*?)^```$", section, re.M | re.S)


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def environment(folder):
    """Nothing of the user's own configuration, and no way out of the machine."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("KGENT_", "ANTHROPIC_", "OPENAI_", "OLLAMA_", "XDG_")) or name == "KGENT_DATA"}
    env.update(HOME=folder, PATH=f"{folder}/bin:{env['PATH']}", http_proxy="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9",
               ANTHROPIC_BASE_URL=f"http://127.0.0.1:{PORT}")
    return env


def serve(folder):
    write(f"{folder}/script", json.dumps([{"text": PROGRAM}]))
    server = subprocess.Popen([sys.executable, os.path.join(HERE, "fake_model.py"), "--ready", f"{folder}/ready", "--script", f"{folder}/script",
                               "--log", f"{folder}/log", "--port", str(PORT), "--models", "qwen2.5-coder:7b"])
    for _ in range(200):
        if os.path.exists(f"{folder}/ready"):
            break
        time.sleep(0.05)
    return server


def posts(folder):
    if not os.path.exists(f"{folder}/log"):
        return []
    with open(f"{folder}/log", encoding="utf-8") as f:
        return [entry for entry in map(json.loads, f) if entry["method"] == "POST"]


def follow(folder):
    """One shell for all blocks, so that what is exported stays; a mark behind each tells how it ended."""
    script = "".join(f"{block}\necho \"@@@ $?\"\n" for block in blocks())
    done = subprocess.run(["bash"], input=script, text=True, env=environment(folder), cwd=folder, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    sys.stderr.write("".join(f"# {line}\n" for line in done.stderr.splitlines()))
    return re.split(r"^@@@ (\d+)\n", done.stdout, flags=re.M)


def main():
    cases = []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            print(f"1..1\nok 1 - README, models # SKIP port {PORT} is taken")
            return 0
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/bin")
        os.symlink(os.environ["KGENT"], f"{folder}/bin/kgent")
        write(f"{folder}/bin/llm", f"#!/bin/sh\necho \"$@\" >{folder}/llm-arguments\ncat >{folder}/llm-question\ncat <<'END'\n{PROGRAM}END\n", 0o755)
        server = serve(folder)
        try:
            parts = follow(folder)
        finally:
            server.kill()
            server.wait()
        outputs, codes = parts[0::2], [int(code) for code in parts[1::2]]
        asked = posts(folder)
        # 6: everything but the kernel's verifier, which needs root
        cases.append(("all blocks were run, and end as they should", len(codes) == len(blocks()) >= 4 and set(codes) <= {0, 6}))
        cases.append(("each answers with the program on standard output", all("@opens[comm] = count()" in out for out in outputs[:len(codes)])))
        cases.append(("a server on this machine is found, its model asked", asked and asked[0]["body"]["model"] == "qwen2.5-coder:7b"))
        cases.append(("config show tells the settings and the file", re.search(r"model +qwen2.5-coder:7b +\S+config.ini", outputs[1]) is not None))
        cases.append(("the provider's own variable brings the key", bool(asked) and asked[-1]["path"] == "/v1/messages" and
                      asked[-1]["headers"].get("x-api-key") == "sk-ant-..." and asked[-1]["body"]["model"] == "claude-sonnet-4-5"))
        cases.append(("a program is asked as it was written", os.path.exists(f"{folder}/llm-arguments") and
                      open(f"{folder}/llm-arguments", encoding="utf-8").read() == "-m gpt-4.1-mini\n"))
    print(f"1..{len(cases)}")
    for number, (name, good) in enumerate(cases, 1):
        print(f"{'ok' if good else 'not ok'} {number} - README, models: {name}")
    if not all(good for _, good in cases):
        print("".join(f"# {line}\n" for line in "\n".join(parts).splitlines()))
    return not all(good for _, good in cases)


if __name__ == "__main__":
    sys.exit(main())
