// The settings of the tenant.

import { put, readSettings, session } from "./api.js";
import { fill, heading } from "./element.js";
import { field } from "./field.js";
import { changesOf, formOf } from "./form.js";
import { say } from "./notice.js";
import { setZone } from "./time.js";

export async function show({ main }) {
    const settings = await readSettings();
    const fields = [
        field({ name: "name", label: "Name of the tenant", type: "text", hint: "Empty: the slug" }, settings.name),
        field({ name: "timezone", label: "Time zone", type: "text", hint: "A name of the IANA database, such as Europe/Berlin" }, settings.timezone),
        field({ name: "defaultCurrency", label: "Currency of new deals", type: "text", hint: "A code of ISO 4217, such as EUR" }, settings.defaultCurrency),
        field({ name: "rateLimitPerMinute", label: "Requests a minute", type: "number", hint: "0 for no limit" }, settings.rateLimitPerMinute),
        field({ name: "profile", label: "Profile", type: "choice", words: ["documented", "strict"], isSet: true, hint: "strict refuses unknown members and parameters; documented ignores them" }, settings.profile),
    ];
    const send = async () => {
        session.settings = (await put("settings", changesOf(fields))).body;
        setZone(session.settings.timezone);
        say("The settings are saved.");
        await show({ main });
        main.querySelector("button")?.focus();
    };
    fill(main, heading("Settings"), formOf(fields, { verb: "Save", send }));
}
