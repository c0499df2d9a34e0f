"""What botocore cannot be the oracle for: prompts, caches on disk, renewals. Prints a line of JSON for each case."""
import hashlib
import json
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import tempfile
import time

from credential_server import Server, after

binary = sys.argv[1]
server = Server()
MFA = """[profile base]
aws_access_key_id = BASE
aws_secret_access_key = secret-of-base
[profile mfa]
role_arn = arn:aws:iam::222222222222:role/one
source_profile = base
mfa_serial = arn:aws:iam::111111111111:mfa/me
"""
PROCESS = """#!/bin/sh
echo run >> "$HOME/runs"
n=$(wc -l < "$HOME/runs")
printf '{"Version":1,"AccessKeyId":"KEY%d","SecretAccessKey":"secret-of-process"}' $n
"""
WORDS = [binary, "orphans", "discover", "--output", "json"]


def home_with(**files):
    home = tempfile.mkdtemp()
    for path, text in files.items():
        full = os.path.join(home, path.replace("__", "/"))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            file.write(text)
        os.chmod(full, 0o700)
    return home


def environment(home, **more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "EDGEFERRY_"))}
    return {**kept, "HOME": home, "AWS_ENDPOINT_URL": server.url, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1", **more}


def run(home, *arguments, **more):
    done = subprocess.run(WORDS + list(arguments), env=environment(home, **more), cwd=home, capture_output=True,
                          stdin=subprocess.DEVNULL, start_new_session=True, timeout=60)
    talk = done.stderr.decode(errors="replace")
    try:
        error = json.loads(talk.strip().split("\n")[-1])
    except ValueError:
        error = {"code": talk}
    return done.returncode, error, talk


def on_terminal(home, reply):
    """Runs on a terminal of its own and answers the first question; gives the exit code and all that was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(home)
        words = WORDS + ["--profile", "mfa"]
        os.execve(words[0], words, environment(home))
    shown, answered, until = b"", False, time.time() + 60
    while time.time() < until:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                data = os.read(terminal, 4096)
            except OSError:
                break
            if not data:
                break
            shown += data
        if not answered and b"MFA code" in shown:
            os.write(terminal, reply)
            answered = True
    else:
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode(errors="replace")


def asked_on_a_terminal():
    code, shown = on_terminal(home_with(**{".aws__config": MFA}), b"123456\n")
    assert server.seen == ["role(one,default,SerialNumber=arn:aws:iam::111111111111:mfa/me,TokenCode=123456)<-BASE"], \
        f"{server.seen} {shown}"
    assert shown.count("Enter MFA code for arn:aws:iam::111111111111:mfa/me: ") == 1, shown
    assert "123456" not in shown, "the code was shown"


def interrupted_at_the_question():
    code, shown = on_terminal(home_with(**{".aws__config": MFA}), b"\x03")
    assert code == 130, f"{code} {shown}"
    assert server.seen == [], server.seen


def nobody_to_ask():
    code, error, _ = run(home_with(**{".aws__config": MFA}), "--profile", "mfa")
    assert (code, error["code"]) == (1, "credentials"), error
    assert "no terminal" in error["why"], error


def sso_cache_is_rewritten():
    name = hashlib.sha1(b"corp").hexdigest()
    token = {"accessToken": "old-token", "expiresAt": after(60), "refreshToken": "r1", "clientId": "c",
             "clientSecret": "s", "registrationExpiresAt": after(9999)}
    home = home_with(**{
        ".aws__config": "[profile s]\nsso_session = corp\nsso_account_id = 3\nsso_role_name = A\n"
                        "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://c.example\n",
        f".aws__sso__cache__{name}.json": json.dumps(token)})
    run(home, "--profile", "s")
    assert server.seen == ["sso(3,A,fresh-of-r1-c-s)"], server.seen
    folder = f"{home}/.aws/sso/cache"
    assert os.listdir(folder) == [f"{name}.json"], os.listdir(folder)
    assert stat.S_IMODE(os.stat(f"{folder}/{name}.json").st_mode) == 0o600
    with open(f"{folder}/{name}.json") as file:
        cached = json.load(file)
    assert cached["refreshToken"] == "next-refresh" and cached["accessToken"] == "fresh-of-r1-c-s", cached
    # The next command finds it fresh.
    server.paths = []
    run(home, "--profile", "s")
    assert "POST /token refresh_token" not in server.paths, server.paths


def process_home():
    home = home_with(bin__keys=PROCESS)
    os.makedirs(f"{home}/.aws")
    with open(f"{home}/.aws/config", "w") as file:
        file.write(f"[default]\ncredential_process = {home}/bin/keys\n")
    return home


def expired_keys_are_renewed_once():
    server.modes = {"expired": {"KEY1"}}
    code, error, _ = run(process_home())
    assert server.seen == ["KEY1", "KEY2"], server.seen
    assert error["code"] == "access-denied", error


def keys_that_stay_expired_are_an_error():
    server.modes = {"expired": {"KEY1", "KEY2"}}
    code, error, _ = run(process_home())
    assert server.seen == ["KEY1", "KEY2"], server.seen
    assert (code, error["code"]) == (1, "credentials"), error


def a_slow_process_ends_with_the_command():
    home = home_with(**{".aws__config": "[default]\ncredential_process = /bin/sh -c 'echo $$ > pid; exec sleep 300'\n"})
    command = subprocess.Popen(WORDS, env=environment(home), cwd=home, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True)
    pid = ""
    while not pid.strip():
        time.sleep(0.02)
        if os.path.exists(f"{home}/pid"):
            with open(f"{home}/pid") as file:
                pid = file.read()
    command.send_signal(signal.SIGINT)
    assert command.wait(timeout=60) == 130, command.returncode
    assert not os.path.exists(f"/proc/{int(pid)}"), "the process is still there"


def secrets_stay_out_of_errors():
    secret = "wJalrXUtnFEMI-planted"
    good = json.dumps({"Version": 1, "AccessKeyId": "A", "SecretAccessKey": secret})
    hostile = [
        f"[default]\ncredential_process = /bin/sh -c 'echo {secret}; exit 3'\n",
        f"[default]\ncredential_process = /bin/echo '{good[:-2]}'\n",
        f"[default]\naws_secret_access_key {secret}\n",
        f"aws_secret_access_key = {secret}\n",
        f"[default]\naws_secret_access_key = {secret}\naws_secret_access_key = {secret}\n",
        f"[default]\naws_access_key_id =\naws_secret_access_key = {secret}\n",
        f"[default]\nx =\n  {secret}\n",
    ]
    for config in hostile:
        code, error, talk = run(home_with(**{".aws__config": config}), "--verbose")
        assert code in (1, 64), f"{code} {talk}"
        assert secret not in talk, talk


def metadata_goes_past_no_proxy():
    proxies = {name: server.url for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY")}
    home = home_with()
    code, error, talk = run(home, AWS_EC2_METADATA_DISABLED="false", **proxies)
    assert server.paths == [], server.paths
    assert error["code"] == "credentials" and error["causes"][-1].startswith("instance metadata: "), talk


for case in [asked_on_a_terminal, interrupted_at_the_question, nobody_to_ask, sso_cache_is_rewritten,
             expired_keys_are_renewed_once, keys_that_stay_expired_are_an_error, a_slow_process_ends_with_the_command,
             secrets_stay_out_of_errors, metadata_goes_past_no_proxy]:
    server.reset()
    why = ""
    try:
        case()
    except Exception as error:  # noqa: BLE001: the test shows it
        why = f"{type(error).__name__}: {error}"
    print(json.dumps({"case": case.__name__, "why": why}), flush=True)
