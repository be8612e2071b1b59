import { defineConfig } from 'vitest/config';

/** How many times as long as elsewhere things may take here. */
const PATIENCE = Number(process.env['WHARF_TEST_PATIENCE'] ?? 1);

/** One project per suite: `vitest --project unit|contract|e2e|faults`. Everything but unit drives a real daemon and so runs file after file. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'shim/test/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      ...['contract', 'e2e', 'faults'].map((name) => ({
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          fileParallelism: false,
          testTimeout: 120_000 * PATIENCE,
          hookTimeout: 120_000 * PATIENCE,
          sequence: { groupOrder: 1 },
        },
      })),
    ],
  },
});
