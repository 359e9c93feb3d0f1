// The board: the deals of a pipeline in the columns of its stages.

import { get, may, patch } from "./api.js";
import { card, moveMenu } from "./card.js";
import { count, money, plural } from "./decimal.js";
import { badge, button, empty, fill, filterSelect, h, heading, newId, takeDrops } from "./element.js";
import { openNew } from "./form.js";
import { setPageKeys } from "./keys.js";
import { follow, seldom } from "./live.js";
import { allPipelines, forgetPipelines } from "./names.js";
import { complain, say } from "./notice.js";
import { go, href } from "./router.js";
import { versionOf } from "./time.js";

const CARDS = 50;
const SUMS_MS = 500;
/** So many changed deals are read one by one; where there are more, the columns are read anew. */
const ONE_BY_ONE = 12;

export async function show({ main, query, signal }) {
    // No change of a pipeline is in the feed.
    forgetPipelines();
    const pipelines = await allPipelines();
    const pipeline = pipelines.find(({ id }) => id === query.pipeline) ?? pipelines[0];
    if (!pipeline) {
        fill(main, heading("Board"), empty("There is no pipeline yet.", may("admin") && h("a", { href: href("pipelines") }, "Create one")));
        return;
    }
    const board = new Board(pipeline, signal);
    const choose = filterSelect("Pipeline", pipelines.map(({ id, name }) => [id, name]), pipeline.id, id => go("board", { pipeline: id }), null);
    fill(main, heading("Board"),
        h("div.bar", choose, board.total, h("span.grow"),
            may("admin") && h("a.button", { href: href("pipelines", { edit: pipeline.id }) }, "Edit the stages"),
            may("write") && button("New deal", () => board.create(), { class: "primary" })),
        h("p.hint", may("write") ? "Arrows go from card to card. Shift and an arrow move a deal, and so do dragging and the menu of a card." : "Arrows go from card to card."),
        board.element, board.nothing);
    setPageKeys(board.keys());
    await board.load();
    board.follow();
}

class Board {
    constructor(pipeline, signal) {
        this.pipeline = pipeline;
        this.signal = signal;
        this.mayMove = may("write");
        this.deals = new Map();
        this.moving = new Set();
        this.nothing = empty("No deal is in this pipeline yet.", this.mayMove && button("Create the first one", () => this.create()));
        this.nothing.hidden = true;
        this.total = h("span.total", { role: "status" });
        this.columns = new Map(pipeline.stages.map(stage => [stage.id, this.column(stage)]));
        this.element = h("div.board", [...this.columns.values()].map(({ element }) => element));
        this.readSums = seldom(() => this.sums().catch(() => {}), SUMS_MS, signal);
        this.element.addEventListener("keydown", event => this.onKey(event));
    }

    create() {
        openNew("deals", { pipelineId: this.pipeline.id });
    }

    column(stage) {
        const id = newId("stage");
        const list = h("ul.cards", { "aria-labelledby": id });
        const [sums, more, number] = [h("div.sums"), h("div.more"), h("span.count")];
        const element = h("section.column", { "data-stage": stage.id, "aria-labelledby": id },
            h("header", h("h2", { id }, stage.name, " ", stage.outcome !== "open" && badge(stage.outcome, stage.outcome)), number, sums), list, more);
        const column = { stage, element, list, sums, more, number, next: null, wanted: CARDS, reading: 0 };
        if (this.mayMove) {
            takeDrops(element, dropped => {
                const deal = dropped.getData("text/plain");
                if (this.deals.has(deal)) this.move(deal, stage.id);
            });
        }
        return column;
    }

    /** Reads the sums and the cards of all columns, as many of them as are shown. */
    async load() {
        await Promise.all([this.sums(), ...[...this.columns.values()].map(column => this.readColumn(column))]);
        this.tellIfEmpty();
    }

    tellIfEmpty() {
        this.nothing.hidden = this.deals.size > 0;
    }

    async readColumn(column) {
        const reading = (column.reading += 1);
        const deals = [];
        let query = { pipelineId: this.pipeline.id, stageId: column.stage.id, limit: CARDS };
        while (query && deals.length < column.wanted) {
            const { body, next } = await get("deals", query, this.signal);
            deals.push(...body);
            query = next;
        }
        if (reading !== column.reading) return;
        for (const [id, deal] of this.deals) if (deal.stageId === column.stage.id) this.deals.delete(id);
        for (const deal of deals) this.deals.set(deal.id, deal);
        this.keepFocus(() => fill(column.list, deals.map(deal => this.card(deal))));
        this.setNext(column, query);
    }

