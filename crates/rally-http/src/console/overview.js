// What is in the tenant, and how the server is.

import { get, may, send, session } from "./api.js";
import { grouped, money, plural } from "./decimal.js";
import { control } from "./control.js";
import { badge, button, empty, facts, fill, h, heading } from "./element.js";
import { region } from "./grid.js";
import { KINDS } from "./kinds.js";
import { followSeldom } from "./live.js";
import { allPipelines } from "./names.js";
import { complain } from "./notice.js";
import { href } from "./router.js";
import { currentZone, time } from "./time.js";

const EVERY_MS = 2_000;

export async function show({ main, signal }) {
    const [counts, nothing, pipelines, server] = [h("ul.counts"), h("div"), h("div"), h("div")];
    fill(main, heading("Overview"), counts, nothing, h("h2", "Pipelines"), pipelines, h("h2", "Server"), server);
    const load = async () => {
        await Promise.all([showCounts(counts, nothing, signal), showPipelines(pipelines, signal)]);
        fill(server, await serverFacts());
    };
    followSeldom(load, EVERY_MS, signal);
    await load();
}

async function showCounts(place, nothing, signal) {
    const kinds = Object.entries(KINDS);
    const totals = await Promise.all(kinds.map(([kind]) => get(kind, { limit: 1, count: true, fields: "id" }, signal)));
    fill(place, kinds.map(([kind, { title }], at) => h("li", h("a", { href: href(kind) },
        h("strong", grouped(totals[at].total)), h("span", title)))));
    fill(nothing, totals.every(({ total }) => total === "0") && may("write")
        && empty("Nothing is here yet. Begin with", h("a", { href: href("contacts", { new: "1" }) }, "a contact"), ", or ", h("a", { href: href("contacts", "import") }, "import a file"), session.isFake && [", or ", button("fill it with a demo", () => control("POST", "seed", { body: { dataset: "demo" } }).catch(complain))]));
}

async function showPipelines(place, signal) {
    const all = await allPipelines();
    const forecasts = await Promise.all(all.map(({ id }) => get(`pipelines/${id}/forecast`, null, signal)));
    fill(place, all.map((pipeline, at) => region(pipeline.name,
        h("caption", h("a", { href: href("board", { pipeline: pipeline.id }) }, pipeline.name)),
        h("thead", h("tr", ["Stage", "Deals", "Sum", "Weighted"].map((name, column) => h("th", { scope: "col", class: column ? "number" : null }, name)))),
        h("tbody", forecasts[at].body.stages.map(stage => h("tr",
            h("th", { scope: "row" }, stage.name),
            h("td.number", grouped(stage.count)),
            h("td.number", stage.sums.map(sum => h("div", money(sum.value, sum.currency)))),
            h("td.number", stage.sums.map(sum => h("div", money(sum.weighted, sum.currency))))))))));
}

async function serverFacts() {
    const { caller, settings, rate, about } = session;
    const ready = await send("GET", "readyz").then(() => badge("ready", "won")).catch(error => h("span", badge("not ready", "lost"), " ", error.message));
    return facts([
        ["State", ready],
        about && ["Version", about.version],
        ["Tenant", settings ? `${settings.name} (${caller.tenantSlug})` : caller.tenantSlug],
        ["Signed in as", `${caller.email ?? caller.name}, ${caller.kind === "user" ? "a user" : "an API key"} with ${caller.scopes}`],
        caller.expiresAt && ["Until", time(caller.expiresAt)],
        settings && ["Profile", settings.profile],
        ["Time zone", currentZone()],
        ["Rate limit", rate ? `${plural(rate.remaining, "request")} of ${grouped(rate.limit)} left in this minute` : "none"],
        ["API", h("span", h("a", { href: "docs", target: "_blank" }, "operations"), ", ", h("a", { href: "docs/guide", target: "_blank" }, "rules"))],
    ]);
}
