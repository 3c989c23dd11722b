// Formats figures. Integers come as strings of digits and stay exact (BigInt). Missing or invalid ones become a dash.

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

const BEYOND_NAMES = 10n ** 15n;

export const NONE = "–";

/** Parses a string or number as an integer; returns null if it is not an integer. */
export function whole(value) {
    const text = String(value ?? "");
    return /^-?\d+$/.test(text) ? BigInt(text) : null;
}

/** Formats an integer with grouped digits: 12,345. */
export function group(value) {
    const integer = typeof value === "bigint" ? value : whole(value);
    return integer === null ? NONE : grouped.format(integer);
}

/** A short figure such as 12.3M. The exact figure is shown elsewhere. */
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

/** Events per second. */
export function perSecond(value) {
    if (!Number.isFinite(value)) {
        return NONE;
    }
    if (value >= 1e6) {
        return brief(BigInt(Math.round(value)));
    }
    return value > 0 && value < 10 ? oneDecimal.format(value) : grouped.format(Math.round(value));
}

/** Metres per second. */
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

/** A position on an axis: 0, −500 m, 12 km. */
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

/** A duration: 12 s, 4 min, 3 h, 2 d. */
export function stretch(seconds) {
    if (seconds < 90) {
        return `${Math.max(0, Math.round(seconds))} s`;
    }
    if (seconds < 5400) {
        return `${Math.round(seconds / 60)} min`;
    }
    return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** The age of a time (ISO 8601). The local clock may be a little behind the server's. */
export function ago(moment, now = Date.now()) {
    const then = Date.parse(moment);
    return Number.isNaN(then) ? NONE : `${stretch((now - then) / 1000)} ago`;
}

/** The time of day in UTC. */
export function timeOfDay(date) {
    return date.toISOString().slice(11, 19);
}

/** The day in UTC of a time in seconds since 1970: Fri 27 Nov. */
export function dayOf(seconds) {
    return day.format(seconds * 1000).replace(",", "");
}

/** The hour and minute in UTC of a time in seconds since 1970. */
export function hourOf(seconds) {
    return timeOfDay(new Date(seconds * 1000)).slice(0, 5);
}