    setNext(column, next) {
        column.next = next;
        fill(column.more, next && button(`Show ${CARDS} more`, () => this.more(column), { "aria-label": `Show ${CARDS} more of ${column.stage.name}` }));
    }

    async more(column) {
        const { reading, list: { children: { length } } } = column;
        column.wanted += CARDS;
        try {
            const { body, next } = await get("deals", column.next, this.signal);
            if (reading === column.reading) {
                for (const deal of body.filter(({ id }) => !this.deals.has(id))) {
                    this.deals.set(deal.id, deal);
                    column.list.append(this.card(deal));
                }
                this.setNext(column, next);
            // All cards were read anew meanwhile, or are being read, perhaps without these.
            } else await this.readColumn(column);
            column.list.children[length]?.querySelector("a").focus();
        } catch (error) {
            complain(error);
        }
    }

    async sums() {
        const { body } = await get(`pipelines/${this.pipeline.id}/forecast`, null, this.signal);
        let all = 0;
        for (const stage of body.stages) {
            const column = this.columns.get(stage.id);
            if (!column) continue;
            all += count(stage.count);
            column.count = count(stage.count);
            fill(column.number, plural(stage.count, "deal"));
            fill(column.sums, stage.sums.length ? stage.sums.map(sum => h("div", h("span.sum", money(sum.value, sum.currency)),
                h("span.weighted", { title: "weighted: each value times the probability of its deal" }, " weighted ", money(sum.weighted, sum.currency)))) : h("div.none", "no value"));
        }
        fill(this.total, plural(all, "deal"));
    }

    card(deal) {
        const element = card(deal, { stages: this.pipeline.stages, moveTo: this.mayMove ? stageId => this.move(deal.id, stageId) : null });
        if (this.mayMove) {
            element.addEventListener("dragstart", event => {
                event.dataTransfer.setData("text/plain", deal.id);
                event.dataTransfer.effectAllowed = "move";
                element.classList.add("dragged");
            });
            element.addEventListener("dragend", () => element.classList.remove("dragged"));
        }
        return element;
    }

    cardOf(id) {
        return id ? this.element.querySelector(`[data-id="${CSS.escape(id)}"]`) : null;
    }

    /** Puts the card of a deal where it belongs; the order of a column is that of creation, which ids have. */
    place(deal) {
        const column = this.columns.get(deal.stageId);
        const known = this.deals.get(deal.id);
        this.keepFocus(() => {
            this.cardOf(deal.id)?.remove();
            if (!column || deal.pipelineId !== this.pipeline.id) {
                this.deals.delete(deal.id);
                return;
            }
            const behind = [...column.list.children].find(other => other.dataset.id > deal.id);
            // Behind the last card that was read, a deal comes with the next ones, unless it was seen here already.
            if (!behind && column.next && !known) return;
            this.deals.set(deal.id, deal);
            column.list.insertBefore(this.card(deal), behind ?? null);
        });
        this.tellIfEmpty();
    }

    /** Does something to cards, after which the focus is on the card that it was on. */
    keepFocus(act) {
        const focused = document.activeElement?.closest(".card");
        const id = focused && this.element.contains(focused) ? focused.dataset.id : null;
        act();
        const again = this.cardOf(id);
        if (again && !again.contains(document.activeElement)) again.querySelector("a")?.focus({ preventScroll: true });
    }

    countUp(stageId, by) {
        const column = this.columns.get(stageId);
        if (!column) return;
        column.count = (column.count ?? 0) + by;
        fill(column.number, plural(column.count, "deal"));
    }

    /** Moves a deal at once, and back if the server refuses. */
    async move(id, stageId) {
        const before = this.deals.get(id);
        const stage = this.columns.get(stageId)?.stage;
        if (!before || !stage || before.stageId === stageId || this.moving.has(id)) return;
        this.moving.add(id);
        this.place({ ...before, stageId, stageName: stage.name, probability: stage.probability });
        this.countUp(before.stageId, -1);
        this.countUp(stageId, 1);
        this.cardOf(id)?.querySelector("a").focus();
        try {
            const { body } = await patch(`deals/${id}/stage`, { stageId }, { headers: { "If-Match": versionOf(before.updatedAt) } });
            this.place(body);
            say(`${before.name} is in ${stage.name}.`);
        } catch (error) {
            this.countUp(stageId, -1);
            this.countUp(before.stageId, 1);
            this.place(before);
            if (error.status === 412 || error.status === 404) await this.tellWhoWasFirst(before);
            else complain(error, ["Try again", () => this.move(id, stageId)]);
        } finally {
            this.moving.delete(id);
            this.readSums();
        }
    }

