// The totals tables. The first one is large and shows its rows as a ranking; the others are below it. If there are many, each
// is one line. Tables without rows are in one list.

import { isRecent } from "./activity.js";
import { count } from "./counting.js";
import { element, folded, follow, scroller, setSince, setText, since, table } from "./elements.js";
import { brief, group, NONE, perSecond, whole } from "./format.js";
import { Rate } from "./rates.js";
import { nameSounding, sound } from "./soundings.js";

const SCALE = 10_000;
// With more tables than this, all but the first start closed.
const OPEN_AT_MOST = 3;

/** Draws `api/totals` into `section`. */
export function totals(section) {
    const body = section.querySelector("[data-body]");
    const nothing = element("p", { class: "kind" }, "No topic is totalled yet: a pipeline file with a `totals` section makes the first table.");
    const list = element("div");
    const names = element("ul", { class: "names" });
    const empty = folded(OPEN_AT_MOST, names);
    body.append(nothing, list, empty.node);
    return (answer) => {
        const withRows = answer.tables.filter((one) => one.row_count > 0);
        // Tables with recent changes come first. Each half keeps its order, so that tables seldom move.
        const tables = [...withRows.filter(isBusy), ...withRows.filter((one) => !isBusy(one))];
        const rowless = answer.tables.filter((one) => one.row_count === 0);
        nothing.hidden = answer.tables.length > 0;
        follow(list, tables, keyOf, (one) => makeTable(one, one === tables[0] || tables.length <= OPEN_AT_MOST), updateTable);
        empty.show(rowless.length === 1 ? "1 table has no row yet" : `${rowless.length} tables have no row yet`, rowless.length);
        follow(names, rowless, keyOf, makeName, () => {});
        const shown = tables[0] ?? rowless[0];
        if (shown !== undefined) {
            sound("totals", shown.sum);
            nameSounding("totals", `counted in ${shown.table}`);
        }
    };
}

function isBusy(one) {
    return isRecent(one.updated_at);
}

function keyOf(one) {
    return `${one.topic}/${one.table}`;
}

function makeName(one) {
    return { node: element("li", {}, element("bdi", {}, String(one.table)), element("span", { class: "dim" }, ` ← ${one.topic}`)) };
}

function makeTable(one, open) {
    const sum = element("span", { class: "figure" });
    const sumBox = element("p", { class: "sum" }, sum);
    const rate = element("span", { class: "rate" });
    const rows = element("span");
    const changed = since();
    const { node: grid, body } = table(`${one.table}: the largest totals`, [
        ...one.keys.map((key) => ({ text: key.replaceAll("_", " ") })),
        { text: one.column.replaceAll("_", " "), kind: "number" },
        { text: "a second", kind: "number" },
    ]);
    const short = element("b", { class: "number short" });
    const summary = element("summary", {}, element("h3", {}, element("bdi", {}, String(one.table))), short);
    const source = element("p", { class: "source" }, `${one.column} ← ${one.topic}`);
    const facts = element("p", { class: "facts" }, rate, rows, changed);
    const node = element("details", {}, summary, sumBox, facts, scroller(`${one.table}, largest first`, grid), source);
    node.open = open;
    node.dataset.table = one.table;
    return { node, short, sum, sumBox, rate, rows, changed, body, growth: new Rate() };
}

function updateTable(entry, one, index) {
    const now = performance.now();
    entry.node.className = index === 0 ? "first" : "further";
    setText(entry.short, brief(one.sum));
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
