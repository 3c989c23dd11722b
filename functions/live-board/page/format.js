// Figures as text. Integers come as strings of digits and stay exact (BigInt); missing or odd ones show as a dash.

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

const BEYOND_NAMES = 10n ** 15n;

export const NONE = "–";

/** The integer that a string or number stands for, or null. */
export function whole(value) {
    const text = String(value ?? "");
    return /^-?\d+$/.test(text) ? BigInt(text) : null;
}

/** An integer with its digits in groups: 12,345. */
export function group(value) {
    const integer = typeof value === "bigint" ? value : whole(value);
    return integer === null ? NONE : grouped.format(integer);
}

/** A figure that fits everywhere: 12.3M; the exact one stands elsewhere. */
export function brief(value) {
    const integer = typeof value === "bigint" ? value : whole(value);
    if (integer === null) {
        return NONE;
    }
    const size = integer < 0n ? -integer : integer;
    if (size >= BEYOND_NAMES) {
        return Number(integer).toExponential(1).replace("+", "");
    }
    return size < 1_000_000n ? grouped.format(integer) : short.format(integer);
}

/** A number on an axis: 0, 250, 1.5K. */
export function tick(value) {
    return short.format(value);
}

/** Events a second. */
export function perSecond(value) {
    if (!Number.isFinite(value)) {
        return NONE;
    }
    if (value >= 1e6) {
        return brief(BigInt(Math.round(value)));
    }
    return value > 0 && value < 10 ? oneDecimal.format(value) : grouped.format(Math.round(value));
}

/** Metres a second. */
export function speed(value) {
    if (!Number.isFinite(value)) {
        return NONE;
    }
    return Math.abs(value) < 1e6 ? oneDecimal.format(value) : value.toExponential(1);
}

/** A number with one decimal: 23.6, −4.0. */
export function decimal(value) {
    return Number.isFinite(value) ? oneDecimal.format(value).replace("-", "−") : NONE;
}

/** A place on an axis: 0, −500 m, 12 km. */
export function grade(value) {
    if (Math.abs(value) < 1e-9) {
        return "0";
    }
    const [number, name] = Math.abs(value) >= 1000 ? [value / 1000, "km"] : [value, "m"];
    return `${short.format(number).replace("-", "−")} ${name}`;
}

/** A length: 4.2 m, −870 m, 12.3 km. */
export function metres(value) {
    if (!Number.isFinite(value)) {
        return NONE;
    }
    const size = Math.abs(value);
    const sign = value < 0 ? "−" : "";
    if (size >= 1e9) {
        return `${sign}${size.toExponential(1)} m`;
    }
    if (size >= 10_000) {
        return `${sign}${oneDecimal.format(size / 1000)} km`;
    }
    return `${sign}${size >= 100 ? grouped.format(size) : oneDecimal.format(size)} m`;
}

/** A size in binary units. */
export function bytes(value) {
    const integer = whole(value);
    if (integer === null) {
        return NONE;
    }
    let size = Number(integer);
    let unit = 0;
    while (size >= 1024 && unit < BYTES.length - 1) {
        size /= 1024;
        unit += 1;
    }
    return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${BYTES[unit]}`;
}

/** A stretch of time: 12 s, 4 min, 3 h, 2 d. */
export function stretch(seconds) {
    if (seconds < 90) {
        return `${Math.max(0, Math.round(seconds))} s`;
    }
    if (seconds < 5400) {
        return `${Math.round(seconds / 60)} min`;
    }
    return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** How long ago a moment (ISO 8601) was, for a clock that may be a little behind the server's. */
export function ago(moment, now = Date.now()) {
    const then = Date.parse(moment);
    return Number.isNaN(then) ? NONE : `${stretch((now - then) / 1000)} ago`;
}

/** The time of day of a moment, UTC. */
export function timeOfDay(date) {
    return date.toISOString().slice(11, 19);
}

/** The day of a moment in seconds since 1970, UTC: Fri 27 Nov. */
export function dayOf(seconds) {
    return day.format(seconds * 1000).replace(",", "");
}

/** The hour and minute of a moment in seconds since 1970, UTC. */
export function hourOf(seconds) {
    return timeOfDay(new Date(seconds * 1000)).slice(0, 5);
}
