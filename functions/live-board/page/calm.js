// Whether the reader asked for less motion.

const query = matchMedia("(prefers-reduced-motion: reduce)");

/** True when nothing may move by itself. */
export function calm() {
    return query.matches;
}
