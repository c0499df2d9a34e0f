"""botocore as the oracle: the same files and variables give botocore and edgeferry the same identity, or neither one.

Prints a line of JSON for each case: its name, what botocore came to, what edgeferry came to."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

home = tempfile.mkdtemp()
os.environ["HOME"] = home
for name in [n for n in os.environ if n.startswith(("AWS_", "EDGEFERRY_"))]:
    del os.environ[name]

import botocore.credentials  # noqa: E402: the caches' folders are read from HOME at import
import botocore.exceptions  # noqa: E402
import botocore.loaders  # noqa: E402
import botocore.session  # noqa: E402
from credential_server import Server, after  # noqa: E402

binary = sys.argv[1]
server = Server()
loader = botocore.loaders.Loader()
# awscrt need not be there for a cached login session.
if botocore.credentials.EC is None:
    botocore.credentials.EC = object()
clean = dict(os.environ)
REGION = "region = eu-west-1\n"


def sha1(text):
    return hashlib.sha1(text.encode()).hexdigest()


def keys(name):
    return f"aws_access_key_id = {name}\naws_secret_access_key = secret-{name}\n"


def role(name, **more):
    return f"role_arn = arn:aws:iam::222222222222:role/{name}\n" + "".join(f"{k} = {v}\n" for k, v in more.items())


def printed(name, **more):
    document = {"Version": 1, "AccessKeyId": name, "SecretAccessKey": f"secret-{name}", **more}
    return f"credential_process = /bin/echo '{json.dumps(document)}'\n"


def token(expires=3600, **more):
    return json.dumps({"accessToken": "sso-token", "expiresAt": after(expires), **more})


ENV = {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"}
SSO = "sso_account_id = 333333333333\nsso_role_name = Admin\n"
LEGACY = SSO + "sso_start_url = https://start.example\nsso_region = eu-central-1\n"
SESSION = "[sso-session corp]\nsso_start_url = https://corp.example\nsso_region = us-west-2\n"
LEGACY_FILE = f".aws/sso/cache/{sha1('https://start.example')}.json"
SESSION_FILE = f".aws/sso/cache/{sha1('corp')}.json"
CLIENT = {"refreshToken": "r1", "clientId": "c1", "clientSecret": "cs1", "registrationExpiresAt": after(86400)}
LOGIN_FILE = f".aws/login/cache/{hashlib.sha256(b'arn:aws:sts::1:me').hexdigest()}.json"
LOGIN = json.dumps({"accessToken": {"accessKeyId": "LOGIN", "secretAccessKey": "s", "sessionToken": "t",
                                    "accountId": "111111111111", "expiresAt": after(850)},
                    "refreshToken": "r", "dpopKey": "k", "clientId": "c"})
URL = server.url
IMDS = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": URL}
CONTAINER = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": URL + "/container/a"}
WEB = {"AWS_WEB_IDENTITY_TOKEN_FILE": home + "/web-token", "AWS_ROLE_ARN": "arn:aws:iam::222222222222:role/web"}
cases = []


def case(name, config="", credentials="", env=None, profile=None, files=None, modes=None):
    cases.append((name, config, credentials, env or {}, profile, files or {}, modes or {}))


# The environment.
case("environment", env=ENV)
case("environment with a token", env={**ENV, "AWS_SESSION_TOKEN": "t"})
case("environment beats files", "[default]\n" + keys("CONFIG"), "[default]\n" + keys("SHARED"), ENV)
case("environment beats AWS_PROFILE", "[profile a]\n" + keys("CONFIG"), env={**ENV, "AWS_PROFILE": "a"})
case("a named profile beats the environment", "[profile a]\n" + keys("CONFIG"), env=ENV, profile="a")
case("half a pair in the environment", "", "[default]\n" + keys("SHARED"), {"AWS_ACCESS_KEY_ID": "HALF"})
case("a secret alone in the environment", "", "[default]\n" + keys("SHARED"), {"AWS_SECRET_ACCESS_KEY": "HALF"})
case("an empty key in the environment", "", "[default]\n" + keys("SHARED"),
     {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
case("environment with an expiration", env={**ENV, "AWS_CREDENTIAL_EXPIRATION": after(3600)})
case("environment that has expired", env={**ENV, "AWS_CREDENTIAL_EXPIRATION": after(-60)})
# Which profile.
two = "[profile a]\n" + keys("A") + "[profile b]\n" + keys("B")
case("AWS_PROFILE", two, env={"AWS_PROFILE": "a"})
case("AWS_DEFAULT_PROFILE beats AWS_PROFILE", two, env={"AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": "b"})
case("an argument beats both", two, env={"AWS_PROFILE": "b", "AWS_DEFAULT_PROFILE": "b"}, profile="a")
case("an unknown AWS_PROFILE", two, env={"AWS_PROFILE": "c"})
case("an unknown AWS_PROFILE with keys in the environment", two, env={**ENV, "AWS_PROFILE": "c"})
case("an unknown profile by argument", two, profile="c")
case("default by name, absent", two, profile="default")
case("a profile of the credentials file alone", "", "[only]\n" + keys("ONLY"), profile="only")
case("nothing at all")
# Files against each other.
case("credentials file beats config file", "[default]\n" + keys("CONFIG"), "[default]\n" + keys("SHARED"))
case("config file alone", "[default]\n" + keys("CONFIG"))
case("credentials file beats process", "[default]\n" + printed("PROCESS"), "[default]\n" + keys("SHARED"))
case("process beats the config file's keys", "[default]\n" + keys("CONFIG") + printed("PROCESS"))
case("process in the credentials file", "", "[default]\n" + printed("PROCESS"))
case("half a pair in the credentials file", "[default]\n" + keys("CONFIG"),
     "[default]\naws_access_key_id = HALF\n")
case("half a pair in the config file", "[default]\naws_access_key_id = HALF\n")
case("a secret alone in the config file", "[default]\naws_secret_access_key = HALF\n", env=CONTAINER)
case("aws_security_token", "", "[default]\n" + keys("OLD") + "aws_security_token = t\n")
case("other places", env={"AWS_CONFIG_FILE": "$HOME/x/c", "AWS_SHARED_CREDENTIALS_FILE": "~/x/s", "AWS_PROFILE": "p"},
     files={"x/c": "[profile p]\n" + printed("PROCESS"), "x/s": "[p]\n" + keys("PLACED")})
case("a braced variable in a path", env={"AWS_CONFIG_FILE": "${HOME}/x/c"}, files={"x/c": "[default]\n" + keys("BRACED")})
case("a config file that is a folder", "", "[default]\n" + keys("SHARED"), {"AWS_CONFIG_FILE": home})
case("AWS_CONFIG_FILE set to nothing", "[default]\n" + keys("CONFIG"), env={"AWS_CONFIG_FILE": ""})
# Assumed roles.
case("a role", "[profile base]\n" + keys("BASE") + "[profile r]\n" + role("one", source_profile="base"), profile="r")
case("a role with all settings", "[profile base]\n" + keys("BASE") + "[profile r]\n" + role(
    "one", source_profile="base", external_id="ext-1", role_session_name="me@x", duration_seconds=1800), profile="r")
case("a duration that is no number", "[profile base]\n" + keys("BASE") + "[profile r]\n" + role(
    "one", source_profile="base", duration_seconds="long"), profile="r")
case("an empty session name", "[profile base]\n" + keys("BASE") + "[profile r]\n" + role(
    "one", source_profile="base", role_session_name=""), profile="r")
case("a chain of roles", "[profile base]\n" + keys("BASE") + "[profile m]\n" + role("mid", source_profile="base")
     + "[profile r]\n" + role("far", source_profile="m"), profile="r")
case("a role whose source is itself", "[profile r]\n" + keys("OWN") + role("one", source_profile="r"), profile="r")
case("a role whose source is itself, without keys", "[profile r]\n" + role("one", source_profile="r"), profile="r")
case("a loop", "[profile a]\n" + role("a", source_profile="b") + "[profile b]\n" + role("b", source_profile="a"),
     profile="a")
case("a loop of three", "[profile a]\n" + role("a", source_profile="b") + "[profile b]\n" + role(
    "b", source_profile="c") + "[profile c]\n" + role("c", source_profile="a"), profile="a")
case("a source with keys and a role of its own", "[profile a]\n" + role("a", source_profile="b") + "[profile b]\n"
     + keys("B") + role("b", source_profile="a"), profile="a")
case("a source that is in no file", "[profile a]\n" + role("a", source_profile="b"), profile="a")
case("a source without credentials", "[profile a]\n" + role("a", source_profile="b") + "[profile b]\n" + REGION,
     profile="a")
case("both kinds of source", "[profile b]\n" + keys("B") + "[profile a]\n" + role(
    "a", source_profile="b", credential_source="Environment"), profile="a", env=ENV)
case("no kind of source", "[profile a]\n" + role("a"), profile="a")
case("no kind of source, with keys", "[profile a]\n" + keys("A") + role("a"), profile="a")
case("a role in the credentials file", "[profile base]\n" + keys("BASE"),
     "[r]\n" + role("one", source_profile="base"), profile="r")
case("a source in the credentials file", "[profile r]\n" + role("one", source_profile="base"),
     "[base]\n" + keys("BASE"), profile="r")
case("a source that runs a process", "[profile base]\n" + printed("PROCESS") + "[profile r]\n" + role(
    "one", source_profile="base"), profile="r")
case("a source that is SSO", "[profile base]\n" + LEGACY + "[profile r]\n" + role("one", source_profile="base"),
     profile="r", files={LEGACY_FILE: token()})
case("a source that is a web identity", "[profile base]\n" + role(
    "web", web_identity_token_file=home + "/web-token") + "[profile r]\n" + role("one", source_profile="base"),
     profile="r", files={"web-token": "jwt-of-ci"})
case("a source does not look at the environment's web identity", "[profile base]\n" + keys("BASE") + "[profile r]\n"
     + role("one", source_profile="base"), env={**WEB, "AWS_PROFILE": "r"}, files={"web-token": "jwt-of-ci"})
case("the environment beats a role", "[profile base]\n" + keys("BASE") + "[profile r]\n" + role(
    "one", source_profile="base"), env={**ENV, "AWS_PROFILE": "r"})
case("a role beats keys beside it", "[profile base]\n" + keys("BASE") + "[profile r]\n" + keys("R") + role(
    "one", source_profile="base"), profile="r")
case("a role that is denied", "[profile base]\n" + keys("BASE") + "[profile r]\n" + role(
    "denied", source_profile="base"), profile="r")
case("credential_source Environment", "[profile r]\n" + role("one", credential_source="Environment"), env=ENV,
     profile="r")
case("credential_source Environment, unset", "[profile r]\n" + role("one", credential_source="Environment"),
     profile="r")
case("credential_source EcsContainer", "[profile r]\n" + role("one", credential_source="EcsContainer"),
     env=CONTAINER, profile="r")
case("credential_source EcsContainer, unset", "[profile r]\n" + role("one", credential_source="EcsContainer"),
     profile="r")
case("credential_source Ec2InstanceMetadata", "[profile r]\n" + role("one", credential_source="Ec2InstanceMetadata"),
     env=IMDS, profile="r")
case("credential_source Ec2InstanceMetadata, off", "[profile r]\n" + role(
    "one", credential_source="Ec2InstanceMetadata"), profile="r")
case("a credential_source in lower case", "[profile r]\n" + role("one", credential_source="environment"), env=ENV,
     profile="r")
# Web identity.
case("web identity by variables", env=WEB, files={"web-token": "jwt-of-ci"})
case("web identity with a session name", env={**WEB, "AWS_ROLE_SESSION_NAME": "ci-1"}, files={"web-token": "jwt-of-ci\n"})
case("web identity with an empty session name", "[default]\nrole_session_name = me\n", env={
    **WEB, "AWS_ROLE_SESSION_NAME": ""}, files={"web-token": "jwt-of-ci"})
case("web identity by profile", "[profile w]\n" + role(
    "web", web_identity_token_file=home + "/web-token", role_session_name="me"), profile="w",
     files={"web-token": "jwt-of-ci"})
case("web identity's variables beat a profile's", "[default]\n" + role(
    "profile", web_identity_token_file=home + "/other"), env=WEB, files={"web-token": "jwt-of-ci", "other": "none-of-it"})
case("web identity's variables beside a named profile", "[profile w]\n" + keys("W"), env=WEB, profile="w",
     files={"web-token": "jwt-of-ci"})
case("web identity beats keys in files", "[default]\n" + keys("CONFIG"), "[default]\n" + keys("SHARED"), WEB,
     files={"web-token": "jwt-of-ci"})
case("web identity without a role", env={"AWS_WEB_IDENTITY_TOKEN_FILE": home + "/web-token"},
     files={"web-token": "jwt-of-ci"})
case("web identity without its file", env=WEB)
case("an empty web identity file variable", "[default]\n" + keys("CONFIG"), env={
    **WEB, "AWS_WEB_IDENTITY_TOKEN_FILE": ""})
# SSO.
case("SSO, the older form", "[profile s]\n" + LEGACY, profile="s", files={LEGACY_FILE: token()})
case("SSO, the older form, old time", "[profile s]\n" + LEGACY, profile="s", files={
    LEGACY_FILE: json.dumps({"accessToken": "sso-token", "expiresAt": after(3600).replace("Z", "UTC")})})
case("SSO, the older form, expired", "[profile s]\n" + LEGACY, profile="s", files={LEGACY_FILE: token(-60)})
case("SSO without a token", "[profile s]\n" + LEGACY, profile="s")
case("SSO with a broken token file", "[profile s]\n" + LEGACY, profile="s", files={LEGACY_FILE: "{"})
case("SSO with half a token", "[profile s]\n" + LEGACY, profile="s", files={LEGACY_FILE: '{"accessToken":"x"}'})
case("SSO with half a profile", "[profile s]\n" + SSO, profile="s")
case("SSO with an account alone", "[profile s]\nsso_account_id = 333333333333\n" + keys("S"), profile="s")
case("SSO whose portal refuses", "[profile s]\n" + LEGACY, profile="s", files={LEGACY_FILE: token()},
     modes={"sso-unauthorized": ["sso-token"]})
named = "[profile s]\n" + SSO + "sso_session = corp\n" + SESSION
case("SSO by session", named, profile="s", files={SESSION_FILE: token()})
case("SSO by session, refreshed", named, profile="s", files={SESSION_FILE: token(600, **CLIENT)})
case("SSO by session, expired and refreshed", named, profile="s", files={SESSION_FILE: token(-600, **CLIENT)})
case("SSO by session, near expiry without a refresh token", named, profile="s", files={SESSION_FILE: token(600)})
case("SSO by session, refresh refused, still good", named, profile="s", files={SESSION_FILE: token(600, **CLIENT)},
     modes={"oidc-refuses": True})
case("SSO by session, refresh refused, expired", named, profile="s", files={SESSION_FILE: token(-6, **CLIENT)},
     modes={"oidc-refuses": True})
case("SSO by session, registration over", named, profile="s", files={
    SESSION_FILE: token(-6, **{**CLIENT, "registrationExpiresAt": after(-9)})})
case("SSO by a session that is not there", "[profile s]\n" + SSO + "sso_session = none\n" + SESSION, profile="s")
case("SSO whose session contradicts the profile", "[profile s]\n" + SSO
     + "sso_session = corp\nsso_region = eu-west-3\n" + SESSION, profile="s", files={SESSION_FILE: token()})
case("SSO beats keys in files", "[default]\n" + LEGACY + keys("CONFIG"), "[default]\n" + keys("SHARED"),
     files={LEGACY_FILE: token()})
# Login.
case("a login session", "[default]\nlogin_session = arn:aws:sts::1:me\n", files={LOGIN_FILE: LOGIN})
case("the credentials file beats a login session", "[default]\nlogin_session = arn:aws:sts::1:me\n",
     "[default]\n" + keys("SHARED"), files={LOGIN_FILE: LOGIN})
case("a login session beats a process", "[default]\nlogin_session = arn:aws:sts::1:me\n" + printed("PROCESS"),
     files={LOGIN_FILE: LOGIN})
case("a login session that is not there", "[default]\nlogin_session = arn:aws:sts::1:me\n" + keys("CONFIG"))
case("a login session elsewhere", "[default]\nlogin_session = arn:aws:sts::1:me\n",
     env={"AWS_LOGIN_CACHE_DIRECTORY": "~/l"}, files={LOGIN_FILE.replace(".aws/login/cache", "l"): LOGIN})
# Processes.
case("a process with a token and an expiration", "[default]\n" + printed(
    "PROCESS", SessionToken="t", Expiration=after(3600)))
for form in ("+00:00", ".123456+00:00", ".5Z", "-07:00", "+0000", "", " UTC"):
    case(f"a process whose expiration ends in {form!r}", "[default]\n" + printed(
        "PROCESS", Expiration=after(90000).replace("Z", form)))
case("a process whose expiration is empty", "[default]\n" + printed("PROCESS", Expiration=""))
case("a process whose expiration is null", "[default]\n" + printed("PROCESS", Expiration=None, SessionToken=None))
case("environment with an offset in its expiration", env={
    **ENV, "AWS_CREDENTIAL_EXPIRATION": after(90000).replace("Z", "+00:00")})
case("SSO whose token has an offset in its time", "[profile s]\n" + LEGACY, profile="s", files={
    LEGACY_FILE: json.dumps({"accessToken": "sso-token", "expiresAt": after(90000).replace("Z", "+02:00")})})
case("a process that has expired", "[default]\n" + printed("PROCESS", Expiration=after(-60)))
case("a process of version 2", "[default]\n" + printed("PROCESS", Version=2))
case("a process that fails", "[default]\ncredential_process = /bin/false\n" + keys("CONFIG"))
case("a process that is not there", "[default]\ncredential_process = /nowhere/x\n" + keys("CONFIG"))
case("a process that prints no JSON", "[default]\ncredential_process = /bin/echo no\n")
case("a process without a secret", '[default]\ncredential_process = /bin/echo \'{"Version":1,"AccessKeyId":"X"}\'\n')
case("a process with an open quote", "[default]\ncredential_process = /bin/echo 'x\n")
case("a process in quotes", "[default]\ncredential_process = \"/bin/echo\" '" + json.dumps(
    {"Version": 1, "AccessKeyId": "QUOTED", "SecretAccessKey": "a b"}) + "'\n")
# Containers and instances.
case("a container", env=CONTAINER)
case("a container with a token", env={**CONTAINER, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic x"})
case("a container's token file wins", env={
    **CONTAINER, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic x",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": home + "/t"}, files={"t": "Bearer file"})
case("a container's token file with a line break", env={
    **CONTAINER, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": home + "/t"}, files={"t": "Bearer file\n"})
case("a container's token file that is not there", env={
    **CONTAINER, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": home + "/t"})
case("a container at another host", env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.3/x"})
case("a container that answers the second time", env=CONTAINER, modes={"container-fails": 1})
case("files beat a container", "[default]\n" + keys("CONFIG"), env=CONTAINER)
case("a container beats the instance", env={**CONTAINER, **IMDS})
case("a named profile without anything, in a container", "[profile p]\n" + REGION, env=CONTAINER, profile="p")
case("an instance", env=IMDS)
case("an instance of version 1", env=IMDS, modes={"imds-v1": True})
case("an instance of version 1, refused", env={**IMDS, "AWS_EC2_METADATA_V1_DISABLED": "true"},
     modes={"imds-v1": True})
case("an instance of version 1, refused by profile", "[default]\nec2_metadata_v1_disabled = true\n", env=IMDS,
     modes={"imds-v1": True})
case("an instance without a role", env=IMDS, modes={"imds-empty": True})
case("an instance by profile", "[default]\nec2_metadata_service_endpoint = " + URL + "/\n",
     env={"AWS_EC2_METADATA_DISABLED": "false"})
case("an instance whose mode is none", env={**IMDS, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv5"})
case("an instance that is off", env={**IMDS, "AWS_EC2_METADATA_DISABLED": "TRUE"})
# The files' dialect.
case("comments and blank lines", "# one\n; two\n\n[default]\n# three\n\n  ; four\n" + keys("CONFIG") + "# end")
case("no inline comments", "", "[default]\naws_access_key_id = KEY ; not\naws_secret_access_key = s\n")
case("a colon between key and value", "[default]\naws_access_key_id: COLON\naws_secret_access_key: s\n")
case("keys in capitals", "[default]\nAWS_ACCESS_KEY_ID = UPPER\nAws_Secret_Access_Key = s\n")
case("a quoted profile name", '[profile "two words"]\n' + keys("QUOTED"), profile="two words")
case("a profile in single quotes", "[profile 'q']\n" + keys("QUOTED"), profile="q")
case("blanks in a header", "[profile   spaced ]\n" + keys("SPACED"), profile="spaced")
case("a profile without its word", "[plain]\n" + keys("PLAIN"), profile="plain")
case("default with its word", "[profile default]\n" + keys("WORD"))
case("default with and without its word", "[profile default]\n" + keys("WORD") + "[default]\n" + keys("PLAIN"))
case("profile NAME in the credentials file", "", "[profile p]\n" + keys("P"), profile="p")
case("the same section twice", "[profile a]\n" + keys("A") + "[profile a]\n" + keys("B"), profile="a")
case("the same profile in two spellings", "[profile a]\n" + keys("A") + '[profile "a"]\n' + keys("B"), profile="a")
case("the same key twice", "[default]\n" + keys("A") + keys("B"))
case("a key above every section", keys("A") + "[default]\n" + keys("B"))
case("a line that is nothing", "[default]\nwhat is this\n" + keys("A"))
case("CR LF", ("[default]\n" + keys("CRLF")).replace("\n", "\r\n"))
case("a byte order mark", "\ufeff[default]\n" + keys("BOM"))
case("no UTF-8", "[default]\n" + keys("A") + "x = \udcff\n")
case("an indented key", "[default]\n  aws_access_key_id = IN\n  aws_secret_access_key = s\n")
case("a deeper-indented key continues the one above", "[default]\nregion = eu-west-1\n  aws_access_key_id = IN\n",
     "[default]\n" + keys("SHARED"))
case("a nested section without values", "[default]\ns3 =\n  what\n" + keys("A"))
case("nested sections", "[default]\ns3 =\n  max_concurrent_requests = 20\n\n  # x\n" + keys("NESTED"))
case("the section DEFAULT is everybody's", "[DEFAULT]\n" + keys("ALL") + "[profile p]\n" + REGION, profile="p")
case("an open bracket", "[default\n" + keys("A"))
case("a bracket in a name", "[profile a]b]\n" + keys("B"), profile="a]b")
case("percent signs", "", "[default]\naws_access_key_id = P\naws_secret_access_key = %(x)s%\n")
case("an equals sign in a secret", "", "[default]\naws_access_key_id = EQ\naws_secret_access_key = a=b:c\n")
case("an open quote in a header", "[profile 'a]\n" + keys("A"), "[default]\n" + keys("SHARED"))


def write(path, text):
    full = os.path.join(home, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))


def prepare(config, credentials, files, modes):
    for entry in os.listdir(home):
        path = os.path.join(home, entry)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    for path, text in [(".aws/config", config), (".aws/credentials", credentials), *files.items()]:
        if text:
            write(path, text)
    server.modes = {k: (list(v) if isinstance(v, list) else v) for k, v in modes.items()}


def botocores(profile):
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", loader)
    try:
        found = session.get_credentials()
        if found is None:
            return None, "NoCredentials"
        frozen = found.get_frozen_credentials()
        return server.described(frozen.access_key), None
    except Exception as error:  # noqa: BLE001: whatever botocore raises is its answer
        return None, type(error).__name__


def ferrys(profile, env):
    words = [binary, "orphans", "discover", "--output", "json"] + (["--profile", profile] if profile else [])
    server.seen = []
    run = subprocess.run(words, env=env, cwd=home, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    last = run.stderr.decode(errors="replace").strip().split("\n")[-1]
    try:
        error = json.loads(last).get("code")
    except ValueError:
        error = last
    return server.seen[0] if server.seen else None, error, run.stderr


wanted = sys.argv[2:]
base = {"AWS_ENDPOINT_URL": URL, "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1"}
botocore.utils.ContainerMetadataFetcher.SLEEP_TIME = 0
for name, config, credentials, env, profile, files, modes in cases:
    if wanted and name not in wanted:
        continue
    server.reset()
    os.environ.clear()
    os.environ.update({**clean, **base, **env})
    prepare(config, credentials, files, modes)
    theirs, their_error = botocores(profile)
    prepare(config, credentials, files, modes)
    ours, our_error, talk = ferrys(profile, dict(os.environ))
    # The keys' secrets all say so.
    leak = b"secret-" in talk or b"token-ASIA" in talk
    print(json.dumps({"case": name, "botocore": theirs, "edgeferry": ours, "botocoreError": their_error,
                      "edgeferryError": our_error, "leak": leak}), flush=True)
shutil.rmtree(home, ignore_errors=True)
