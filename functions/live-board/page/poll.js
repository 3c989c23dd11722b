// Polls one endpoint. It sends one request at a time, none while the page is hidden, and fewer while requests fail.
// Each endpoint has its own slot in the period, so that the requests are spread over time.

const LONGEST_WAIT_MS = 30_000;
const PATIENCE_MS = 12_000;
const REASON_LENGTH = 160;

export class Poll {
    #path;
    #every;
    #slot;
    #first;
    #onAnswer;
    #onFailure;
    #timer;
    #asking = false;
    #running = false;
    #failures = 0;

    /** `every` is the period, `slot` the offset within it, and `first` the delay of the first request; all in ms. */
    constructor({ path, every, slot = 0, first = 0, onAnswer, onFailure }) {
        this.#path = path;
        this.#every = every;
        this.#slot = slot;
        this.#first = first;
        this.#onAnswer = onAnswer;
        this.#onFailure = onFailure;
    }

    start() {
        this.#running = true;
        document.addEventListener("visibilitychange", this.#turned);
        this.#askIn(this.#first);
    }

    stop() {
        this.#running = false;
        document.removeEventListener("visibilitychange", this.#turned);
        clearTimeout(this.#timer);
    }

    #turned = () => {
        clearTimeout(this.#timer);
        if (!document.hidden && !this.#asking) {
            this.#askIn(this.#first);
        }
    };

    #askIn(wait) {
        clearTimeout(this.#timer);
        if (this.#running && !document.hidden) {
            this.#timer = setTimeout(() => this.#ask(), wait);
        }
    }

    async #ask() {
        this.#asking = true;
        let answer;
        let reason;
        try {
            answer = await question(this.#path);
            this.#failures = 0;
        } catch (fault) {
            this.#failures += 1;
            reason = reasonOf(fault);
        }
        this.#asking = false;
        if (!this.#running) {
            return;
        }
        if (reason === undefined) {
            this.#show(answer);
        } else {
            this.#onFailure(reason);
        }
        this.#askIn(this.#failures > 0 ? this.#backoff() : this.#untilSlot());
    }

    // An answer with an unexpected shape counts as a failure and does not stop the polling.
    #show(answer) {
        try {
            this.#onAnswer(answer);
        } catch (fault) {
            this.#onFailure(`the answer cannot be shown (${String(fault.message).slice(0, REASON_LENGTH)})`);
        }
    }

    #untilSlot() {
        const wait = this.#every - ((performance.now() - this.#slot) % this.#every);
        return wait < this.#every / 2 ? wait + this.#every : wait;
    }

    #backoff() {
        const longest = Math.min(LONGEST_WAIT_MS, this.#every * 2 ** Math.min(this.#failures, 8));
        return longest * (0.5 + Math.random() / 2);
    }
}

/** An error response, with the server's reason. */
class Refusal extends Error {}

async function question(path) {
    const response = await fetch(path, {
        cache: "no-store",
        headers: { accept: "application/json" },
        signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (!response.ok) {
        const said = await response.json().catch(() => ({}));
        throw new Refusal(typeof said?.error === "string" ? said.error : `HTTP status ${response.status}`);
    }
    return response.json();
}

function reasonOf(fault) {
    if (fault instanceof Refusal) {
        return fault.message.slice(0, REASON_LENGTH);
    }
    if (fault.name === "TimeoutError") {
        return `it takes longer than ${PATIENCE_MS / 1000} s`;
    }
    return fault instanceof SyntaxError ? "the answer is not JSON" : "the server cannot be reached";
}
