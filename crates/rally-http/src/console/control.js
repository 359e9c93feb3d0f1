// The control plane of the fake, for the tenant of the caller.

import { send, session } from "./api.js";
import { complain } from "./notice.js";

/** A request to the control plane, about the tenant. */
export function control(method, path, body, signal, query) {
    return send(method, `_fake/tenants/${encodeURIComponent(session.caller.tenantSlug)}/${path}`, { body, signal, query });
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
