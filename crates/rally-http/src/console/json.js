// JSON whose numbers keep their digits. A number of the API may have more of them than a float has.

/** A number as the text that stands for it. */
export class Numeral {
    constructor(text) {
        this.text = text;
    }

    toString() {
        return this.text;
    }
}

const NUMBER = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const WORDS = [["true", true], ["false", false], ["null", null]];

/** True for a text that is a number in JSON. */
export function isNumber(text) {
    NUMBER.lastIndex = 0;
    return NUMBER.test(text) && NUMBER.lastIndex === text.length;
}

/** The value of a JSON text; its numbers are numerals. */
export function parse(text) {
    const reader = { text, at: 0 };
    const value = readValue(reader);
    skipSpace(reader);
    if (reader.at !== text.length) fail(reader);
    return value;
}

/** The JSON text of a value; its numerals are numbers, digit for digit. */
export function print(value, indent = "") {
    if (value instanceof Numeral) return value.text;
    if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
    const inner = indent && indent + "  ";
    const [open, close] = indent ? ["\n" + inner, "\n" + indent] : ["", ""];
    const items = Array.isArray(value)
        ? value.map(item => print(item, inner))
        : Object.entries(value).filter(([, item]) => item !== undefined)
            .map(([name, item]) => `${JSON.stringify(name)}:${indent && " "}${print(item, inner)}`);
    const [first, last] = Array.isArray(value) ? "[]" : "{}";
    return items.length ? first + open + items.join("," + open) + close + last : first + last;
}

/** The JSON text of a value, indented for people. */
export function printed(value) {
    return print(value, " ").replaceAll("\n ", "\n");
}

function fail({ at }) {
    throw new SyntaxError(`this is no JSON at ${at}`);
}

function skipSpace(reader) {
    SPACE.lastIndex = reader.at;
    SPACE.test(reader.text);
    reader.at = SPACE.lastIndex;
}

function readValue(reader) {
    skipSpace(reader);
    const { text } = reader;
    const first = text[reader.at];
    if (first === '"') return readText(reader);
    if (first === "{") return readObject(reader);
    if (first === "[") return readArray(reader);
    for (const [word, value] of WORDS) {
        if (text.startsWith(word, reader.at)) {
            reader.at += word.length;
            return value;
        }
    }
    NUMBER.lastIndex = reader.at;
    const number = NUMBER.exec(text);
    if (!number) fail(reader);
    reader.at = NUMBER.lastIndex;
    return new Numeral(number[0]);
}

function readText(reader) {
    const { text, at } = reader;
    let end = at + 1;
    while (text[end] !== '"') {
        if (end >= text.length) fail(reader);
        end += text[end] === "\\" ? 2 : 1;
    }
    reader.at = end + 1;
    return JSON.parse(text.slice(at, end + 1));
}

/** Reads what is between two brackets, item by item. */
function readItems(reader, close, readItem) {
    reader.at += 1;
    skipSpace(reader);
    if (reader.text[reader.at] === close) {
        reader.at += 1;
        return;
    }
    for (;;) {
        readItem();
        skipSpace(reader);
        const next = reader.text[reader.at];
        reader.at += 1;
        if (next === close) return;
        if (next !== ",") fail(reader);
    }
}

function readArray(reader) {
    const items = [];
    readItems(reader, "]", () => items.push(readValue(reader)));
    return items;
}

function readObject(reader) {
    const members = {};
    readItems(reader, "}", () => {
        skipSpace(reader);
        if (reader.text[reader.at] !== '"') fail(reader);
        const name = readText(reader);
        skipSpace(reader);
        if (reader.text[reader.at] !== ":") fail(reader);
        reader.at += 1;
        // Not set by its name, as "__proto__" would be another thing than a member.
        Object.defineProperty(members, name, { value: readValue(reader), enumerable: true, writable: true, configurable: true });
    });
    return members;
}
