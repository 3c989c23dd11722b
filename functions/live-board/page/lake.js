// The Delta tables of the lake.

import { isRecent } from "./activity.js";
import { count } from "./counting.js";
import { element, folded, follow, setSince, setText, since, table } from "./elements.js";
import { bytes, group, whole } from "./format.js";
import { sound } from "./soundings.js";

// More tables than these, and those without a new commit are one line.
const SHOWN_AT_MOST = 5;

/** Draws `api/lake` into `section`. */
export function lake(section) {
    const host = section.querySelector("[data-body]");
    const { node, body } = tableOf("Delta tables");
    const quiet = tableOf("Delta tables without a new commit");
    const fold = folded(0, quiet.node);
    const nothing = element("p", { class: "kind" }, "No table has been committed to yet.");
    host.append(node, nothing, fold.node);
    return (answer) => {
        const few = answer.tables.length <= SHOWN_AT_MOST;
        const [busy, still] = [answer.tables.filter((one) => few || isBusy(one)), answer.tables.filter((one) => !few && !isBusy(one))];
        node.hidden = busy.length === 0;
        nothing.hidden = answer.tables.length > 0;
        follow(body, busy, keyOf, makeRow, updateRow);
        follow(quiet.body, still, keyOf, makeRow, updateRow);
        fold.show(still.length === 1 ? "1 table had no commit within five minutes" : `${still.length} tables had no commit within five minutes`, still.length);
        sound("lake", answer.tables.reduce((sum, one) => sum + (whole(one.rows) ?? 0n), 0n).toString());
    };
}

function tableOf(caption) {
    return table(caption, [
        { text: "table" },
        { text: "rows", kind: "number" },
        { text: "files", kind: "number" },
        { text: "size", kind: "number" },
        { text: "version", kind: "number" },
        { text: "last commit", kind: "number" },
    ]);
}

function isBusy(one) {
    return isRecent(one.last_commit);
}

function keyOf(one) {
    return `${one.topic ?? ""} ${one.path}`;
}

function makeRow(one) {
    const number = () => element("td", { class: "number" });
    const row = { rows: number(), files: number(), size: number(), version: number(), commit: since() };
    const name = element("th", { scope: "row" }, element("bdi", {}, String(nameOf(one))), element("span", { class: "dim path" }, ...breakable(String(one.path))));
    row.node = element("tr", {}, name, row.rows, row.files, row.size, row.version, element("td", { class: "number" }, row.commit));
    row.node.dataset.path = one.path;
    if (one.topic !== null) {
        row.node.dataset.topic = one.topic;
    }
    return row;
}

// A table without a topic is named after its folder.
function nameOf(one) {
    return one.topic ?? one.path.split("/").at(-1);
}

// Long paths may wrap only after a slash.
function breakable(path) {
    return path.split(/(?<=\/)/).flatMap((part) => [part, element("wbr")]);
}

function updateRow(row, one) {
    count(row.rows, one.rows);
    setText(row.files, group(one.files));
    setText(row.size, bytes(one.bytes));
    row.size.title = `${group(one.bytes)} bytes`;
    setText(row.version, group(one.version));
    setSince(row.commit, one.last_commit);
}
