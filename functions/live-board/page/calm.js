// Whether the user prefers reduced motion.

const query = matchMedia("(prefers-reduced-motion: reduce)");

/** `true` if animations must not run. */
export function calm() {
    return query.matches;
}
