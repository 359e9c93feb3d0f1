// Compiled and not run: the types of the package, and those of the API.
import { fake, reset, type components } from "rally-crm/testing";

type Contact = components["schemas"]["Contact"];

const rally = await fake({ clock: new Date(), rateLimit: 0 });
await rally.faults.arm("afterCommit", reset(), { method: "POST", route: "/deals", times: null });
const contacts: Contact[] = (await rally.call("GET", "/contacts")).json();
const emails: string[] = contacts.map((contact) => contact.email);
// @ts-expect-error A point that faults do not have.
await rally.faults.arm("between", reset());
// @ts-expect-error A member that contacts do not have.
contacts[0]?.shoeSize;
await rally.close();
export { emails };
