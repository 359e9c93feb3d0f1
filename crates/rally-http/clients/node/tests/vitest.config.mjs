import { defineConfig } from "vitest/config";

export default defineConfig({ test: { globalSetup: "rally-crm/vitest", include: ["vitest/*.test.ts"] } });
