// Numbers for people, made of their digits and never of floats.

const GAP = "\u202f";

/** A number with its digits in groups of three. */
export function grouped(number) {
    const [, sign, whole, rest] = /^(-?)(\d+)(.*)$/.exec(String(number)) ?? [null, "", "", String(number)];
    return sign.replace("-", "−") + whole.replace(/\B(?=(\d{3})+$)/g, GAP) + rest;
}

/** An amount of money; null for none. */
export function money(amount, currency) {
    return (amount ?? null) === null ? null : `${grouped(amount)} ${currency ?? ""}`.trim();
}

/** A number that counts things of the page, which is small enough to be a number of the language. */
export function count(numeral) {
    return Number(String(numeral ?? 0));
}

/** The noun for so many things. */
export function plural(number, one, many = `${one}s`) {
    return `${grouped(number)} ${String(number) === "1" ? one : many}`;
}
