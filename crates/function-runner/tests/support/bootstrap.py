"""A function for the tests: its event selects its behaviour. runtime.py is prepended to this file."""

import signal
import subprocess
import sys
import threading
import time

invocations = 0
ticks = 0


def tick():
    global ticks
    # Block SIGTERM in this thread, because only the main thread handles signals in Python.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    while True:
        time.sleep(0.01)
        ticks += 1


def work(event, headers):
    """Executes the event and returns the answer. It does not return if the event ends the process."""
    do = event.get("do")
    if do == "sleep":
        time.sleep(event["seconds"])
    elif do == "exit":
        print("last words", flush=True)
        os._exit(event["code"])
    elif do == "signal":
        os.kill(os.getpid(), event["signal"])
    elif do == "hold":
        # Write to the memory, so that it becomes resident.
        hold = bytearray(b"x") * (event["megabytes"] << 20)
        time.sleep(event.get("seconds", 0))
        del hold
    elif do == "child":
        code = f"x = bytearray(b'x') * ({event.get('megabytes', 0)} << 20); import time; time.sleep(60)"
        child = subprocess.Popen([sys.executable, "-c", code])
        time.sleep(event.get("seconds", 0))
        return {"child": child.pid}
    elif do == "environment":
        with open(f"{os.environ['TMPDIR']}/file", "w") as file:
            file.write("scratch")
        return {"environment": dict(os.environ), "folder": os.getcwd(), "headers": dict(headers)}
    elif do == "big":
        return "x" * event["bytes"]
    elif do == "print":
        for number in range(event["lines"]):
            print(f"line {number} {'x' * event.get('width', 0)}", file=sys.stderr if number % 2 else sys.stdout, flush=True)
    elif do == "stale":
        return {"status": call("POST", f"invocation/{event['id']}/response", b'"stale"').status}
    elif do == "next":
        return {"status": call("GET", "invocation/next").status}
    elif do == "touch-at-end":

        def touch(*_):
            with open(event["path"], "w") as file:
                file.write("ended")
            os._exit(0)

        signal.signal(signal.SIGTERM, touch)
    return {"pid": os.getpid(), "invocations": invocations, "ticks": ticks}


begin = os.environ.get("BEGIN")
if begin == "error":
    body = json.dumps({"errorType": "Config.Missing", "errorMessage": "no TABLE"})
    call("POST", "init/error", body, {"Lambda-Runtime-Function-Error-Type": "Config.Missing"})
    sys.exit(1)
if begin == "exit":
    sys.exit(7)
if begin == "slow-once" and not os.path.exists(os.environ["MARK"]):
    with open(os.environ["MARK"], "w"):
        time.sleep(60)
if begin == "slow":
    time.sleep(60)

threading.Thread(target=tick, daemon=True).start()
while True:
    request_id, headers, event = next_event()
    invocations += 1
    if event.get("do") == "error":
        body = json.dumps({"errorType": "Told", "errorMessage": "to fail", "stackTrace": []})
        call("POST", f"invocation/{request_id}/error", body, {"Lambda-Runtime-Function-Error-Type": "Told"})
        continue
    answer = json.dumps(work(event, headers))
    call("POST", f"invocation/{request_id}/response", answer)
    if event.get("do") == "work-on":
        time.sleep(event["seconds"])
