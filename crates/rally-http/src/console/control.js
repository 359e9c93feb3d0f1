// The control plane of the fake, for the tenant of the caller.

import { send, session } from "./api.js";
import { complain } from "./notice.js";

/** A request to the control plane, about the tenant; without a path, about the tenant as such. */
export function control(method, path, options) {
    return send(method, ["_fake/tenants", encodeURIComponent(session.caller.tenantSlug), path].filter(Boolean).join("/"), options);
}

/** Does something, and then reads the page anew; says what goes wrong. */
export const acting = (act, load) => async () => {
    try {
        await act();
        await load();
    } catch (error) {
        complain(error);
    }
};

/** The members of an object that are given, in words. */
export function words(object) {
    return Object.entries(object).filter(([, value]) => value !== null).map(([name, value]) => `${name} ${value}`).join(", ");
}
