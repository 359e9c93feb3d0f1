// A global set-up of Vitest: one fake for all files, whose address tests get by `inject("rallyUrl")`.
import testing from "./testing.js";

export default async function setup({ provide }) {
  const server = await testing.Server.start();
  provide("rallyUrl", server.url);
  return () => server.close();
}