    /** Shows a deal that somebody else has changed as it is, and says who. */
    async tellWhoWasFirst(before) {
        try {
            const [{ body: deal }, { body: changes }] = await Promise.all([get(`deals/${before.id}`), get(`deals/${before.id}/history`, { limit: 1 })]);
            this.place(deal);
            const who = changes[0]?.changedBy ?? "somebody";
            complain({ message: `${deal.name} was not moved, as ${who} has changed it meanwhile: it is in ${deal.stageName} now.` });
        } catch (error) {
            if (error.status === 404) {
                this.drop(before.id);
                complain({ message: `${before.name} was not moved, as it has been deleted meanwhile.` });
            } else complain(error);
        }
    }

    drop(id) {
        this.cardOf(id)?.remove();
        this.deals.delete(id);
        this.tellIfEmpty();
    }

    follow() {
        follow(async changes => {
            const ids = new Set((changes ?? []).filter(({ entityType }) => entityType === "deal").map(({ entityId }) => entityId));
            if (!changes || ids.size > ONE_BY_ONE) await this.load().catch(() => {});
            else await Promise.all([...ids].map(id => this.refresh(id, changes)));
            if (!changes || ids.size) this.readSums();
        }, this.signal);
    }

    /** Reads a deal that has changed, unless it is known as it is, or its own move is under way. */
    async refresh(id, changes) {
        const last = changes.findLast(({ entityId }) => entityId === id);
        if (last.action === "deleted") this.drop(id);
        if (last.action === "deleted" || this.moving.has(id) || this.deals.get(id)?.updatedAt === last.changedAt) return;
        try {
            const { body } = await get(`deals/${id}`, null, this.signal);
            if (!this.moving.has(id)) this.place(body);
        } catch (error) {
            if (error.status === 404) this.drop(id);
        }
    }

    keys() {
        const first = { ArrowDown: "below", ArrowUp: "above", ArrowLeft: "on the left", ArrowRight: "on the right" };
        const enter = () => {
            const link = this.element.querySelector(".card a");
            link?.focus();
            return Boolean(link);
        };
        const keys = Object.fromEntries(Object.entries(first).map(([key, where]) => [key, [`Go to the card ${where}`, () => !this.element.contains(document.activeElement) && enter()]]));
        if (!this.mayMove) return keys;
        return { ...keys, n: ["New deal", () => this.create()], "Shift+ArrowRight": ["Move the deal to the next stage", () => false], "Shift+ArrowLeft": ["Move the deal to the previous stage", () => false], m: ["Choose the stage to move the deal to", () => this.openMenu()] };
    }

    openMenu() {
        const element = document.activeElement?.closest(".card");
        const deal = this.deals.get(element?.dataset.id);
        if (!deal) return false;
        moveMenu(element.querySelector(".move"), deal, this.pipeline.stages, stageId => this.move(deal.id, stageId));
        return true;
    }

    onKey(event) {
        const element = event.target.closest(".card");
        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0;
        const along = { ArrowUp: -1, ArrowDown: 1 }[event.key] ?? 0;
        if (!element || event.target.closest("[role=menu]") || (!by && !along)) return;
        event.preventDefault();
        event.stopPropagation();
        const stages = this.pipeline.stages.map(({ id }) => id);
        const at = stages.indexOf(element.closest(".column").dataset.stage);
        if (event.shiftKey) {
            if (by && this.mayMove && stages[at + by]) this.move(element.dataset.id, stages[at + by]);
            return;
        }
        const cards = [...element.parentElement.children];
        const row = cards.indexOf(element);
        let next = cards[row + along];
        // A column without cards is passed over.
        for (let column = at + by; by && stages[column]; column += by) {
            const there = this.columns.get(stages[column]).list.children;
            if (there.length) {
                next = there[Math.min(row, there.length - 1)];
                break;
            }
        }
        next?.querySelector("a")?.focus();
    }
}

