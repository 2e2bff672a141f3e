"""Licenses: what jobs really hold. One that is asked for and never used, one that is used and was forgotten."""

import json
import socket
import threading

RUNS = 3
CONFIG = """
[licenses]
min_runs = {runs}
[[rule]]
licenses = "apply"
[[license]]
name = "matlab"
servers = ["{port}@127.0.0.1"]
[[license]]
name = "ansys"
processes = ["ansys"]
"""


def serve():
    """A license server that lets everybody wait. Returns its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def accept():
        held = []
        while True:
            held.append(server.accept())

    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]


def show(inside, config, scratch, wait_for_profile):
    """The same job a few times: it asks for ansys, and holds two seats of matlab."""
    print("\n== licenses: bob's job asks for ansys, and uses two seats of matlab", flush=True)
    port = serve()
    config.write_text(config.read_text() + CONFIG.format(runs=RUNS, port=port))
    command = ["sbatch", "--parsable", "--output=/dev/null", "--time=20", "--mem=300", "--licenses=ansys"]
    script = scratch / "jobs/seats.sh"
    for _ in range(RUNS):
        job = inside(*command, "--wait", script, str(port), user="bob")[0].strip()
    wait_for_profile(inside, job)
    job, said = inside(*command, "--hold", script, str(port), user="bob")
    job = job.strip()
    print(f"  bob   seats           --licenses=ansys\n        {said.strip()}", flush=True)
    queue = json.loads(inside("squeue", "--json")[0])["jobs"]
    own = next(one for one in queue if str(one["job_id"]) == job)
    inside("scancel", job)
    return {"licenses_set": own["licenses"] or "", "said": said.strip()}


def is_good(found):
    return found["licenses_set"] == "" and "it may need matlab:2" in found["said"]
