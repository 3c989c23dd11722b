// Building the page's elements. Whatever comes from data goes in as text or as an attribute's value, never as markup.

import { ago } from "./format.js";

/** An element with attributes and children; strings among the children become text. */
export function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
}

/** Sets an element's text, unless it is there already: text that stays is not laid out again. */
export function setText(node, text) {
    if (node.textContent !== text) {
        node.textContent = text;
    }
}

const entriesOf = new WeakMap();

/**
 * Makes `parent`'s children follow `items`: an item keeps its element for as long as its key is there, so that focus,
 * selection and running numbers survive. `make(item)` returns an entry with a `node` (and
 * perhaps `gone()`, for when its item is not there any more); `update(entry, item, index)` fills it.
 */
export function follow(parent, items, keyOf, make, update) {
    const before = entriesOf.get(parent) ?? new Map();
    const after = new Map();
    for (const item of items) {
        let key = keyOf(item);
        while (after.has(key)) {
            key += "\u0000"; // a key that comes twice is shown twice
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

/** A table with a caption for those who do not see the heading; returns the table and its body. */
export function table(caption, headings) {
    const row = element("tr");
    for (const heading of headings) {
        row.append(element("th", { scope: "col", class: heading.kind ?? "" }, heading.text));
    }
    const body = element("tbody");
    const node = element("table", {}, element("caption", { class: "unseen" }, caption), element("thead", {}, row), body);
    return { node, body };
}

/** A time that the board keeps as "12 s ago"; the moment itself is its tooltip. */
export function since() {
    return element("time", { "data-since": "" });
}

/** Points a `since` element at a moment (ISO 8601), or at none. */
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

/** A list or table that scrolls within its height, reachable by keyboard. */
export function scroller(label, ...children) {
    return element("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": label }, ...children);
}
