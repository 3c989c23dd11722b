// Builds the page's elements. Data is only inserted as text or as an attribute's value, never as markup.

import { ago } from "./format.js";

/** Creates an element with attributes and children. Strings among the children become text nodes. */
export function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
}

/** Sets an element's text. Unchanged text is not set again, because that would cause a new layout. */
export function setText(node, text) {
    if (node.textContent !== text) {
        node.textContent = text;
    }
}

const entriesOf = new WeakMap();

/**
 * Updates `parent`'s children to match `items`. An item keeps its element as long as its key exists, so that focus,
 * selection and animated numbers are kept. `make(item)` returns an entry with a `node` and, optionally, `gone()`,
 * which is called when the item disappears. `update(entry, item, index)` fills the entry.
 */
export function follow(parent, items, keyOf, make, update) {
    const before = entriesOf.get(parent) ?? new Map();
    const after = new Map();
    for (const item of items) {
        let key = keyOf(item);
        while (after.has(key)) {
            key += "\u0000"; // items with the same key are all shown
        }
        after.set(key, { item, entry: before.get(key) ?? make(item) });
    }
    for (const [key, entry] of before) {
        if (!after.has(key)) {
            entry.node.remove();
            entry.gone?.();
        }
    }
    let next = parent.firstElementChild;
    let index = 0;
    for (const { item, entry } of after.values()) {
        if (entry.node === next) {
            next = next.nextElementSibling;
        } else {
            parent.insertBefore(entry.node, next);
        }
        update(entry, item, index);
        index += 1;
    }
    entriesOf.set(parent, new Map([...after].map(([key, { entry }]) => [key, entry])));
}

/** Creates a table with a caption for screen readers. Returns the table and its body. */
export function table(caption, headings) {
    const row = element("tr");
    for (const heading of headings) {
        row.append(element("th", { scope: "col", class: heading.kind ?? "" }, heading.text));
    }
    const body = element("tbody");
    const node = element("table", {}, element("caption", { class: "unseen" }, caption), element("thead", {}, row), body);
    return { node, body };
}

/** Creates a time element that the board updates as "12 s ago". Its tooltip is the exact time. */
export function since() {
    return element("time", { "data-since": "" });
}

/** Sets the time (ISO 8601) of a `since` element, or clears it. */
export function setSince(node, moment) {
    if (node.dataset.since === (moment ?? "")) {
        return;
    }
    node.dataset.since = moment ?? "";
    if (moment) {
        node.setAttribute("datetime", moment);
        node.title = moment;
        setText(node, ago(moment));
    } else {
        node.removeAttribute("datetime");
        node.removeAttribute("title");
        setText(node, "–");
    }
}

/** Creates a container that scrolls its content and can be reached by keyboard. */
export function scroller(label, ...children) {
    return element("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": label }, ...children);
}

/**
 * A list behind one line that opens. `show(text, count)` sets that line's text, and hides the line if `count` is 0. When it is
 * first shown, it is open if `count` is at most `openAtMost`.
 */
export function folded(openAtMost, ...children) {
    const words = element("span");
    const node = element("details", { class: "folded", hidden: "" }, element("summary", {}, words), ...children);
    let first = true;
    const show = (text, count) => {
        setText(words, text);
        node.hidden = count === 0;
        if (first && count > 0) {
            first = false;
            node.open = count <= openAtMost;
        }
    };
    return { node, show };
}
