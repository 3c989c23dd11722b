// The colours of the style sheet, for what is drawn on a canvas: one place for both themes.

const NAMES = [
    "paper", "water", "ink", "soft", "rule", "frame", "current", "area", "alert",
    "speed-1", "speed-2", "speed-3", "speed-4", "speed-5", "line-1", "line-2", "line-3", "line-4",
];

let colours;
let scale;
let family;
const probe = document.createElement("span");
probe.hidden = true;
document.documentElement.append(probe);

// A custom property is given back as it was written; a colour comes back resolved for the theme.
function read() {
    const resolved = {};
    for (const name of NAMES) {
        probe.style.color = `var(--${name})`;
        resolved[name] = getComputedStyle(probe).color;
    }
    return resolved;
}

/** The colours of the theme that shows now, by name. */
export function palette() {
    colours ??= read();
    return colours;
}

/** How much larger than 16 px the page's type is (a wall's is): lines and dots follow it. */
export function unit() {
    scale ??= parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    return scale;
}

/** The page's type for a canvas. */
export function type(size, weight = 400) {
    family ??= getComputedStyle(document.body).fontFamily;
    return `${weight} ${size * unit()}px ${family}`;
}

addEventListener("resize", () => {
    scale = undefined;
});

/** Calls back when the theme changes; returns what ends that. */
export function onTheme(callback) {
    document.addEventListener("themechange", callback);
    return () => document.removeEventListener("themechange", callback);
}

// Registered before any callback, so that all of them see the new colours.
document.addEventListener("themechange", () => {
    colours = undefined;
});
