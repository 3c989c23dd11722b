// The totals tables. The first one is large and shows its rows as a ranking; the others are smaller and below it.

import { count } from "./counting.js";
import { element, follow, scroller, setSince, setText, since, table } from "./elements.js";
import { group, NONE, perSecond, whole } from "./format.js";
import { Rate } from "./rates.js";
import { nameSounding, sound } from "./soundings.js";

const SCALE = 10_000;

/** Draws `api/totals` into `section`. */
export function totals(section) {
    const body = section.querySelector("[data-body]");
    const title = section.querySelector("h2");
    const nothing = element("p", { class: "kind" }, "No topic is totalled yet: a pipeline file with a `totals` section makes the first table.");
    const list = element("div");
    body.append(nothing, list);
    return (answer) => {
        const tables = answer.tables;
        nothing.hidden = tables.length > 0;
        follow(list, tables, (one) => `${one.topic}/${one.table}`, makeTable, updateTable);
        if (tables.length > 0) {
            setText(title, nameOf(tables[0]));
            sound("totals", tables[0].sum);
            nameSounding("totals", `counted in ${nameOf(tables[0]).toLowerCase()}`);
        }
    };
}

// The heading is built from the key columns ("Rooms"). The table's full name is shown below it.
function nameOf(one) {
    const words = one.keys.map((key) => key.replaceAll("_", " "));
    const name = words.join(" and ");
    return name === "" ? one.table : `${name[0].toUpperCase()}${name.slice(1)}${name.endsWith("s") ? "" : "s"}`;
}

function makeTable(one) {
    const sum = element("span", { class: "figure" });
    const sumBox = element("p", { class: "sum" }, sum);
    const rate = element("span", { class: "rate" });
    const rows = element("span");
    const changed = since();
    const { node: grid, body } = table(`${nameOf(one)}: the largest totals`, [
        ...one.keys.map((key) => ({ text: key.replaceAll("_", " ") })),
        { text: one.column.replaceAll("_", " "), kind: "number" },
        { text: "a second", kind: "number" },
    ]);
    const heading = element("h3", {}, nameOf(one));
    const source = element("p", { class: "source" }, `${one.table} ← ${one.topic}`);
    const facts = element("p", { class: "facts" }, rate, rows, changed);
    const node = element("article", {}, heading, sumBox, facts, scroller(`${nameOf(one)}, largest first`, grid), source);
    node.dataset.table = one.table;
    return { node, sum, sumBox, rate, rows, changed, body, growth: new Rate() };
}

function updateTable(entry, one, index) {
    const now = performance.now();
    entry.node.className = index === 0 ? "first" : "further";
    // The section's heading already shows the first table's name.
    entry.node.querySelector("h3").hidden = index === 0;
    count(entry.sum, one.sum);
    entry.sumBox.style.setProperty("--letters", Math.max(8, group(one.sum).length));
    entry.growth.read(one.sum, now);
    setText(entry.rate, `${signed(entry.growth.perSecond())} a second`);
    const shown = one.rows.length < one.row_count ? `${one.rows.length} largest of ${group(one.row_count)}` : `${group(one.row_count)} in all`;
    setText(entry.rows, shown);
    setSince(entry.changed, one.updated_at);
    const largest = one.rows.reduce((most, row) => (whole(row.total) > most ? whole(row.total) : most), 0n);
    follow(entry.body, one.rows, (row) => JSON.stringify(row.key), (row) => makeRow(one, row), (line, row) => updateRow(line, row, largest, now));
}

function makeRow(one, row) {
    const names = row.key.map((part, index) => {
        const cell = element(index === 0 ? "th" : "td", index === 0 ? { scope: "row" } : {});
        cell.append(element("bdi", {}, part === "" ? "(empty)" : String(part)));
        return cell;
    });
    const total = element("td", { class: "number" });
    const rate = element("td", { class: "number rate" });
    const node = element("tr", {}, ...names, total, rate);
    node.dataset.key = JSON.stringify(row.key);
    if (one.keys.length === 1 && one.keys[0] === "room") {
        node.dataset.room = row.key[0];
    }
    return { node, total, rate, growth: new Rate() };
}

function updateRow(line, row, largest, now) {
    count(line.total, row.total);
    line.growth.read(row.total, now);
    const growth = line.growth.perSecond();
    setText(line.rate, growth === 0 ? "·" : signed(growth));
    line.node.title = row.updated_at ?? "";
    line.node.style.setProperty("--share", String(share(whole(row.total), largest)));
}

// The line under a row is its bar.
function share(total, largest) {
    return total === null || total <= 0n || largest <= 0n ? 0 : Number((total * BigInt(SCALE)) / largest) / SCALE;
}

function signed(value) {
    if (Number.isNaN(value)) {
        return NONE;
    }
    return value > 0 ? `+${perSecond(value)}` : perSecond(value);
}
