declare module "vitest" {
  interface ProvidedContext {
    /** The address of the fake that the global set-up has started. */
    rallyUrl: string;
  }
}

/** A global set-up: one fake for all files, which ends with the run. */
export default function setup(project: { provide(name: "rallyUrl", value: string): void }): Promise<() => Promise<void>>;
