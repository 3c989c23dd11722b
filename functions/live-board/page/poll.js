// Asking one endpoint again and again. Never two requests of one endpoint at once, none while nobody looks, and fewer while
// it fails. Every endpoint keeps its own slot of the period, so that they do not all ask together.

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

    /** `every` and `slot` (its offset within the period) in ms; `first`: how long the first question waits. */
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

    // An answer of an unforeseen shape must not end the polling, nor pass for a good one.
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

/** An answer that says why there is none. */
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
